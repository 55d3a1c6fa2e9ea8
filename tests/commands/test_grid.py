"""A grid again and again: what is done is skipped at once, what failed waits to be asked, seeds repeat."""

import json
import os
import random
import subprocess
import sys
import time

import pytest

from sweeps.records.run_record import find_runs
from tests.commands.test_train import SMALL, record_of, run
from tests.drawn import draw_screens
from tests.warm import HERE, Warm

GRID = ["-m", *SMALL, "trainer.max_epochs=1", "sweep_name=grid"]


@pytest.fixture(scope="module")
def first(place):
    return run(place, *GRID, "encoding=one_hot,ordinal", "seeds=2", check=0)


def folders(place, sweep="grid"):
    return find_runs(place / "runs" / sweep)


def test_seeds_repeat_every_point(place, first):
    axes = [record_of(folder)["axes"] for folder in folders(place)]
    assert sorted((one["encoding"], one["seed"]) for one in axes) == [
        ("one_hot", 0), ("one_hot", 1), ("ordinal", 0), ("ordinal", 1),
    ]  # fmt: skip


@pytest.mark.parametrize("word", ["seeds=0", "seeds=two"])
def test_a_wrong_number_of_seeds_is_named(place, word):
    done = run(place, *GRID, word, check=2)
    assert done.stderr == f"error: {word}: want a whole number of repetitions, at least 1\n"


def test_the_same_command_again_ends_before_composing(place, first):
    before = [(folder / "record.json").stat().st_mtime_ns for folder in folders(place)]
    began = time.perf_counter()
    done = run(place, *GRID, "encoding=one_hot,ordinal", "seeds=2", check=0)
    seconds = time.perf_counter() - began
    assert done.stdout.startswith("all 4 points were done before")
    assert "table:" in done.stdout
    assert [(folder / "record.json").stat().st_mtime_ns for folder in folders(place)] == before
    assert seconds < 60  # no claim, only that nothing was trained; the claim is benchmarks/sweep.py's


@pytest.mark.slow
def test_a_larger_grid_trains_only_what_is_new(place, first):
    done = run(place, *GRID, "encoding=one_hot,ordinal,coral", "seeds=1", check=0)
    assert done.stdout.count("done before") == 2
    assert len(folders(place)) == 5


@pytest.mark.slow
def test_changed_data_is_seen_though_the_command_was_through(place, first, tmp_path):
    words = ["encoding=one_hot", "sweep_name=changing", f"datamodule.root={tmp_path}/screens"]
    draw_screens(tmp_path / "screens")
    run(place, *GRID, *words, check=0)
    assert run(place, *GRID, *words, check=0).stdout.startswith("all 1 points were done")
    cells = tmp_path / "screens" / "cells.csv"
    lines = cells.read_text().splitlines()
    lines[1] = lines[1][:-1] + ("1" if lines[1].endswith("0") else "0")
    cells.write_text("\n".join(lines) + "\n")
    assert "all 1 points" not in run(place, *GRID, *words, check=0).stdout


@pytest.mark.slow
def test_what_failed_is_tried_again_only_when_asked(place):
    words = [
        "sweep_name=failing",
        "optimizer=adamw",
        "optimizer.lr=100",
        "optimizer.weight_decay=100",
        "schedule=constant",
        "trainer.max_epochs=12",
    ]
    done = run(place, *GRID, *words, check=1)
    assert "loss is" in done.stderr
    (folder,) = folders(place, "failing")
    failed_at = record_of(folder)["updated"]
    again = run(place, *GRID, *words, check=1)  # what was asked for is not there
    assert "failed before (retry_failed=true tries again): the training loss" in again.stdout
    assert record_of(folder)["updated"] == failed_at
    asked = run(place, *GRID, *words, "retry_failed=true", check=1)
    assert "failed before" not in asked.stdout
    assert "failed before" not in run(place, *[word for word in GRID if word != "-m"], *words, check=1).stdout


@pytest.mark.slow
def test_two_commands_share_a_grid(place):
    words = [*GRID, "sweep_name=shared", "encoding=one_hot,ordinal,coral,corn", "trainer.max_epochs=2"]
    line = ["train.py", *words, f"paths.runs={place}/runs", f"paths.cache={place}/cache",
            f"datamodule.root={place}/screens"]  # fmt: skip
    both = [Warm(*line) for _ in range(2)]
    done = [command.wait() for command in both]
    assert [one.returncode for one in done] == [0, 0], done
    trained = sum(one.stdout.count("val/macro_f1 0.") for one in done)
    assert trained == 4
    assert [record_of(folder)["status"] for folder in folders(place, "shared")] == ["done"] * 4


@pytest.mark.slow
def test_a_sweep_file_runs_as_a_grid_without_m(place):
    words = [word for word in SMALL if word != "width=0.25"]
    run(place, "+sweep=stage1_mobilenet", *words, "width=0.25,0.5", "resolution=32", "trainer.max_epochs=1", check=0)
    found = folders(place, "stage1_mobilenet")
    assert sorted(record_of(folder)["axes"]["width"] for folder in found) == [0.25, 0.5]
    assert {record_of(folder)["axes"]["augmentation"] for folder in found} == {"none"}
    (command,) = (place / "runs" / "stage1_mobilenet" / "commands").glob("*.json")
    assert json.loads(command.read_text())["points"] == 2


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["side_by_side", "submitit_local", "ray_local"])
def test_launchers_give_the_same_records(place, first, launcher, monkeypatch):
    monkeypatch.setenv("RAY_worker_niceness", "0")  # at Ray's own 15 its workers starve beside the other tests
    words = {
        "side_by_side": ["hydra.launcher.n_jobs=2"],
        "submitit_local": ["hydra.launcher.timeout_min=10"],
        "ray_local": ["+hydra.launcher.ray.init.num_cpus=2"],
    }[launcher]
    line = [
        *GRID,
        "encoding=one_hot,ordinal",
        "seeds=2",
        f"sweep_name={launcher}",
        f"hydra/launcher={launcher}",
        *words,
    ]
    run(place, *line, check=0)
    alone = {record["config_hash"]: record["metrics"] for record in map(record_of, folders(place))}
    together = {record["config_hash"]: record["metrics"] for record in map(record_of, folders(place, launcher))}
    assert len(together) == 4
    assert all(alone[name] == metrics for name, metrics in together.items())
    (turns,) = (place / "runs" / launcher / "commands").glob("*.runs")
    assert sorted(turns.read_text().split()) == [folder.name for folder in folders(place, launcher)]
    assert run(place, *line, check=0).stdout.startswith("all 4 points were done before")


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["submitit_local", "ray_local"])
def test_a_job_that_crashes_takes_no_other_with_it(place, launcher, monkeypatch):
    monkeypatch.setenv("RAY_worker_niceness", "0")
    words = {
        "submitit_local": ["hydra.launcher.timeout_min=10"],
        "ray_local": ["+hydra.launcher.ray.init.num_cpus=2", "+hydra.launcher.ray.remote.max_retries=0"],
    }[launcher]
    points = "augmentation._target_=tests.failing.EndsItsProcess,datamodules.augmentation.none"
    sweep = f"sweep_name=crash_{launcher}"
    done = run(
        place,
        *GRID,
        "augmentation=none",
        points,
        "trainer.max_epochs=2",
        sweep,
        f"hydra/launcher={launcher}",
        *words,
        check=1,
    )
    records = {
        record_of(folder)["config"]["augmentation"]["_target_"]: record_of(folder)
        for folder in folders(place, f"crash_{launcher}")
    }
    assert [one["status"] for one in records.values()].count("done") == 1
    assert records["tests.failing.EndsItsProcess"]["status"] == "failed"
    assert records["tests.failing.EndsItsProcess"]["error"].startswith("process killed; out of memory?: ")
    assert "Traceback" not in done.stdout + done.stderr
    assert "table: " in done.stdout


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_twenty_kills_lose_nothing(place):
    """kill -9 at random moments of one sweep, started again each time: every job once, metrics as if undisturbed."""
    words = ["-m", *SMALL, "encoding=one_hot,ordinal,coral,corn", "trainer.max_epochs=3"]
    began = time.perf_counter()
    run(place, *words, "sweep_name=undisturbed", check=0)
    whole = time.perf_counter() - began
    line = [sys.executable, "-u", "train.py", *words, "sweep_name=killed", f"paths.runs={place}/runs",
            f"paths.cache={place}/cache", f"datamodule.root={place}/screens"]  # fmt: skip
    environment = os.environ | {"OMP_NUM_THREADS": "1"}  # as `run` has it: sums depend on the number of threads
    rng = random.Random(0)
    said = []
    for _ in range(20):
        process = subprocess.Popen(
            line, cwd=HERE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        time.sleep(rng.uniform(0.05, 0.6) * whole)
        process.kill()
        said.append(process.communicate()[0])
    last = subprocess.run(line, cwd=HERE, env=environment, capture_output=True, text=True, check=False, timeout=280)
    assert last.returncode == 0, last.stderr
    said.append(last.stdout)
    wanted = {record["config_hash"]: record["metrics"] for record in map(record_of, folders(place, "undisturbed"))}
    given = {record["config_hash"]: record["metrics"] for record in map(record_of, folders(place, "killed"))}
    assert given == wanted
    assert {record_of(folder)["status"] for folder in folders(place, "killed")} == {"done"}
    finished = [
        out.split(": ")[-1]
        for text in said
        for out in text.splitlines()
        if out.startswith("last epoch, val/macro_f1 0.")
    ]
    assert len(finished) == len(set(finished)) <= 4  # no job was trained to its end twice
