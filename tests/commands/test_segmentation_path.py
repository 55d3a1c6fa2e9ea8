"""From a table of run lengths to a record: training of masks as it is typed."""

import pandas as pd
import pytest
from PIL import Image

from sweeps.records.run_record import find_runs
from tests.cases import first
from tests.commands.test_train import record_of, run
from tests.trained import copy_of, segmentation
from tests.warm import run_warm

STEEL = [
    "task=segmentation", "datamodule=severstal", "datamodule.test_images=0", "datamodule.folds=4", "datamodule.val_folds=3",
    "backbone=mobilenet", "backbone.weights=none", "width=0.25", "resolution=32", "batch_size=8", "encoding=dice_bce",
    "augmentation=steel", "task.decoder_channels=[32,24,16,16,8]", "optimizer.lr=0.003",
]  # fmt: skip


LONGER = ["trainer.max_epochs=16", "callbacks.ships=best"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return copy_of(tmp_path_factory, segmentation)


@pytest.fixture(scope="module")
def steel(trained):
    return trained[0]


@pytest.fixture(scope="module")
def finished(trained):
    place, (done, _) = trained
    (folder,) = find_runs(place / "runs" / "masks")
    return done, folder


def test_a_run_learns_and_its_record_says_how_well(finished):
    done, folder = finished
    record = record_of(folder)
    assert record["status"] == "done"
    assert done.stderr == ""
    assert "best epoch, val/dice_pooled 0." in done.stdout
    metrics = record["metrics"]
    for part in ("val", "test"):
        assert len(metrics[f"{part}/per_class"]["dice"]) == 4
        assert 0 <= metrics[f"{part}/subset_accuracy"] <= metrics[f"{part}/label_accuracy"] <= 1
    best = max(record["history"], key=lambda epoch: epoch["val/dice_pooled"])
    assert metrics["val/dice"] == pytest.approx(best["val/dice"], abs=1e-6), (
        "the best epoch's file says what the epoch said"
    )
    assert metrics["val/last/dice"] == pytest.approx(record["history"][-1]["val/dice"], abs=1e-6)
    assert metrics["val/dice_pooled_top10_mean"] <= max(epoch["val/dice_pooled"] for epoch in record["history"])
    losses = [epoch["train/loss"] for epoch in record["history"]]
    assert losses[-1] < losses[0]
    assert record["data"]["cells"]["train"][-1] > 0, "sheets without a defect take part"


def test_counts_contours_and_curves_lie_beside_it(finished):
    folder = finished[1]
    table = pd.read_parquet(folder / "predictions.parquet")
    assert set(table.part) == {"val", "test"}
    assert all(len(counts) == 4 for counts in table.true)
    assert (table.pixels == 32 * 96).all()
    with Image.open(folder / "mistakes.jpg") as picture:
        assert picture.width == 8 * 96 + 4, "eight times as large, truth above answer"
    assert (folder / "curves.png").stat().st_size > 1000
    assert record_of(folder)["mistakes"][0]["dice"] <= record_of(folder)["mistakes"][-1]["dice"]


def test_the_same_command_finds_it_done_and_the_table_shows_dice(finished, steel):
    assert "val/dice_pooled" in finished[0].stdout
    done = run(steel, "-m", *STEEL, *LONGER, "sweep_name=masks", "fold=0", check=0)
    assert "done before" in done.stdout


@pytest.mark.parametrize(
    ("words", "wanted"),
    first(
        3,
        [
            (["encoding=ordinal"], "encoding=ordinal: takes grades, task=segmentation has masks"),
            (["task=grading"], "encoding=dice_bce: takes masks, task=grading has grades"),
            (
                ["task=grading", "encoding=one_hot"],
                "datamodule=severstal: its labels are masks, task=grading wants grades",
            ),
            (["augmentation=heavy"], "augmentation: moves images alone"),
            (["datamodule.table=no.csv"], "no.csv: no such file"),
        ],
    ),
)
def test_what_does_not_go_together_is_one_line(steel, words, wanted):
    given = [word for word in STEEL if not (word.startswith("task.") and "task=grading" in words)]
    done = run(steel, *given, *words, "trainer.max_epochs=1", "sweep_name=wrong", check=1)
    assert done.stderr.startswith("error: ")
    assert wanted in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.fixture(scope="module")
def exported(trained, finished):
    return trained[1][1], finished[1]


def test_the_four_files_are_scored_by_dice(exported):
    done, folder = exported
    record = record_of(folder)
    assert set(record["exports"]) == {"float32", "float16", "dynamic", "int8"}
    for name, entry in record["exports"].items():
        assert entry["val/dice"] == pytest.approx(record["metrics"]["val/dice"], abs=0.05), name
        assert entry["val/dice_drop"] == pytest.approx(record["metrics"]["val/dice"] - entry["val/dice"], abs=1e-6)
        assert entry["latency"][0]["latency_ms_p50"] > 0
        assert len(entry["val/per_class"]["dice"]) == 4
    float32 = record["exports"]["float32"]
    assert float32["agreement"] > 0.9999
    assert float32["max_probability_difference"] < 1e-4
    assert record["exports"]["int8"]["size_bytes"] < 0.4 * float32["size_bytes"]
    assert "val Dice" in done.stdout
    answers = pd.read_parquet(folder / "export" / "predictions.parquet")
    assert set(answers.file) == set(record["exports"])


def test_run_and_file_mark_a_folder_alike_and_write_kaggles_table(exported, steel, tmp_path):
    from datamodules.masks.run_lengths import decode

    folder = exported[1]
    images = steel / "screens" / "train_images"
    tables = []
    for given in (folder, folder / "export" / "float32.tflite"):
        path = tmp_path / f"{given.stem}.csv"
        done = run_warm("predict.py", f"run={given}", f"input={images}", f"output={path}", env={})
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        assert f"40 images, {(pd.read_csv(path).pixels > 0).sum()} masks" in done.stdout
        tables.append(pd.read_csv(path))
        with Image.open(path.with_name(f"{path.stem}_outlined") / "000.png.jpg") as picture:
            assert picture.size == (96, 32 + 22 * 4)
    ours, theirs = tables
    assert set(ours.ImageId) == set(theirs.ImageId) == {f"{number:03}.png" for number in range(40)}
    assert (ours.pixels > 0).sum() > 10
    for row in ours[ours.pixels > 0].itertuples():
        assert decode(row.EncodedPixels, 32, 96).sum() == row.pixels
    both = ours.merge(theirs, on=["ImageId", "ClassId"], suffixes=("", "_file"))
    assert len(both) == len(ours) == len(theirs)
    assert (both.pixels - both.pixels_file).abs().max() <= 2
