"""From a table of run lengths to a record: training of masks as it is typed."""

import pandas as pd
import pytest
from PIL import Image

from sweeps.record import find_runs
from tests.datamodules.test_mask_samples import draw_steel
from tests.test_train import record_of, run

STEEL = [
    "task=segmentation", "datamodule=severstal", "datamodule.test_images=0", "datamodule.folds=4", "datamodule.val_folds=3",
    "backbone=mobilenet", "backbone.weights=none", "width=0.25", "resolution=32", "batch_size=8", "encoding=dice_bce",
    "augmentation=steel", "task.decoder_channels=[32,24,16,16,8]", "optimizer.lr=0.003",
]  # fmt: skip


@pytest.fixture(scope="module")
def steel(tmp_path_factory):
    place = tmp_path_factory.mktemp("steel")
    draw_steel(place / "screens", width=96)
    return place


@pytest.fixture(scope="module")
def finished(steel):
    done = run(steel, "-m", *STEEL, "trainer.max_epochs=12", "sweep_name=masks", "fold=0", check=0)
    (folder,) = find_runs(steel / "runs" / "masks")
    return done, folder


def test_a_run_learns_and_its_record_says_how_well(finished):
    done, folder = finished
    record = record_of(folder)
    assert record["status"] == "done"
    assert done.stderr == ""
    assert "val/dice 0." in done.stdout
    metrics = record["metrics"]
    for part in ("val", "test"):
        assert len(metrics[f"{part}/per_class"]["dice"]) == 4
        assert 0 <= metrics[f"{part}/subset_accuracy"] <= metrics[f"{part}/label_accuracy"] <= 1
    best = max(epoch["val/dice"] for epoch in record["history"])
    assert metrics["val/dice"] == pytest.approx(best, abs=1e-6), "the best epoch's file says what the epoch said"
    assert metrics["val/last/dice"] == pytest.approx(record["history"][-1]["val/dice"], abs=1e-6)
    assert metrics["val/dice_top10_mean"] <= best
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
        assert picture.width == 2 * (96 + 4)
    assert (folder / "curves.png").stat().st_size > 1000
    assert record_of(folder)["mistakes"][0]["dice"] <= record_of(folder)["mistakes"][-1]["dice"]


def test_the_same_command_finds_it_done_and_the_table_shows_dice(finished, steel):
    assert "val/dice" in finished[0].stdout
    done = run(steel, "-m", *STEEL, "trainer.max_epochs=12", "sweep_name=masks", "fold=0", check=0)
    assert "done before" in done.stdout


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["encoding=ordinal"], "encoding=ordinal: is for task=grading, not for task=segmentation"),
        (["task=grading"], "encoding=dice_bce: is for task=segmentation, not for task=grading"),
        (["task=grading", "encoding=one_hot"], "datamodule=severstal: is for task=segmentation, not for task=grading"),
        (["augmentation=heavy"], "augmentation: moves images alone"),
        (["datamodule.table=no.csv"], "no.csv: no such file"),
    ],
)
def test_what_does_not_go_together_is_one_line(steel, words, wanted):
    given = [word for word in STEEL if not (word.startswith("task.") and "task=grading" in words)]
    done = run(steel, *given, *words, "trainer.max_epochs=1", "sweep_name=wrong", check=1)
    assert done.stderr.startswith("error: ")
    assert wanted in done.stderr
    assert done.stderr.count("\n") == 1


def test_what_is_not_there_yet_says_so(finished):
    from tests.warm import run_warm

    done = run_warm("-m", "export", f"run={finished[1]}", env={})
    assert done.returncode == 1
    assert "of task=segmentation; only runs that grade can be exported" in done.stderr
    assert done.stderr.count("\n") == 1
