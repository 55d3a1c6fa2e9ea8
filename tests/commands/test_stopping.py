"""What becomes of a command, and of what it began, when a process is killed or a signal comes."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from sweeps.records.journal import commands_of
from sweeps.records.run_record import KILLED, find_runs, is_live
from tests.commands.test_train import SMALL, record_of
from tests.drawn import draw_screens

pytestmark = pytest.mark.slow
LONG = [*SMALL, "trainer.max_epochs=400", "backbone=mobilenet", "backbone.weights=none"]
BESIDE = ["hydra/launcher=side_by_side", "hydra.launcher.n_jobs=2"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stopping")
    draw_screens(folder / "screens")
    return folder


def begun(place, *words, limits=()):
    line = [*limits, sys.executable, "train.py", *words, f"paths.runs={place}/runs", f"paths.cache={place}/cache",
            f"datamodule.root={place}/screens"]  # fmt: skip
    return subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )  # fmt: skip


def until(condition, seconds=90):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("it never came to that")


def trained_epochs(folder):
    table = folder / "metrics.csv"
    return table.is_file() and len(table.read_text().splitlines()) > 1


def workers(process):
    return [one for one in psutil.Process(process.pid).children() if "popen_loky" in " ".join(one.cmdline())]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("stage", ["imports", "training", "grid", "side by side"])
def test_a_signal_ends_a_command_within_seconds(place, number, code, stage):
    sweep = f"sweep_name={stage.replace(' ', '_')}{code}"
    many = {"grid": ["-m", "seed=0,1"], "side by side": ["-m", "seed=0,1", *BESIDE]}.get(stage, [])
    process = begun(place, *LONG, sweep, *many)
    if stage == "imports":
        time.sleep(1)
    else:
        until(lambda: any(map(trained_epochs, find_runs(place / "runs" / sweep.partition("=")[2]))))
    below = psutil.Process(process.pid).children(recursive=True)
    at = time.monotonic()
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert time.monotonic() - at < 3.5
    assert process.returncode == code, said
    assert said.splitlines()[-1] == "stopped"
    assert "Traceback" not in said
    until(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in below), 5)
    for folder in find_runs(place / "runs" / sweep.partition("=")[2]):
        assert record_of(folder)["status"] == "running"
        assert not is_live(folder)


def test_what_was_stopped_goes_on_where_it_was(place):
    words = [*SMALL, "trainer.max_epochs=40", "backbone=mobilenet", "backbone.weights=none", "sweep_name=goes_on"]
    process = begun(place, *words)
    (last,) = until(lambda: list((place / "runs" / "goes_on").glob("*/checkpoints/last.ckpt")))
    folder = last.parents[1]
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    again = begun(place, *words)
    _, said = again.communicate(timeout=120)
    assert again.returncode == 0, said
    assert len(record_of(folder)["history"]) == 40
    assert record_of(folder)["resumed"]


def test_a_killed_worker_takes_no_other_with_it(place):
    process = begun(
        place, "-m", *SMALL, "trainer.max_epochs=25", "backbone=mobilenet", "sweep_name=killed", "seed=0,1,2", *BESIDE
    )
    until(lambda: sum(map(trained_epochs, find_runs(place / "runs" / "killed"))) == 2)
    workers(process)[0].kill()
    _, said = process.communicate(timeout=240)
    assert process.returncode == 0, said
    assert "note: a job ran out of memory, or had the process killed: tried once more, 1 at a time" in said
    assert "Traceback" not in said
    assert [record_of(folder)["status"] for folder in find_runs(place / "runs" / "killed")] == ["done"] * 3


def test_a_job_that_is_killed_twice_has_failed(place):
    process = begun(place, "-m", *LONG, "sweep_name=twice", "seed=0,1", *BESIDE)
    until(lambda: sum(map(trained_epochs, find_runs(place / "runs" / "twice"))) == 2)
    (log,) = (place / "runs" / "twice" / "commands").glob("*.begun")
    for first, last in ((0, 2), (2, 3), (3, 4)):  # two side by side, then each of them once more
        until(lambda last=last: len(log.read_text().splitlines()) == last)
        for line in log.read_text().splitlines()[first:last]:
            os.kill(int(line.split(" ")[0].partition(":")[2]), signal.SIGKILL)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 1, said
    assert said.count(f"error: {KILLED}: ") == 2
    for folder in find_runs(place / "runs" / "twice"):
        assert record_of(folder)["status"] == "failed"
        assert record_of(folder)["error"] == KILLED
    (command,) = commands_of(place / "runs" / "twice")
    assert not command.live


def test_workers_end_with_their_parent(place):
    process = begun(place, "-m", *LONG, "sweep_name=orphans", "seed=0,1", *BESIDE)
    until(lambda: sum(map(trained_epochs, find_runs(place / "runs" / "orphans"))) == 2)
    below = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate(timeout=10)  # all that it has started hold its pipes
    end = time.monotonic() + 5
    while left := [one for one in below if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]:
        assert time.monotonic() < end, [one.cmdline() for one in left]
        time.sleep(0.1)


def test_a_job_without_memory_is_tried_once_more_and_then_says_so(place):
    words = ["-m", *SMALL, "backbone=mobilenet", "seed=0,1", "resolution=4096,32", "sweep_name=memory", *BESIDE]
    process = begun(place, *words, limits=["prlimit", f"--as={12 << 30}"])
    _, said = process.communicate(timeout=240)
    assert process.returncode == 1, said
    assert "note: 2 jobs ran out of memory, or had the process killed: tried once more, 1 at a time" in said
    assert said.count("error: out of memory; a smaller batch_size or fewer jobs at a time need less (") == 2
    assert "Traceback" not in said
    states = {record["axes"]["resolution"]: record for record in map(record_of, find_runs(place / "runs" / "memory"))}
    assert states[32]["status"] == "done"
    assert states[4096]["status"] == "failed"
    assert states[4096]["error"].startswith("out of memory; ")
