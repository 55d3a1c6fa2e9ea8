"""From rendered phones to marked damage, as it is typed."""

import csv

import pytest
from PIL import Image

from choices import ROOT
from sweeps.records.run_record import find_runs, read_record
from tests.warm import run_warm

WORDS = [
    "datamodule=synthetic_screens", "datamodule.devices=6", "datamodule.photos=6", "datamodule.folds=3", "datamodule.val_folds=2",
    "backbone=mobilenet", "width=0.5", "backbone.weights=zoo", "resolution=64", "trainer.max_epochs=1", "batch_size=15", "sweep_name=marks",
]  # fmt: skip

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("damage")


def typed(place, *words, check=0):
    env = {"GRIDLITE_DATA": str(place / "data"), "GRIDLITE_CACHE": str(place / "cache")}
    done = run_warm(*words, env=env)
    assert done.returncode == check, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def run(place):
    own = [
        "task=segmentation",
        "encoding=dice_bce",
        "task.decoder_channels=[16,16,8,8,8]",
        "export=all",
        f"paths.runs={place / 'runs'}",
    ]
    typed(place, "train.py", *WORDS, *own)
    (folder,) = find_runs(place / "runs" / "marks")
    return folder


def test_cells_are_marked_in_training_and_in_its_files(run):
    record = read_record(run)
    assert record["data"]["class_names"] == ["scratch", "crack"]
    assert record["data"]["preprocessing"]["grid"] == {"columns": 3, "rows": 5, "cell_px": 300}
    assert record["metrics"]["val/loss"] > 0
    assert set(record["exports"]) == {"float32", "float16", "dynamic", "int8"}
    assert record["exports"]["float32"]["agreement"] > 0.999


def test_the_same_data_without_masks_is_what_a_grading_task_gets(place, run):
    done = typed(
        place, "train.py", *WORDS, "task=regression", "encoding=huber", f"paths.runs={place / 'runs'}", check=1
    )
    assert "datamodule=synthetic_screens: its labels are grades, task=regression wants numbers" in done.stderr


def test_predict_writes_a_row_for_each_cell_with_lengths(place, run):
    (data,) = (place / "data").glob("synthetic_screens-*")
    table = place / "marks.csv"
    typed(
        place, "predict.py", f"run={run / 'export' / 'int8.tflite'}", f"input={data}", f"output={table}", "min_share=0"
    )
    with table.open() as lines:
        rows = list(csv.DictReader(lines))
    assert len({(row["photo"], row["row"], row["col"]) for row in rows}) == 6 * 15
    for row in rows:
        assert (int(row["pixels"]) > 0) == (float(row["length_px"]) > 0)
    with Image.open(place / "marks_outlined" / f"{rows[0]['photo']}.jpg") as picture:
        assert picture.size == (3 * 64, 5 * 64 + 22)


def test_the_station_tells_area_and_length_and_refuses_networks_of_grades(place, run):
    (data,) = (place / "data").glob("synthetic_screens-*")
    zoo = ROOT / "zoo" / "mobilenet_0.25"
    words = [f"run={zoo}", f"photos={data}", f"output={place / 'graded'}", "jobs=1"]
    typed(place, "-m", "station", "grade", *words, f"damage={run}")
    with (place / "graded" / "cells.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 6 * 15
    assert all(0 <= float(row["area_crack"]) <= 1 and float(row["length_scratch"]) >= 0 for row in rows)
    done = typed(
        place,
        "-m",
        "station",
        "grade",
        f"run={zoo}",
        f"photos={data}",
        f"output={place / 'other'}",
        f"damage={zoo}",
        check=1,
    )
    assert "marks no pixels; want a run or a file of task=segmentation" in done.stderr
