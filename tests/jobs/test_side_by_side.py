"""What the launcher writes of a job whose process was killed or had no memory left."""

import os

import pytest
from omegaconf import OmegaConf

from hydra_plugins.gridlite_launcher.side_by_side import SideBySide
from sweeps.records.journal import VARIABLE, mark_job_begun
from sweeps.records.run_record import KILLED, Status, find_runs, read_record, update_record

JOB = 0


@pytest.fixture
def launcher(tmp_path, monkeypatch):
    """One whose job was worked on by this process."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "command.json"))
    made = SideBySide(1)
    made.config = OmegaConf.create({"paths": {"runs": str(tmp_path)}, "sweep_name": "sweep"})
    made.jobs, made.returned, made.pids = [["width=0.5"]], {}, {JOB: os.getpid()}
    return made


def record_in(tmp_path, status):
    folder = tmp_path / "sweep" / "run"
    update_record(folder, lambda _: {"status": status, "metrics": {"val/accuracy": 0.9}})
    mark_job_begun("run")
    return folder


def test_a_job_that_was_killed_has_failed(launcher, tmp_path):
    folder = record_in(tmp_path, Status.RUNNING)
    launcher._failed(JOB)
    assert (read_record(folder)["status"], read_record(folder)["error"]) == (Status.FAILED, KILLED)


def test_a_run_that_was_done_stays_done(launcher, tmp_path):
    folder = record_in(tmp_path, Status.DONE)
    launcher._failed(JOB)
    assert read_record(folder)["status"] == Status.DONE
    assert read_record(folder)["later_error"]["error"] == KILLED


def test_a_job_that_had_no_run_yet_is_tried_again(launcher, tmp_path):
    (tmp_path / "sweep").mkdir()
    launcher._forget(JOB)
    assert find_runs(tmp_path / "sweep") == []
    assert not list((tmp_path / "sweep").iterdir())
