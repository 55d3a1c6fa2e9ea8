"""The commands that a person types, as they type them: real processes, real files."""

import json
import os
import signal
import subprocess
import sys
import time
from types import ModuleType

import pandas as pd
import pytest

from sweeps.records.run_record import find_runs
from sweeps.report.learning_curves import read_epochs
from tests.cases import first
from tests.drawn import draw_screens
from tests.sweeps.offline_wandb import read_back
from tests.warm import HERE, Warm, run_plain, run_warm

SMALL = [
    "datamodule=phone_photos",
    "datamodule.folds=3",
    "datamodule.val_folds=2",
    "datamodule.cell_px=64",
    "resolution=32",
    "width=0.25",
    "batch_size=8",
    "backbone.weights=none",
    "trainer.max_epochs=2",
    "autotune=plain",
]


def run(place, *words, script="train.py", start=run_warm, check=None):
    paths = [] if script == "predict.py" else [f"paths.runs={place}/runs", f"paths.cache={place}/cache"]
    data = [] if any(w.startswith("datamodule.root") for w in words) or script == "predict.py" else [
        f"datamodule.root={place}/screens"
    ]  # fmt: skip
    done = start(script, *words, *paths, *data, env={"OMP_NUM_THREADS": "1", "WANDB_MODE": "offline"})
    if check is not None:
        assert done.returncode == check, done.stdout + done.stderr
    return done


def record_of(folder):
    return json.loads((folder / "record.json").read_text())


@pytest.fixture(scope="module")
def single(place):
    """One finished run and what it printed."""
    done = run(place, *SMALL, "autotune=auto", "sweep_name=single", "logger=csv", start=run_plain, check=0)
    (folder,) = find_runs(place / "runs" / "single")
    return done, folder


def test_a_normal_run_is_quiet_and_ends_with_its_folder(single):
    done, folder = single
    assert done.stderr == ""
    note, line = done.stdout.splitlines()
    assert note.startswith("note: cannot be told from 2 sources whether it is better than its baseline (always ")
    assert line.startswith("last epoch, val/macro_f1 0.")
    assert line.endswith(str(folder))


def test_the_record_holds_what_the_design_promises(single):
    _, folder = single
    record = record_of(folder)
    assert record["status"] == "done"
    assert record["error"] == ""
    assert folder.name.endswith(record["config_hash"][:8])
    assert {"val/accuracy", "val/accuracy_top10_mean", "val/off_by_one", "val/macro_f1", "val/loss",
            "test/accuracy", "val/per_class", "val/confusion", "val/best/accuracy"} <= record["metrics"].keys()  # fmt: skip
    assert record["config"]["resolution"] == 32
    assert record["initial_weights"]["origin"] == "random"
    assert sum(map(sum, (record["data"]["cells"][part] for part in ("train", "val", "test")))) == 90
    assert record["versions"]["torch"]
    assert record["seconds"]["fit"] > 0
    assert record["execution"]["precision"] == "32-true"
    assert record["execution"]["measured"] == {}  # a step is more than a twentieth of so short a training
    assert record["peak_memory_bytes"] > 1e8
    assert len(record["history"]) == 2
    best = max(record["history"], key=lambda epoch: epoch["val/macro_f1"])
    assert record["metrics"]["val/best/accuracy"] == pytest.approx(best["val/accuracy"])
    assert record["metrics"]["val/accuracy"] == pytest.approx(record["history"][-1]["val/accuracy"])


def test_predictions_and_curves_lie_beside_the_record(single):
    _, folder = single
    frame = pd.read_parquet(folder / "predictions.parquet")
    assert set(frame.part) == {"val", "test"}
    assert set(frame.checkpoint) == {"best", "last"}
    test_part = frame[(frame.part == "test") & (frame.checkpoint == "last")]
    assert (test_part.grade == test_part.label).mean() == pytest.approx(record_of(folder)["metrics"]["test/accuracy"])
    assert all(abs(sum(row) - 1) < 1e-5 for row in frame.probabilities)
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "metrics.csv").exists()


def test_a_finished_run_is_not_done_again(place, single):
    _, folder = single
    before = (folder / "record.json").read_text()
    done = run(place, *SMALL, "sweep_name=single", check=0)
    assert "done before" in done.stdout
    assert (folder / "record.json").read_text() == before


def test_predict_agrees_with_the_record(place, single):
    _, folder = single
    words = [f"run={folder}", f"input={place}/screens", f"output={place}/out.csv"]
    done = run(place, *words, script="predict.py", check=0)
    assert "accuracy" in done.stdout
    table = pd.read_csv(place / "out.csv")
    assert len(table) == 90
    frame = pd.read_parquet(folder / "predictions.parquet")
    frame = frame[(frame.part == "test") & (frame.checkpoint == "last")].set_index("sample")
    assert (table.set_index("cell").grade.loc[frame.index] == frame.grade).all()


def test_a_grid_records_failures_and_points_that_cannot_exist(place):
    done = run(place, "-m", *[word for word in SMALL if not word.startswith("width")], "trainer.max_epochs=1",
               "backbone=mobilenet,efficientnet_lite0", "width=0.25", "resolution=32,16", "sweep_name=grid")  # fmt: skip
    assert done.returncode == 1
    records = [record_of(path) for path in find_runs(place / "runs" / "grid")]
    by = {(r["axes"]["backbone"], r["axes"]["resolution"]): r for r in records}
    assert {key: record["status"] for key, record in by.items()} == {
        ("mobilenet", 32): "done",
        ("mobilenet", 16): "failed",
        ("efficientnet_lite0", 32): "not applicable",
        ("efficientnet_lite0", 16): "failed",
    }
    assert "resolution=16: want at least 32" in by["mobilenet", 16]["error"]
    assert "efficientnet_lite0 comes at 1" in by["efficientnet_lite0", 32]["error"]
    assert "table.csv" in done.stdout
    assert len(pd.read_csv(place / "runs" / "grid" / "table.csv")) == 4


@pytest.mark.slow
def test_a_grid_over_folds_closes_with_pooled_figures(place):
    done = run(place, "-m", *SMALL, "trainer.max_epochs=1", "fold=0,1,2", "encoding=coral", "sweep_name=folds", check=0)
    assert "all folds pooled: each image answered, at the last epoch" in done.stdout
    pooled = pd.read_csv(place / "runs" / "folds" / "pooled.csv")
    assert pooled.cells.tolist() == [90]
    assert pooled.accuracy_low[0] <= pooled.accuracy[0] <= pooled.accuracy_high[0]


@pytest.mark.parametrize(
    ("words", "expected"),
    first(
        3,
        [
            (["rsolution=96"], "rsolution: no such key; did you mean resolution?"),
            (["datamodule.rooot=x"], "datamodule.rooot: no such key; did you mean datamodule.root?"),
            (
                ["datamodule=painted_screens", "datamodule.look.blur=2"],
                "datamodule.look.blur: no such key; valid here: damage, shards",
            ),
            (["backbone=mobilnet"], "backbone=mobilnet: no such choice; want one of csrn, efficientnet_b0"),
            (
                ["datamodule.look={typo:1}"],
                "datamodule.look.typo: no such key; valid here: blur, damage, light, moire, reflections, shards",
            ),
            (["seed=two"], "seed: Value 'two'"),
            (["trainer.max_epochs=many"], "trainer.max_epochs: Value 'many'"),
        ],
    ),
)
def test_a_wrong_override_gets_one_line_with_the_valid_names(place, words, expected):
    kind = [] if "look" in words[-1] else ["datamodule=phone_photos"]  # else the default, or what words choose
    done = run(place, *words, *kind, check=2)
    assert expected in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "expected"),
    first(
        3,
        [
            (["datamodule.root=/nowhere"], "/nowhere: no such folder"),
            (["resolution=20"], "resolution=20: want at least 32"),
            (["backbone.weights=/no.safetensors"], "/no.safetensors: no such file"),
            (["backbone.weights=imagenet"], "not to be had for mobilenet"),
            (["fold=9"], "fold=9: want 0 to 2"),
            (
                ["datamodule=painted_screens", "datamodule.severity=false", "task.mixup=0.2"],
                "task.mixup=0.2: cells that",
            ),
        ],
    ),
)
def test_bad_input_gets_one_line_and_a_failed_record(place, words, expected):
    words = [f"sweep_name=bad{abs(hash(tuple(words)))}", f"paths.weights={place}/none", *words]
    done = run(place, *SMALL, *words, check=1)
    assert expected in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["predict.py"], "error: run= is missing: want run=<a run's folder or an exported .tflite file>"),
        (["predict.py", "run=x"], "error: input= is missing: want input=<a folder of images>"),
        (["-m", "station", "grade", "photo=x.jpg"], "error: run= is missing: want run=<"),
        (["-m", "station", "grade"], "error: photo= is missing: want photo=<an image file>"),
    ],
)
def test_what_a_command_cannot_do_without_is_named(command, message):
    done = subprocess.run([sys.executable, *command], cwd=HERE, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1


def test_nothing_heavy_is_imported_for_a_wrong_point(place):
    program = f"""
import sys
sys.argv = ["train.py", "datamodule=phone_photos", "datamodule.root=/nowhere", "paths.runs={place}/runs/light"]
sys.path.insert(0, "{HERE}")
import runpy
try:
    runpy.run_path("{HERE}/train.py", run_name="__main__")
except SystemExit as stop:
    assert stop.code == 1, stop.code
heavy = {{"torch", "torchvision", "pytorch_lightning", "torchmetrics", "albumentations", "sklearn", "pandas"}}
assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=HERE, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def test_an_exploding_loss_stops_and_is_recorded(place):
    done = run(place, *SMALL, "+optimizer.eps=0.0", "schedule=constant", "sweep_name=nan", check=1)
    (folder,) = find_runs(place / "runs" / "nan")
    record = record_of(folder)
    assert record["status"] == "failed"
    assert "smaller optimizer.lr" in record["error"]
    assert "smaller optimizer.lr" in done.stderr


@pytest.mark.slow
def test_wandb_offline_holds_the_run(place):
    words = ["logger=wandb", "sweep_name=wandb", "export=all", "quantization=float32"]
    done = run(place, *SMALL, *words, start=run_plain, check=0)
    assert done.stderr == ""
    (folder,) = find_runs(place / "runs" / "wandb")
    record, told = record_of(folder), read_back(folder)
    assert (told["group"], told["exit"], len(told["ids"])) == ("wandb", 0, 1)
    assert told["config"]["resolution"] == 32
    assert sum("val/accuracy" in step for step in told["history"]) == 2
    assert told["summary"]["final/test/accuracy"] == record["metrics"]["test/accuracy"]
    assert told["summary"]["float32/val/accuracy"] == record["exports"]["float32"]["val/accuracy"]
    assert told["summary"]["confusion/val_table/nrows"] == 25


@pytest.mark.slow
def test_tensorboard_holds_the_curves_and_the_final_figures(place):
    sys.modules.setdefault("tensorboard.compat.notf", ModuleType("tensorboard.compat.notf"))
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    done = run(place, *SMALL, "logger=tensorboard", "sweep_name=tensorboard", check=0)
    assert done.stderr == ""
    (folder,) = find_runs(place / "runs" / "tensorboard")
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    metrics = record_of(folder)["metrics"]
    assert len(events.Scalars("val/accuracy")) == 2
    assert events.Scalars("final/test/accuracy")[-1].value == pytest.approx(metrics["test/accuracy"])


@pytest.mark.slow
def test_a_grid_fails_when_the_data_of_a_finished_run_has_broken_since(place, tmp_path):
    root = tmp_path / "screens"
    draw_screens(root)
    words = ["-m", *SMALL, "trainer.max_epochs=1", "sweep_name=broke", f"datamodule.root={root}"]
    run(place, *words, check=0)
    cells = root / "cells.csv"
    cells.write_text("\n".join(line.rpartition(",")[0] + ",9" if number == 3 else line
                               for number, line in enumerate(cells.read_text().splitlines())))  # fmt: skip
    done = run(place, *words, check=1)
    assert "error:" in done.stderr
    (folder,) = find_runs(place / "runs" / "broke")
    record = record_of(folder)
    assert record["status"] == "done"
    assert record["later_error"]["error"] in done.stderr


def figures(folder):
    record = record_of(folder)
    history = [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in record["history"]]
    return record["metrics"], history


def test_paths_with_odd_letters_can_be_typed_as_they_are(place, single, tmp_path):
    _, folder = single
    odd = tmp_path / "my phones, (old) = 'x'"
    draw_screens(odd, sources=1)
    done = run(place, f"run={folder}", f"input={odd}", f"output={tmp_path}/odd.csv", script="predict.py", check=0)
    assert "15 graded" in done.stdout


@pytest.mark.parametrize(
    "more",
    [
        pytest.param([], id="plain"),
        pytest.param(
            ["fine_tuning=gradual", "task.mixup=0.2", "task.label_smoothing=0.1", "callbacks.ema=0.9"],
            id="fine-tuned",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_same_seed_gives_the_same_record_though_the_run_was_killed(place, more):
    words = [*SMALL, "trainer.max_epochs=6", "augmentation=heavy", "encoding=ordinal", *more]
    names = [f"{name}{len(more)}" for name in ("whole", "killed")]
    run(place, *words, f"sweep_name={names[0]}", check=0)
    (whole,) = find_runs(place / "runs" / names[0])
    assert _stop_after_an_epoch(place, names[1], [*words, f"sweep_name={names[1]}"])
    (killed,) = find_runs(place / "runs" / names[1])
    assert record_of(killed)["status"] == "running"
    run(place, *words, f"sweep_name={names[1]}", check=0)
    assert record_of(killed)["resumed"]
    assert figures(killed) == figures(whole)
    assert {row["epoch"] for row in read_epochs(killed / "metrics.csv")} >= {str(epoch) for epoch in range(6)}


def _stop_after_an_epoch(place, name, words):
    """Kills a run the hard way once its first checkpoint is there."""
    paths = [f"paths.runs={place}/runs", f"paths.cache={place}/cache", f"datamodule.root={place}/screens"]
    job = Warm("train.py", *words, *paths)
    until = time.monotonic() + 120
    while not list((place / "runs" / name).glob("*/checkpoints/last.ckpt")):
        assert time.monotonic() < until
        time.sleep(0.01)
    os.kill(job.pid, signal.SIGKILL)
    return job.wait().returncode == -signal.SIGKILL


@pytest.mark.slow
def test_other_data_does_not_replace_a_finished_run(place, tmp_path):
    for name, seed in (("one", 0), ("other", 1)):
        draw_screens(tmp_path / name, seed=seed)
    words = [*SMALL, "trainer.max_epochs=1", "sweep_name=two_sets"]
    run(place, *words, f"datamodule.root={tmp_path}/one", check=0)
    (folder,) = find_runs(place / "runs" / "two_sets")
    before = record_of(folder)
    done = run(place, *words, f"datamodule.root={tmp_path}/other", check=1)
    assert f"holds a run on {tmp_path}/one; give this data a sweep_name of its own" in done.stderr
    assert record_of(folder)["metrics"] == before["metrics"]
    run(place, *words, f"datamodule.root={tmp_path}/other", "overwrite=true", check=0)
    assert record_of(folder)["data"]["fingerprint"] != before["data"]["fingerprint"]


@pytest.mark.slow
def test_a_training_may_start_from_another_run(place, single):
    _, folder = single
    run(place, *SMALL, "sweep_name=further", f"backbone.weights={place}/runs/single/*", "optimizer.lr=0.002", check=0)
    (further,) = find_runs(place / "runs" / "further")
    record = record_of(further)
    assert record["initial_weights"]["origin"] == "run"
    assert record["initial_weights"]["mean"] == record_of(folder)["initial_weights"]["mean"]
    assert f"{folder.parent}/*" in record["axes"].values()
    first = [record_of(one)["history"][0]["train/loss"] for one in (folder, further)]
    assert first[1] < first[0]
    from training.finished_run import load_run

    load_run(record, further / "checkpoints" / "last.ckpt")
    done = run(place, *SMALL, "sweep_name=further", f"backbone.weights={folder}", "fold=1", check=1)
    assert "was trained with datamodule.fold=0, here it is 1" in done.stderr


@pytest.mark.slow
def test_each_seed_of_a_grid_may_start_from_its_own_run(place):
    run(place, "-m", *SMALL, "seed=0,1", "trainer.max_epochs=1", "sweep_name=first", check=0)
    weights = f"'{place}/runs/first/*seed-${{seed}}[-+]*'"
    run(
        place,
        "-m",
        *SMALL,
        "seed=0,1",
        "trainer.max_epochs=1",
        "sweep_name=second",
        f"backbone.weights={weights}",
        check=0,
    )
    records = [record_of(folder) for folder in find_runs(place / "runs" / "second")]
    assert len({record["initial_weights"]["sha256"] for record in records}) == 2
    assert {record["axes"]["backbone.weights"] for record in records} == {f"{place}/runs/first/*seed-${{seed}}[-+]*"}
