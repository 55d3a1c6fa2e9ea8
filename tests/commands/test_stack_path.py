"""Several seeds in one training are what they are one after the other."""

import os
import signal
import time

import numpy as np
import pandas as pd
import pytest
import torch

from sweeps.records.run_record import find_runs, hold, update_record
from tests.cases import first
from tests.commands.test_distillation_path import SMALL, draw_digits
from tests.commands.test_train import record_of, run
from tests.warm import Warm, run_warm

STACK = [*SMALL, "backbone=simplenet_v1", "trainer.max_epochs=3"]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stack")
    draw_digits(folder / "screens")
    return folder


@pytest.fixture(scope="module")
def place(drawn):
    folder = drawn
    run(folder, "-m", *STACK, "seed=0,1,2", "sweep_name=alone", check=0)
    run(folder, "-m", *STACK, "num_stacked_seeds=3", "sweep_name=stack", check=0)
    return folder


def runs_of(place, sweep):
    return {record_of(folder)["seed"]: folder for folder in find_runs(place / "runs" / sweep)}


@pytest.mark.slow
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


@pytest.mark.slow
def test_its_seeds_differ(place):
    losses = {record_of(folder)["history"][-1]["train/loss"] for folder in runs_of(place, "stack").values()}
    assert len(losses) == 3


@pytest.mark.slow
def test_what_is_done_is_not_trained_again(place):
    stack = runs_of(place, "stack")
    before = {seed: (folder / "record.json").read_bytes() for seed, folder in stack.items() if seed != 1}
    for path in sorted(stack[1].rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    said = run(place, "-m", *STACK, "num_stacked_seeds=3", "sweep_name=stack", check=0).stdout
    assert said.count("done before") == 2
    assert record_of(stack[1])["together"] == 1
    assert all((stack[seed] / "record.json").read_bytes() == text for seed, text in before.items())
    again = run(place, "-m", *STACK, "num_stacked_seeds=3", "sweep_name=stack", check=0).stdout
    assert "all 3 points were done before" in again


@pytest.mark.slow
def test_its_files_are_made_and_lead_to_the_same_answers(place):
    folder = runs_of(place, "stack")[2]
    made = run_warm("-m", "export", f"run={folder}", "quantization=[float32]", "latency.host.runs=3", env={})
    assert made.returncode == 0, made.stderr
    record = record_of(folder)
    assert record["exports"]["float32"]["test/accuracy"] == record["metrics"]["test/accuracy"]


@pytest.mark.parametrize(
    ("word", "said"),
    first(
        2,
        [
            ("callbacks.patience=3", "callbacks.patience"),
            ("backbone=simplenet_teacher", "drops out"),
            ("encoding=coral", "thresholds"),
            ("trainer.gradient_clip_val=1.0", "gradient_clip_val"),
            ("logger=wandb", "one run at a time"),
            ("num_stacked_seeds=0", "num_stacked_seeds=0"),
        ],
    ),
)
def test_what_cannot_be_stacked_is_said(drawn, word, said):
    ordered = ["datamodule.ordered=true"] if "coral" in word else []
    words = [*STACK, "num_stacked_seeds=2", *ordered, word, "sweep_name=wrong"]
    answered = run(drawn, *words, check=1)
    assert answered.stderr.count("error:") == 1
    assert said in answered.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["encoding=ordinal", "datamodule.ordered=true", "task.label_smoothing=0.3"],
        pytest.param(["augmentation=digits", "imbalance=oversampling", "optimizer=adamw"], marks=pytest.mark.slow),
        pytest.param(
            ["fine_tuning.head_epochs=1", "schedule=constant", "imbalance=class_weights"], marks=pytest.mark.slow
        ),
    ],
    ids=" ".join,
)
def test_settings_mean_in_a_stack_what_they_mean_alone(place, words):
    name = "".join(letter for letter in words[0] if letter.isalnum())
    run(place, "-m", *STACK, *words, "seed=0,1", f"sweep_name=alone_{name}", check=0)
    run(place, "-m", *STACK, *words, "num_stacked_seeds=2", f"sweep_name=stack_{name}", check=0)
    alone, stack = runs_of(place, f"alone_{name}"), runs_of(place, f"stack_{name}")
    for seed in (0, 1):
        rows = [record_of(runs[seed])["history"] for runs in (alone, stack)]
        for one, other in zip(*rows, strict=True):
            assert one["train/loss"] == pytest.approx(other["train/loss"], rel=1e-4)
            assert one["val/loss"] == pytest.approx(other["val/loss"], rel=1e-4)


@pytest.mark.slow
def test_networks_with_batch_norm_are_stacked_too(place):
    words = [*SMALL[:-1], "datamodule.root=" + str(place / "screens"), "backbone=mobilenet", "width=0.25", "resolution=32",
             "task.dropout=0.0", "trainer.max_epochs=1", "optimizer.lr=0.00003"]  # fmt: skip
    run(place, "-m", *words, "seed=0,1", "sweep_name=norm_alone", check=0)
    run(place, "-m", *words, "num_stacked_seeds=2", "sweep_name=norm", check=0)
    alone, stack = runs_of(place, "norm_alone"), runs_of(place, "norm")
    for seed in stack:
        one, other = (
            torch.load(runs[seed] / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
            for runs in (alone, stack)
        )
        assert one.keys() == other.keys()
        moved = [name for name in one if "running" in name]
        assert moved
        for name in moved:
            apart, moved_by = (one[name] - other[name]).abs().max(), (one[name] - float("var" in name)).abs().max()
            assert apart < 0.05 * moved_by, name


@pytest.mark.slow
def test_a_run_that_another_process_holds_is_left_out(place):
    run(place, "-m", *STACK, "num_stacked_seeds=3", "seed=5", "sweep_name=busy", check=0)
    folders = runs_of(place, "busy")
    before = (folders[5] / "record.json").read_bytes()
    with hold(folders[6]):
        said = run(place, *STACK, "num_stacked_seeds=3", "seed=5", "sweep_name=busy", check=0).stdout
    assert f"left to another process: {folders[6]}" in said
    assert said.count("done before") == 2
    assert (folders[5] / "record.json").read_bytes() == before


@pytest.mark.slow
def test_a_run_that_diverges_takes_no_other_with_it(place):
    words = [
        *STACK[:-1],
        "trainer.max_epochs=12",
        "optimizer=adamw",
        "optimizer.lr=100",
        "optimizer.weight_decay=100",
        "schedule=constant",
        "sweep_name=wild",
    ]
    said = run(place, *words, "num_stacked_seeds=2", check=1).stderr
    records = [record_of(folder) for folder in find_runs(place / "runs" / "wild")]
    assert said.count("the training loss is nan") == sum(record["status"] == "failed" for record in records) > 0
    assert all("seed" not in record["error"] for record in records)


@pytest.mark.slow
def test_what_was_trained_but_not_scored_is_scored(place):
    words = [*STACK, "num_stacked_seeds=2", "sweep_name=unscored"]
    run(place, "-m", *words, check=0)
    folder = runs_of(place, "unscored")[1]
    done = record_of(folder)
    undone = done | {"status": "running", "trained_s": 1.0, "diverged": ""}
    update_record(folder, lambda _: {key: value for key, value in undone.items() if key != "metrics"})
    stamp = (folder / "checkpoints" / "last.ckpt").stat().st_mtime_ns
    said = run(place, *words, check=0).stdout
    assert said.count("done before") == 1
    again = record_of(folder)
    assert (again["status"], again["metrics"]) == ("done", done["metrics"])
    assert (folder / "checkpoints" / "last.ckpt").stat().st_mtime_ns == stamp


@pytest.mark.slow
def test_settings_that_do_not_go_with_a_stack_harm_no_run(place):
    run(place, *STACK, "sweep_name=harmless", check=0)
    (folder,) = find_runs(place / "runs" / "harmless")
    run(place, *STACK, "sweep_name=harmless", "num_stacked_seeds=2", "callbacks.ema=0.9", "logger=none", check=1)
    assert record_of(folder)["status"] == "done"
    run(place, "-m", *STACK, "sweep_name=advised", "num_stacked_seeds=2", "callbacks.ema=0.9", check=1)
    run(place, "-m", *STACK, "sweep_name=advised", "seeds=2", "callbacks.ema=0.9", check=0)
    assert {record_of(one)["status"] for one in find_runs(place / "runs" / "advised")} == {"done"}


@pytest.mark.slow
def test_a_killed_stack_goes_on_where_it_was(place):
    words = [*STACK[:-1], "trainer.max_epochs=40", "num_stacked_seeds=2", "sweep_name=killed"]
    own = [f"paths.runs={place}/runs", f"paths.cache={place}/cache", f"datamodule.root={place}/screens"]
    job = Warm("train.py", "-m", *words, *own, env={"OMP_NUM_THREADS": "1"})
    sweep = place / "runs" / "killed"
    end = time.monotonic() + 120
    while not list(sweep.glob("*/checkpoints/stack-*.ckpt")):
        assert time.monotonic() < end
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
