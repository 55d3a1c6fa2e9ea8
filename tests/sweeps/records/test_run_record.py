import json
import multiprocessing
import os
import socket
import threading
import zipfile

import pytest
from hydra.errors import InstantiationException
from hydra.utils import instantiate

from jobs.run_state import is_finished, prepare_resume
from sweeps.records.journal import VARIABLE, last_begun, mark_job_begun
from sweeps.records.run_record import (
    RECORD_VERSION,
    RecordError,
    RunIsBusyError,
    Status,
    failed,
    failure_recorded,
    find_runs,
    hold,
    is_live,
    one_line,
    read_record,
    status_of,
    update_record,
    write_whole,
)


def test_a_change_sees_the_record_as_it_was(tmp_path):
    update_record(tmp_path, lambda record: {**record, "status": "running", "a": 1})
    update_record(tmp_path, lambda record: {**record, "b": record["a"] + 1})
    record = read_record(tmp_path)
    assert (record["a"], record["b"], record["record_version"]) == (1, 2, RECORD_VERSION)


def test_no_change_is_lost_when_many_write_at_once(tmp_path):
    update_record(tmp_path, lambda _: {"status": "done", "metrics": {}})

    def add(number):
        update_record(tmp_path, lambda record: record | {"metrics": record["metrics"] | {str(number): number}})

    threads = [threading.Thread(target=add, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(read_record(tmp_path)["metrics"].values()) == list(range(12))


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "record.json"
    path.write_text("old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "{", '{"a": 1}', "[]", "\x00"])
def test_what_is_no_record_is_named(tmp_path, text):
    (tmp_path / "record.json").write_text(text)
    with pytest.raises(RecordError, match=str(tmp_path / "record.json")):
        read_record(tmp_path)


def test_a_missing_record_is_named(tmp_path):
    with pytest.raises(RecordError, match="not a run's folder"):
        read_record(tmp_path / "nothing")


def test_an_error_is_recorded_with_its_line_and_its_traceback(tmp_path):
    with pytest.raises(ValueError, match="bad"), failure_recorded(tmp_path, {"seed": 3}):
        raise ValueError("bad\n  value")
    record = read_record(tmp_path)
    assert (record["status"], record["error"], record["seed"]) == ("failed", "bad value", 3)
    assert "Traceback" in (tmp_path / "error.txt").read_text()


def test_a_failure_takes_nothing_from_a_finished_record(tmp_path):
    update_record(tmp_path, lambda _: {"status": Status.DONE, "metrics": {"val/accuracy": 0.9}})
    with pytest.raises(ValueError, match="today"), failure_recorded(tmp_path, {}):
        raise ValueError("today's data is broken")
    assert read_record(tmp_path)["status"] == "done"
    assert read_record(tmp_path)["metrics"] == {"val/accuracy": 0.9}


def _hold_until(folder, ready, go):
    with hold(folder):
        ready.set()
        go.wait(30)


def test_a_run_belongs_to_one_process_and_is_live_as_long_as_that_lives(tmp_path):
    update_record(tmp_path, lambda _: {"status": Status.RUNNING})
    spawn = multiprocessing.get_context("spawn")
    ready, go = spawn.Event(), spawn.Event()
    other = spawn.Process(target=_hold_until, args=(tmp_path, ready, go))
    other.start()
    assert ready.wait(30)
    assert status_of(tmp_path, read_record(tmp_path)) is Status.RUNNING
    with pytest.raises(RunIsBusyError, match="another process"), hold(tmp_path):
        pass
    other.kill()
    other.join()
    assert not is_live(tmp_path)
    assert status_of(tmp_path, read_record(tmp_path)) is Status.INTERRUPTED


def test_an_interrupted_run_on_the_same_data_resumes_and_others_start_clean(tmp_path):
    last = tmp_path / "checkpoints" / "last.ckpt"
    last.parent.mkdir()

    def interrupted(fingerprint, cut=None):
        with zipfile.ZipFile(last, "w") as file:
            file.writestr("data", "x" * 100)
        last.write_bytes(last.read_bytes()[:cut])
        update_record(tmp_path, lambda _: {"status": Status.RUNNING, "data": {"fingerprint": fingerprint}})

    interrupted("abc")
    assert prepare_resume(tmp_path, "abc") == last
    assert prepare_resume(tmp_path, "other data") is None
    assert not last.exists()
    interrupted("abc")
    update_record(tmp_path, lambda record: record | {"status": Status.FAILED})
    assert prepare_resume(tmp_path, "abc") == last, "a full disk takes nothing from the epochs before"
    assert prepare_resume(tmp_path, "abc", anew=True) is None
    interrupted("abc", cut=-10)
    assert prepare_resume(tmp_path, "abc") is None


def test_finished_means_done_on_the_same_data(tmp_path):
    assert not is_finished(tmp_path, "abc")
    update_record(tmp_path, lambda _: {"status": Status.DONE, "data": {"fingerprint": "abc"}})
    assert is_finished(tmp_path, "abc")
    assert not is_finished(tmp_path, "abd")


def test_runs_are_found_by_their_records(tmp_path):
    for name in ("b", "a"):
        update_record(tmp_path / name, lambda _: {"status": "done"})
    (tmp_path / "empty").mkdir()
    assert [folder.name for folder in find_runs(tmp_path)] == ["a", "b"]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("a\n b"), "a b"),
        (KeyError("x"), "KeyError: 'x'"),
        (ValueError(), "ValueError"),
        (FloatingPointError("the loss is nan"), "the loss is nan"),
    ],
)
def test_one_line(error, line):
    assert one_line(error) == line


def test_what_hydra_built_speaks_for_itself():
    with pytest.raises(InstantiationException) as caught:
        instantiate({"_target_": "datamodules.augmentation.heavy", "backend": "gpu"})
    assert one_line(caught.value) == "augmentation.backend=gpu: want one of batched, albumentations"


def test_the_record_is_plain_json(tmp_path):
    update_record(tmp_path, lambda _: {"status": Status.DONE})
    assert json.loads((tmp_path / "record.json").read_text())["status"] == "done"


def test_a_finished_run_keeps_its_result_whatever_fails_later():
    done = failed({"status": Status.DONE, "metrics": {}}, "process killed")
    assert (done["status"], done["later_error"]["error"]) == (Status.DONE, "process killed")
    assert failed({"status": Status.RUNNING}, "process killed") == {"status": Status.FAILED, "error": "process killed"}


def test_processes_of_other_machines_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "command.json"))
    mark_job_begun("here")
    monkeypatch.setattr(socket, "gethostname", lambda: "another")
    mark_job_begun("there")
    assert last_begun(os.getpid()) == "there"
    monkeypatch.undo()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "command.json"))
    assert last_begun(os.getpid()) == "here"
