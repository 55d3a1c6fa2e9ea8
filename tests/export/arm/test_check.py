"""`check=arm` without an emulator: this machine's own Python stands for the guest."""

import json
import sys
from types import SimpleNamespace

import pytest
from hydra import compose, initialize_config_dir

from choices import CONF
from cli.train_schema import register
from export import check as checks
from export.arm import answers, guest
from export.arm.guest import WHEELS, Guest, find_guest, make_guest
from export.check import CheckError, all_ready, checked, problems
from export.table import print_files
from jobs.config_hash import HASH_EXCLUDED_KEYS
from metrics.lookup import metrics_of
from tests.export.arm.made_checks import check, comparison, file_and_changed, marked

register()


@pytest.fixture(scope="module")
def files():
    return file_and_changed()


@pytest.fixture
def here(monkeypatch):
    """This machine in the guest's place."""
    monkeypatch.setattr(Guest, "command", lambda self, cpu, *words: [sys.executable, *words])
    monkeypatch.setattr(Guest, "environment", {})
    monkeypatch.setattr(answers, "find_guest", lambda folder: Guest(folder, "3"))
    monkeypatch.setattr(answers, "_version", lambda: "no emulator")


def test_answers_are_held_against_each_other_where_the_guest_runs(here, files, monkeypatch, tmp_path):
    monkeypatch.setattr(answers, "MACHINE", __import__("platform").machine())
    data, changed = files
    samples = comparison(data)
    same = check(tmp_path)(data, samples, metrics_of("grading"))
    assert (same["part"], same["cells"], same["cells_of"], same["cells_alike"]) == ("val", 16, 16, 16)
    assert (same["agreement"], same["max_probability_difference"]) == (1, 0)
    assert same["val/accuracy"] == 1
    assert not any(name.startswith(("test/", "train/", "latency")) for name in same)
    other = check(tmp_path)(data, samples, metrics_of("grading"), there=changed)
    assert other["agreement"] < 1
    assert other["val/accuracy"] == other["agreement"]  # labels are the first file's grades
    few = check(tmp_path, max_cells=5)(data, samples, metrics_of("grading"))
    assert (few["cells"], few["cells_of"]) == (5, 16)


def test_pixels_are_decided_by_their_threshold(here, tmp_path, monkeypatch):
    monkeypatch.setattr(answers, "MACHINE", __import__("platform").machine())
    data, samples = marked()
    found = check(tmp_path, max_cells=3)(data, samples, metrics_of("segmentation"))
    assert (found["cells"], found["cells_of"], found["agreement"]) == (3, 5, 1)
    assert found["max_probability_difference"] == 0
    assert "val/dice_pooled" in found


def test_a_guest_that_is_no_arm_proves_nothing(here, files, tmp_path, monkeypatch):
    monkeypatch.setattr(answers, "MACHINE", "another")
    with pytest.raises(CheckError, match=r"the guest takes itself for .*; want another"):
        check(tmp_path)(files[0], comparison(files[0], 4, 2), metrics_of("grading"))


def test_a_guest_that_dies_or_hangs_gets_one_line(here, files, tmp_path, monkeypatch):
    data = files[0]
    samples = comparison(data, 4, 2)
    monkeypatch.setattr(Guest, "command", lambda *_: [sys.executable, "-c", "import sys; sys.exit('no such kernel')"])
    with pytest.raises(CheckError, match="the guest ended with 1 and said: no such kernel"):
        check(tmp_path)(data, samples, metrics_of("grading"))
    monkeypatch.setattr(Guest, "command", lambda *_: [sys.executable, "-c", "import time; time.sleep(60)"])
    with pytest.raises(CheckError, match=r"not through within check.arm.timeout_s=0.5"):
        check(tmp_path, timeout_s=0.5)(data, samples, metrics_of("grading"))


def test_without_emulator_guest_or_apt_one_line_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(guest.shutil, "which", lambda name: None)
    for ask in (lambda: find_guest(tmp_path), lambda: make_guest(tmp_path / "arm"), check(tmp_path).ready):
        with pytest.raises(CheckError, match="qemu-aarch64-static: not found: apt install qemu-user-static"):
            ask()
    monkeypatch.setattr(guest.shutil, "which", lambda name: "/bin/true" if "qemu" in name else None)
    with pytest.raises(CheckError, match="no arm64 guest there yet: `make arm` makes it, once"):
        find_guest(tmp_path)
    with pytest.raises(CheckError, match="apt-get: not found: the arm64 Python is made of Debian's packages"):
        make_guest(tmp_path / "arm")
    assert not (tmp_path / "arm").exists()
    (tmp_path / "guest.json").write_text(json.dumps({"format": 1, "wheels": "other", "python": "3.11"}))
    with pytest.raises(CheckError, match="is of another gridlite: `make arm` makes it anew"):
        find_guest(tmp_path)


def test_apt_that_fails_is_named_with_what_it_said(tmp_path, monkeypatch):
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\necho 'W: first' >&2; echo 'E: no arm64 there' >&2; exit 100\n")
    tool.chmod(0o755)
    monkeypatch.setattr(guest.shutil, "which", lambda name: str(tool))
    monkeypatch.setenv("PATH", str(tmp_path))
    tool.rename(tmp_path / "apt-get")
    with pytest.raises(CheckError, match=r"this machine's package sources .*: E: no arm64 there"):
        make_guest(tmp_path / "arm")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["apt-get", "arm.lock"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_cells": 0}, "check.arm.max_cells=0: want at least 1, or null for all"),
        ({"timeout_s": 0}, "check.arm.timeout_s=0: want seconds, above 0"),
        ({"cpu": "pentium"}, "check.arm.cpu=pentium: true knows no such processor; want cortex-a76"),
    ],
)
def test_settings_that_cannot_be_are_named(tmp_path, monkeypatch, settings, message):
    monkeypatch.setattr(answers, "emulator", lambda: "/bin/true")
    monkeypatch.setattr(answers, "find_guest", lambda folder: Guest(folder, "3"))
    with pytest.raises(CheckError, match=f"check=arm: {message}"):
        all_ready({"arm": check(tmp_path, **settings)})


@pytest.mark.parametrize(
    "words", [["check=arm"], ["latency=arm"], ["latency=[host,arm]"], ["latency=arm", "check=arm"]]
)
@pytest.mark.parametrize("command", ["train", "export", "bench"])
def test_latency_arm_is_the_check_and_no_place_that_times(command, words):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose(command, overrides=words)
    assert list(cfg.check) == ["arm"]
    assert list(cfg.latency) == ([] if words[0] == "latency=arm" else ["host"])
    assert "check" in HASH_EXCLUDED_KEYS


def test_nothing_is_checked_unasked():
    with initialize_config_dir(str(CONF), version_base="1.3"):
        assert compose("export").check == {}


def test_the_guest_runs_the_versions_that_this_machine_does():
    pinned = {line.split(" ")[0] for line in WHEELS.read_text().splitlines() if "==" in line}
    assert pinned <= set((CONF.parent / "requirements.lock").read_text().split())
    assert len(pinned) == 2


def test_a_check_that_fails_is_entered_and_is_a_problem(capsys):
    def failing(data, comparison, metrics):
        raise CheckError("the guest\nended")

    found = checked(b"", {"arm": failing}, SimpleNamespace(), metrics_of("grading"))
    assert found == {"arm": {"error": "the guest ended"}}
    entry = {"path": "export/int8.tflite", "size_bytes": 1000, "agreement": 1.0, "max_probability_difference": 0.0,
             "latency": [], "val/accuracy": 0.5}  # fmt: skip
    assert problems({"int8": entry | found}) == ["int8: check=arm: the guest ended"]
    assert problems({"int8": entry}) == []
    assert checks.names() == ["arm"]
    print_files({"int8": entry | found}, metrics_of("grading"), {}, {})
    assert "int8: check=arm: the guest ended" in capsys.readouterr().out


def test_the_table_says_what_arm_answered(capsys):
    entry = {"path": "export/int8.tflite", "size_bytes": 1000, "agreement": 1.0, "max_probability_difference": 0.0,
             "latency": [], "val/accuracy": 0.5}  # fmt: skip
    arm = {"machine": "aarch64", "runtime": "LiteRT 2.1.2", "delegate": "xnnpack", "emulator": "qemu-aarch64 7 -cpu x",
           "part": "val", "cells": 40, "cells_of": 360, "cells_alike": 39, "agreement": 0.975,
           "max_probability_difference": 0.25, "val/accuracy": 0.475}  # fmt: skip
    print_files({"int8": entry | {"arm": arm}, "float32": entry}, metrics_of("grading"), {}, {})
    said = capsys.readouterr().out
    assert "ARM as here" in said
    assert "97.5 %" in said
    line = next(line for line in said.splitlines() if line.startswith("int8: "))
    assert line == (
        "int8: on aarch64 (LiteRT 2.1.2, xnnpack, qemu-aarch64 7 -cpu x): 39 of 40 samples (val, drawn from 360) "
        "answered as here, largest difference 2.5e-01, accuracy 0.475"
    )
    print_files({"float32": entry}, metrics_of("grading"), {}, {})
    assert "ARM" not in capsys.readouterr().out
