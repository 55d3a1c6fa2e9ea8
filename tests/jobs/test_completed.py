"""A command line that has been through: only while nothing that it stands on has changed."""

from dataclasses import replace

import numpy as np
import pytest
from hydra.utils import instantiate
from PIL import Image

from jobs.completed import all_points_done, setting_digest
from sweeps.records.journal import Command
from sweeps.records.run_record import update_record


@pytest.fixture
def through(tmp_path):
    """A sweep of one finished run on a folder of flowers, and the command that made it."""
    rng = np.random.default_rng(0)
    for name in ("daisy", "tulip"):
        (tmp_path / "flowers" / name).mkdir(parents=True)
        for number in range(6):
            picture = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
            picture.save(tmp_path / "flowers" / name / f"{number}.png")
    settings = {
        "_target_": "datamodules.image_folder.ImageFolder", "root": str(tmp_path / "flowers"), "cache": str(tmp_path / "cache"),
        "use_parts": True, "folds": 3, "val_folds": 0, "split_seed": 0, "fold": 0, "calibration_cells": 2,
    }  # fmt: skip
    data = {"fingerprint": instantiate(settings).load().fingerprint}
    config = {"datamodule": settings, "backbone": {"weights": "none"}}
    update_record(
        tmp_path / "sweep" / "run",
        lambda _: {"status": "done", "axes": {"datamodule": "image_folder"}, "config": config, "data": data},
    )
    return tmp_path, Command(line=["seed=0"], setting="s", points=1, runs=("run",), ended=True)


def test_the_same_command_is_through(through):
    place, command = through
    assert all_points_done(place / "sweep", command, command)


@pytest.mark.parametrize("word", ["overwrite=true", "retry_failed=true"])
def test_a_command_that_trains_again_is_never_through(through, word):
    place, command = through
    assert not all_points_done(place / "sweep", command, replace(command, line=[word]))


def test_other_code_more_points_or_an_earlier_stop_are_looked_at(through):
    place, command = through
    assert not all_points_done(place / "sweep", command, replace(command, setting="another"))
    assert not all_points_done(place / "sweep", command, replace(command, points=2))
    assert not all_points_done(place / "sweep", replace(command, ended=False), command)
    assert not all_points_done(place / "sweep", None, command)


@pytest.mark.parametrize("change", ["moved", "gone"])
def test_changed_data_are_seen(through, change):
    place, command = through
    picture = place / "flowers" / "daisy" / "0.png"
    if change == "moved":
        picture.rename(place / "flowers" / "tulip" / "9.png")
    else:
        picture.unlink()
    assert not all_points_done(place / "sweep", command, command)


def test_a_point_that_was_stopped_is_through_under_the_same_rule_alone(through):
    place, command = through
    rule = ["seed=0", "halving.reduction_factor=3"]
    update_record(
        place / "sweep" / "run",
        lambda record: record | {"status": "pruned", "halving": [{"bracket": "b", "rungs": []}], "overrides": rule},
    )
    assert all_points_done(place / "sweep", command, replace(command, line=rule))
    for line in (["seed=0"], ["seed=0", "halving.reduction_factor=4"]):
        assert not all_points_done(place / "sweep", command, replace(command, line=line))
    update_record(place / "sweep" / "run", lambda record: record | {"halving": []})  # a search's
    assert not all_points_done(place / "sweep", command, replace(command, line=rule))


@pytest.mark.parametrize(
    "settings",
    [
        {"method": {"teacher": "runs/x/y"}},
        {"task": {"unlabelled": "photos"}},
        {"backbone": {"weights": "own.safetensors"}},
    ],
    ids=["teacher", "unlabelled", "weights"],
)
def test_what_lies_elsewhere_may_have_changed(through, settings):
    place, command = through
    start = {"initial_weights": {"origin": "file", "sha256": "0"}} if "backbone" in settings else {}
    update_record(place / "sweep" / "run", lambda old: old | start | {"config": old["config"] | settings})
    assert not all_points_done(place / "sweep", command, command)


def test_code_of_a_package_of_one_s_own_is_part_of_what_a_command_says(tmp_path, monkeypatch):
    (tmp_path / "own_networks").mkdir()
    code = tmp_path / "own_networks" / "__init__.py"
    code.write_text("WIDTH = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    before = setting_digest()
    monkeypatch.setenv("GRIDLITE_PACKAGES", "own_networks")
    named = setting_digest()
    code.write_text("WIDTH = 2\n")
    assert len({before, named, setting_digest()}) == 3
