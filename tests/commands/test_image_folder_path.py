"""A folder of class folders goes the whole way: training, files with tuning under int8's rounding, prediction."""

import csv

import pytest

from export.runtime import read_file
from sweeps.records.run_record import find_runs
from tests.commands.test_train import record_of, run
from tests.datamodules.test_image_folder import CLASSES, fill

SMALL = [
    "datamodule=image_folder", "augmentation=crops", "resolution=32", "width=0.25", "batch_size=8",
    "backbone.weights=none", "trainer.max_epochs=1", "export=all", "quantization=[float32,int8_qat]",
]  # fmt: skip


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    place = tmp_path_factory.mktemp("place")
    fill(place / "things", each=15)
    (place / "things" / "broom" / "cut.jpg").write_bytes(b"no picture")
    done = run(place, *SMALL, f"datamodule.root={place}/things", "sweep_name=things", check=0)
    (folder,) = find_runs(place / "runs" / "things")
    return place, folder, done


def test_the_run_says_what_it_left_out(exported):
    _, folder, done = exported
    assert done.stderr.count("\n") == 1
    assert "note: left out 1 files" in done.stderr
    data = record_of(folder)["data"]
    assert data["class_names"] == list(CLASSES)
    assert [line.split(":")[0] for line in data["left_out"]] == ["broom/cut.jpg"]


def test_classes_without_an_order_have_no_neighbours(exported):
    place, folder, _ = exported
    record = record_of(folder)
    assert not record["data"]["ordered"]
    figures = {name.rpartition("/")[2] for name in (*record["metrics"], *record["history"][0])}
    figures |= {name.rpartition("/")[2] for entry in record["exports"].values() for name in entry}
    assert "accuracy" in figures
    assert "off_by_one" not in figures
    done = run(place, *SMALL, f"datamodule.root={place}/things", "encoding=ordinal", "sweep_name=wrong")
    assert done.returncode == 1
    assert "error: encoding=ordinal: datamodule.ordered=false says that the classes have no order" in done.stderr


def test_the_files_know_classes_and_crop(exported):
    _, folder, _ = exported
    exports = record_of(folder)["exports"]
    assert list(exports) == ["float32", "int8_qat"]
    for entry in exports.values():
        _, described = read_file(folder / entry["path"])
        assert described["labels"] == list(CLASSES)
        assert (described["crop"], described["grid"]) == ("centre", None)
    assert exports["int8_qat"]["tensors"]["int8"] > 20


@pytest.mark.parametrize("of", ["run", "file"])
def test_prediction_crops_alike_and_counts_what_is_right(exported, tmp_path, of):
    place, folder, _ = exported
    given = folder if of == "run" else folder / "export" / "float32.tflite"
    done = run(
        place, f"run={given}", f"input={place}/things", f"output={tmp_path}/out.csv", script="predict.py", check=0
    )
    assert "over 45 labelled images, 45 graded" in done.stdout
    with (tmp_path / "out.csv").open() as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    import pandas as pd

    known = pd.read_parquet(folder / "predictions.parquet").query("checkpoint == 'best'")
    for row in known.itertuples():
        assert int(rows[row.sample]["grade"]) == row.grade
        assert float(rows[row.sample]["p_asters"]) == pytest.approx(row.probabilities[0], abs=1e-4)
