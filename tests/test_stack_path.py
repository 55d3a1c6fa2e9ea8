"""Several seeds in one training are what they are one after the other."""

import os
import signal
import time

import numpy as np
import pandas as pd
import pytest

from sweeps.record import find_runs
from tests.test_distillation_path import SMALL, draw_digits
from tests.test_train import record_of, run
from tests.warm import Warm, run_warm

STACK = [*SMALL, "backbone=simplenet_v1", "trainer.max_epochs=3"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stack")
    draw_digits(folder / "screens")
    run(folder, "-m", *STACK, "seed=0,1,2", "sweep_name=alone", check=0)
    run(folder, "-m", *STACK, "stack=3", "sweep_name=stack", check=0)
    return folder


def runs_of(place, sweep):
    return {record_of(folder)["seed"]: folder for folder in find_runs(place / "runs" / sweep)}


def test_a_stack_leaves_the_runs_that_its_seeds_leave_alone(place):
    alone, stack = runs_of(place, "alone"), runs_of(place, "stack")
    assert sorted(stack) == [0, 1, 2]
    assert [stack[seed].name for seed in stack] == [alone[seed].name for seed in stack]
    for seed in stack:
        one, other = record_of(alone[seed]), record_of(stack[seed])
        assert other["together"] == 3
        assert one["config_hash"] == other["config_hash"]
        for mine, theirs in zip(one["history"], other["history"], strict=True):
            assert mine.keys() == theirs.keys()
            assert mine["train/loss"] == pytest.approx(theirs["train/loss"], rel=1e-3)
            assert mine["val/loss"] == pytest.approx(theirs["val/loss"], rel=1e-3)
        files = ["metrics.csv", "predictions.parquet", "curves.png", "checkpoints/best.ckpt", "checkpoints/last.ckpt"]
        assert all((stack[seed] / name).exists() for name in files)
        given, wanted = (pd.read_parquet(folder[seed] / "predictions.parquet") for folder in (stack, alone))
        assert given["sample"].tolist() == wanted["sample"].tolist()
        chances = [np.stack(frame.probabilities) for frame in (given, wanted)]
        assert np.abs(chances[0] - chances[1]).max() < 0.02


def test_its_seeds_differ(place):
    losses = {record_of(folder)["history"][-1]["train/loss"] for folder in runs_of(place, "stack").values()}
    assert len(losses) == 3


def test_what_is_done_is_not_trained_again(place):
    stack = runs_of(place, "stack")
    before = {seed: (folder / "record.json").read_bytes() for seed, folder in stack.items() if seed != 1}
    for path in sorted(stack[1].rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    said = run(place, "-m", *STACK, "stack=3", "sweep_name=stack", check=0).stdout
    assert said.count("done before") == 2
    assert record_of(stack[1])["together"] == 1
    assert all((stack[seed] / "record.json").read_bytes() == text for seed, text in before.items())
    again = run(place, "-m", *STACK, "stack=3", "sweep_name=stack", check=0).stdout
    assert "all 3 points were done before" in again


def test_its_files_are_made_and_lead_to_the_same_answers(place):
    folder = runs_of(place, "stack")[2]
    made = run_warm("-m", "export", f"run={folder}", "quantization=[float32]", "latency.host.runs=3", env={})
    assert made.returncode == 0, made.stderr
    record = record_of(folder)
    assert record["exports"]["float32"]["test/accuracy"] == record["metrics"]["test/accuracy"]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("callbacks.patience=3", "callbacks.patience"),
        ("backbone=simplenet_teacher", "drops out"),
        ("encoding=coral", "thresholds"),
        ("trainer.gradient_clip_val=1.0", "gradient_clip_val"),
        ("logger=wandb", "one run at a time"),
        ("stack=0", "stack=0"),
    ],
)
def test_what_cannot_be_stacked_is_said(place, word, said):
    ordered = ["datamodule.ordered=true"] if "coral" in word else []
    words = [*STACK, "stack=2", *ordered, word, "sweep_name=wrong"]
    answered = run(place, *words, check=1)
    assert answered.stderr.count("error:") == 1
    assert said in answered.stderr


def test_networks_with_batch_norm_are_stacked_too(place):
    words = [*SMALL[:-1], "datamodule.root=" + str(place / "screens"), "backbone=mobilenet", "width=0.25", "resolution=32",
             "task.dropout=0.0", "trainer.max_epochs=1", "optimizer.lr=0.00003"]  # fmt: skip
    run(place, "-m", *words, "seed=0,1", "sweep_name=norm_alone", check=0)
    run(place, "-m", *words, "stack=2", "sweep_name=norm", check=0)
    alone, stack = runs_of(place, "norm_alone"), runs_of(place, "norm")
    for seed in stack:
        pair = [record_of(runs[seed])["history"][-1] for runs in (alone, stack)]
        assert pair[0]["train/loss"] == pytest.approx(pair[1]["train/loss"], rel=2e-3)
        assert pair[0]["val/loss"] == pytest.approx(pair[1]["val/loss"], rel=2e-2)


def test_a_killed_stack_goes_on_where_it_was(place):
    words = [*STACK[:-1], "trainer.max_epochs=40", "stack=2", "sweep_name=killed"]
    own = [f"paths.runs={place}/runs", f"paths.cache={place}/cache", f"datamodule.root={place}/screens"]
    job = Warm("train.py", "-m", *words, *own, env={"OMP_NUM_THREADS": "1"})
    sweep = place / "runs" / "killed"
    while not list(sweep.glob("*/checkpoints/stack-*.ckpt")):
        time.sleep(0.02)
    os.kill(job.pid, signal.SIGKILL)
    job.wait(60)
    assert [record_of(folder)["status"] for folder in find_runs(sweep)] == ["running", "running"]
    run(place, "-m", *words, check=0)
    run(place, "-m", *words[:-1], "sweep_name=unharmed", check=0)
    for seed, folder in runs_of(place, "killed").items():
        record, other = record_of(folder), record_of(runs_of(place, "unharmed")[seed])
        assert (record["resumed"], record["status"]) == (True, "done")
        assert [row["epoch"] for row in record["history"]] == list(range(40))
        assert not list(folder.glob("checkpoints/stack-*"))
        assert record["history"][-1]["train/loss"] == pytest.approx(other["history"][-1]["train/loss"], rel=1e-3)
        assert record["metrics"]["val/accuracy"] == other["metrics"]["val/accuracy"]
        rows = pd.read_csv(folder / "metrics.csv")
        assert rows.epoch.tolist() == list(range(40))
