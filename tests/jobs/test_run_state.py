"""What a job finds in its folder: nothing to do, something that stands in the way, or a training to go on with."""

from types import SimpleNamespace

import pandas as pd
import pytest
from omegaconf import OmegaConf

from jobs import run_state
from jobs.run_state import say_start, skip_reason
from sweeps.records.run_record import RecordError, update_record


def job(folder, root="here", **settings):
    cfg = {"overwrite": False, "retry_failed": False, "datamodule": {"root": root}} | settings
    return SimpleNamespace(folder=folder, cfg=OmegaConf.create(cfg))


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    monkeypatch.setattr(run_state, "in_grid", lambda: False)


@pytest.fixture
def in_a_grid(alone, monkeypatch):
    monkeypatch.setattr(run_state, "in_grid", lambda: True)


def ended(folder, status, error="", fingerprint="abc"):
    config = {"datamodule": {"root": "here"}}
    update_record(
        folder, lambda _: {"status": status, "error": error, "config": config, "data": {"fingerprint": fingerprint}}
    )
    return folder


def test_what_is_done_on_the_same_data_is_not_done_again(tmp_path):
    folder = ended(tmp_path / "run", "done")
    assert skip_reason(job(folder), "abc") == "done before (overwrite=true trains again)"
    assert skip_reason(job(folder, overwrite=True), "abc") == ""
    assert skip_reason(job(folder), "labels changed") == ""
    assert skip_reason(job(tmp_path / "new"), "abc") == ""


def test_data_from_elsewhere_do_not_replace_a_run(tmp_path):
    folder = ended(tmp_path / "run", "done")
    with pytest.raises(RecordError, match="holds a run on here; give this data a sweep_name of its own"):
        skip_reason(job(folder, root="there"), "other")
    assert skip_reason(job(folder, root="there", overwrite=True), "other") == ""
    assert skip_reason(job(folder, root="there"), "abc").startswith("done before")  # the same photos, moved


@pytest.mark.usefixtures("in_a_grid")
def test_a_grid_tries_what_failed_again_only_when_asked(tmp_path):
    folder = ended(tmp_path / "run", "failed", "the loss is nan")
    assert skip_reason(job(folder), "abc") == "failed before (retry_failed=true tries again): the loss is nan"
    assert skip_reason(job(folder, retry_failed=True), "abc") == ""
    assert skip_reason(job(folder), "labels changed") == ""


def test_a_single_run_tries_what_failed_again(tmp_path):
    assert skip_reason(job(ended(tmp_path / "run", "failed", "the loss is nan")), "abc") == ""


def test_classes_that_the_validation_set_lacks_are_said(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(run_state, "_said", set())
    table = pd.DataFrame({"label": [0, 1, 2, 3, 0, 1, 2, 0, 3], "part": ["train"] * 4 + ["val"] * 4 + ["test"]})
    names = ("whole", "scratched", "cracked", "shattered")
    samples = SimpleNamespace(
        notes=["2 files left out"], table=table, class_names=names, one_class_each=True, fingerprint="abc"
    )
    one = job(tmp_path, backbone={"weights": "none"}, width=1.0)
    one.spec, one.start = SimpleNamespace(name="mobilenet", drops_colour=False), None
    say_start(one, samples)
    first, second = capsys.readouterr().err.splitlines()
    assert first == "note: 2 files left out"
    assert second.startswith("note: the validation set lacks shattered: ")
    samples.one_class_each = False
    say_start(one, samples)
    assert capsys.readouterr().err == ""
