"""The fifth task from the command line to a file and a page."""

import json

import pandas as pd
import pytest

from sweeps.records.run_record import find_runs, read_record
from tests.labelled import LABELS, draw_labelled
from tests.warm import run_warm


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("place")
    draw_labelled(place / "pictures", count=150, side=32)
    done = run_warm(
        "train.py", "task=multilabel", f"datamodule.root={place}/pictures", "backbone=mobilenet", "width=0.25", "resolution=32",
        "batch_size=16", "trainer.max_epochs=20", "optimizer.lr=0.003", "augmentation=none", "backbone.weights=none", "autotune=plain",
        "encoding=focal", "export=all", "quantization=[float32,int8]", f"paths.runs={place}/runs", f"paths.cache={place}/cache",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    (folder,) = find_runs(place / "runs" / "adhoc")
    return folder


def test_the_record_holds_figures_thresholds_and_baseline(folder):
    record = read_record(folder)
    metrics, baseline = record["metrics"], record["baseline"]
    assert metrics["val/mean_average_precision"] > baseline["val/mean_average_precision"] + 0.1
    assert len(record["thresholds"]["last"]) == len(metrics["test/per_label"]["f1"]) == len(LABELS)
    assert (record["main_figure"], record["direction"]) == ("val/mean_average_precision", "max")


def test_files_are_scored_like_all_others_and_carry_thresholds(folder):
    record = read_record(folder)
    exports = record["exports"]
    assert exports["float32"]["test/mean_average_precision"] == pytest.approx(
        record["metrics"]["test/mean_average_precision"]
    )
    assert exports["int8"]["agreement"] > 0.9
    assert exports["int8"]["described"]["thresholds"] == pytest.approx(record["thresholds"]["last"], abs=1e-5)


def test_run_and_file_predict_alike(folder):
    tables = []
    for given in (folder, folder / "export" / "float32.tflite"):
        done = run_warm(
            "predict.py", f"run={given}", f"input={folder.parents[2]}/pictures", f"output={folder}/{given.stem}.csv"
        )
        assert (done.returncode, done.stderr) == (0, "")
        tables.append(pd.read_csv(folder / f"{given.stem}.csv", keep_default_na=False))
    assert (tables[0].labels == tables[1].labels).mean() > 0.98
    assert list(tables[0].columns) == ["file", "labels", *(f"p_{label}" for label in LABELS)]


def test_table_and_report_show_its_figures(folder):
    done = run_warm("-m", "sweeps", "report", folder.parent)
    assert (done.returncode, done.stderr) == (0, "")
    page = (folder.parent / "report.html").read_text()
    assert "Mean average precision against latency" in page
    assert "labels as torch" in page
    table = run_warm("-m", "sweeps", "table", folder.parent)
    assert table.returncode == 0, table.stderr
    assert json.loads((folder / "record.json").read_text())["mistakes"] is not None
