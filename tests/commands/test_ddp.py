"""One run in several processes: the commands that a person types, on the CPU, in double precision.

Small networks on small batches blow up the last digit of single precision within a few steps; what is to be seen here is
whether the processes compute the same, not how far rounding goes.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
import torch
from hydra import compose, initialize_config_dir

from cli.train_schema import register
from datamodules.base.samplers import EpochSampler, Shares
from jobs.launch_environment import wrong_processes
from sweeps.records.run_record import find_runs
from tests.commands.test_train import HERE, SMALL, record_of, run

WORDS = [*SMALL, "batch_size=14", "trainer.precision=64-true", "encoding=corn", "imbalance=class_weights",
         "task.mixup=0.2"]  # fmt: skip
LONG = [*WORDS, "fine_tuning=frozen", "callbacks.ema=0.9", "trainer.max_epochs=12"]
"""One layer on frozen features: as many steps as one likes, and no rounding grows."""
DDP = ["trainer=ddp", "trainer.accelerator=cpu"]
LAUNCH = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def only_run(place, sweep):
    (folder,) = find_runs(place / "runs" / sweep)
    return folder


def flat(tree, name=""):
    """Every figure of a record by its place in it."""
    if not isinstance(tree, dict | list):
        return {name: tree}
    parts = tree.items() if isinstance(tree, dict) else enumerate(tree)
    return {key: value for place, part in parts for key, value in flat(part, f"{name}/{place}").items()}


def assert_same_result(one, other):
    """Metrics, history, predictions and weights, whatever the paths and times."""
    ours, theirs = record_of(one), record_of(other)
    assert ours.keys() - {"resumed"} == theirs.keys() - {"resumed"}
    assert (ours["status"], ours["config_hash"], ours["axes"]) == ("done", theirs["config_hash"], theirs["axes"])
    assert flat(ours["metrics"]) == pytest.approx(flat(theirs["metrics"]), abs=1e-5)
    for epoch, same in zip(ours["history"], theirs["history"], strict=True):
        assert epoch == pytest.approx(same | {"seconds": epoch["seconds"]}, abs=1e-5)
    assert sorted(path.name for path in one.rglob("*")) == sorted(path.name for path in other.rglob("*"))
    tables = [pd.read_parquet(folder / "predictions.parquet") for folder in (one, other)]
    assert tables[0].drop(columns="probabilities").equals(tables[1].drop(columns="probabilities"))
    np.testing.assert_allclose(*(np.stack(table.probabilities) for table in tables), atol=1e-5)
    states = [torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True) for folder in (one, other)]
    assert states[0]["state_dict"].keys() == states[1]["state_dict"].keys()
    for name, weights in states[0]["state_dict"].items():
        torch.testing.assert_close(weights, states[1]["state_dict"][name], atol=1e-4, rtol=1e-4, msg=name)


@pytest.mark.slow
def test_two_processes_leave_what_one_leaves(place):
    run(place, *WORDS, "sweep_name=one", check=0)
    done = run(place, *WORDS, *DDP, "sweep_name=two", check=0)
    assert done.stderr == ""
    note, line = done.stdout.splitlines()
    assert note.startswith("note: cannot be told from ")
    assert line.startswith("last epoch, val/macro_f1 0.")
    assert_same_result(only_run(place, "two"), only_run(place, "one"))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["trainer=ddp", "batch_size=7"], "batch_size=7: want a multiple of the 2 processes that share it"),
        (["trainer.devices=2"], "trainer.devices=2, trainer.num_nodes=1: several want trainer=ddp"),
        (["trainer=ddp", "trainer.num_nodes=2"], "4 processes, started are 2; want torchrun or srun"),
        (["trainer=ddp", "trainer.strategy=fsdp"], "trainer.strategy=fsdp: want auto or ddp"),
        (["trainer=ddp"], ""),
        (["trainer=ddp", "trainer.devices=1"], ""),
    ],
)
def test_numbers_that_cannot_be_are_named(words, expected):
    register()
    with initialize_config_dir(str(HERE / "conf"), version_base="1.3"):
        answer = wrong_processes(compose("train", overrides=["batch_size=32", *words]))
    assert expected in answer if expected else not answer


@pytest.mark.parametrize("world", [1, 2, 3, 7])
@pytest.mark.parametrize("count", [1, 2, 13, 28, 30, 43])
def test_all_shares_are_the_epoch_batch_by_batch(world, count):
    def batches(rank, world):
        sampler = EpochSampler(np.arange(count), 14, seed=3)
        sampler.set_epoch(2)
        shares = Shares(sampler, 14, rank, world)
        made = list(shares)
        assert len(made) == len(shares)
        return made

    parts = [batches(rank, world) for rank in range(world)]
    for whole, *shares in zip(batches(0, 1), *parts, strict=True):
        assert [key for share in shares for key in share] == whole
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


def followers():
    """Processes that were started to follow a rank 0, of whatever command of this test."""
    return [
        process for process in psutil.process_iter(["cmdline", "environ"])
        if "training.distributed.worker" in (process.info["cmdline"] or [])
        and (process.info["environ"] or {}).get("GRIDLITE_TEST") == str(os.getpid())
    ]  # fmt: skip


@pytest.fixture
def watched(monkeypatch):
    """Tells the processes of this test from others'; none of them may outlive it."""
    monkeypatch.setenv("GRIDLITE_TEST", str(os.getpid()))
    yield
    until = time.monotonic() + 10
    while followers() and time.monotonic() < until:
        time.sleep(0.1)
    assert followers() == []


@pytest.mark.slow
def test_a_grid_trains_each_point_in_four_processes(place, watched):
    """The last batch of an epoch has two samples, and the validation set one batch: some processes get none."""
    words = [word for word in WORDS if not word.startswith("batch_size")]
    run(place, "-m", *words, "batch_size=28", "sweep_name=grid_one", "seed=0,1", "fine_tuning=gradual", check=0)
    done = run(place, "-m", *words, "batch_size=28", *DDP, "trainer.devices=4", "sweep_name=grid", "seed=0,1",
               "fine_tuning=gradual", check=0)  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.count("val/macro_f1 0.") == 2
    ours, theirs = (find_runs(place / "runs" / name) for name in ("grid", "grid_one"))
    assert len(ours) == 2
    for one, other in zip(ours, theirs, strict=True):
        assert_same_result(one, other)


@pytest.mark.slow
def test_no_process_listens_to_the_network(place, watched):
    """Nor is there a port at which a stranger's words would be read: the processes meet in a file of this user's alone."""
    job = subprocess.Popen(
        [sys.executable, "train.py", *LONG, *DDP, "sweep_name=quiet",
         f"paths.runs={place}/runs", f"paths.cache={place}/cache", f"datamodule.root={place}/screens"],
        cwd=HERE, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    try:
        heard, files = set(), set()
        while job.poll() is None and not list((place / "runs" / "quiet").glob("*/checkpoints/last.ckpt")):
            for one in [psutil.Process(job.pid), *psutil.Process(job.pid).children(recursive=True)]:
                with suppress(psutil.Error):
                    heard |= {c.laddr.ip for c in one.connections("inet") if c.status == psutil.CONN_LISTEN}
                    files |= {word for word in one.cmdline() if "gridlite-processes-" in word}
            time.sleep(0.05)
        assert job.poll() is None
        (file,) = files
        assert Path(file).parent.stat().st_mode & 0o77 == 0
        assert heard <= {"127.0.0.1", "::1"}
    finally:
        job.kill()
        job.wait()


def stopped_after_an_epoch(place, sweep):
    """Kills a run in two processes the hard way once its first checkpoint is there."""
    job = subprocess.Popen(
        [sys.executable, "train.py", *LONG, *DDP, f"sweep_name={sweep}",
         f"paths.runs={place}/runs", f"paths.cache={place}/cache", f"datamodule.root={place}/screens"],
        cwd=HERE, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    while job.poll() is None and not list((place / "runs" / sweep).glob("*/checkpoints/last.ckpt")):
        time.sleep(0.01)
    job.send_signal(signal.SIGKILL)
    assert job.wait() == -signal.SIGKILL
    assert record_of(only_run(place, sweep))["status"] == "running"


@pytest.mark.slow
def test_a_killed_run_goes_on_in_as_many_processes_as_one_likes(place, watched):
    run(place, *LONG, "sweep_name=whole", check=0)
    for sweep, more in (("on_two", DDP), ("on_one", [])):
        stopped_after_an_epoch(place, sweep)
        run(place, *LONG, *more, f"sweep_name={sweep}", check=0)
        assert record_of(only_run(place, sweep))["resumed"]
        assert_same_result(only_run(place, sweep), only_run(place, "whole"))


@pytest.mark.slow
def test_an_error_in_another_process_ends_the_run_with_its_line(place, watched):
    words = [*WORDS, *DDP, "augmentation=none", "augmentation._target_=tests.failing.FailsOnRank1"]
    done = run(place, *words, "sweep_name=error", check=1)
    assert done.stderr.startswith("error: rank 1: the disk of rank 1 is gone")
    assert done.stderr.count("\n") == 1
    record = record_of(only_run(place, "error"))
    assert (record["status"], record["error"]) == ("failed", "rank 1: the disk of rank 1 is gone")


@pytest.mark.slow
def test_a_killed_process_ends_the_run(place, watched):
    words = [*WORDS, *DDP, "trainer.max_epochs=1000", "sweep_name=killed"]
    job = subprocess.Popen(
        [sys.executable, "train.py", *words, f"paths.runs={place}/runs", f"paths.cache={place}/cache",
         f"datamodule.root={place}/screens"],
        cwd=HERE, env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while job.poll() is None and not list((place / "runs" / "killed").glob("*/checkpoints/last.ckpt")):
        time.sleep(0.01)
    (follower,) = followers()
    follower.kill()
    _, errors = job.communicate(timeout=60)
    assert job.returncode == 1
    assert errors.startswith("error: rank 1 ended with code -9")
    assert record_of(only_run(place, "killed"))["status"] == "failed"


@pytest.mark.slow
def test_under_torchrun_only_rank_0_speaks(place):
    run(place, "-m", *WORDS, "seed=0,1", "sweep_name=launch_one", check=0)
    paths = [f"paths.runs={place}/runs", f"paths.cache={place}/cache", f"datamodule.root={place}/screens"]
    words = [sys.executable, *LAUNCH, "train.py", "-m", *WORDS, *DDP, "seed=0,1", "sweep_name=launch", *paths]
    for _ in range(2):  # the second time all is done
        done = subprocess.run(words, cwd=HERE, capture_output=True, text=True, timeout=280, check=False,
                              env=os.environ | {"OMP_NUM_THREADS": "1"})  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        assert done.stdout.count("table.csv") == 1
    ours, theirs = (find_runs(place / "runs" / name) for name in ("launch", "launch_one"))
    for one, other in zip(ours, theirs, strict=True):
        assert_same_result(one, other)
    assert json.loads((ours[0] / "record.json").read_text())["status"] == "done"


@pytest.mark.slow
def test_under_torchrun_an_error_in_another_process_is_recorded(place):
    words = [*WORDS, *DDP, "augmentation=none", "augmentation._target_=tests.failing.FailsOnRank1"]
    paths = [f"paths.runs={place}/runs", f"paths.cache={place}/cache", f"datamodule.root={place}/screens"]
    done = subprocess.run(
        [sys.executable, *LAUNCH, "train.py", *words, "sweep_name=launch_error", *paths],
        cwd=HERE, capture_output=True, text=True, timeout=280, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 1
    assert "error: rank 1: the disk of rank 1 is gone" in done.stderr
    assert record_of(only_run(place, "launch_error"))["error"] == "rank 1: the disk of rank 1 is gone"
