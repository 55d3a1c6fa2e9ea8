"""Station files: the distance that their graph gives, against torch's features and numpy; the record, the metadata, refusals."""

import json
import shutil
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from export import quantize
from export.convert import to_float32, to_onnx
from export.deployable import deployable
from export.distance import Distance, features_of, spread_of, with_distances
from export.flatbuffer import FileError
from export.float_file import FloatFile, QuantizationError
from export.formats.base import held_out
from export.formats.station import Station
from export.formats.tflite import TFLite
from export.runtime import read_file
from metrics.unknown import Spread, SpreadError, unknown_text
from station.choosing import file_of
from sweeps.analysis.expected import Folds
from sweeps.analysis.recommendation import advised_kind
from sweeps.records.run_record import find_runs, read_record
from tasks.grading_files import GradeModel, grade_answer
from tests.commands.test_export import export
from tests.commands.test_train import SMALL, run
from tests.drawn import draw_screens
from tests.export.made import converted, pictures, random_module
from tests.trained import copy_of, grading


def batches(images):
    return [torch.from_numpy(images).permute(0, 3, 1, 2)]


def measuring(module, side):
    """A module's spread over random pictures, and its float32 file with the distance."""
    labels = np.arange(60) % 3
    spread = Spread.of(features_of(module.network, batches(pictures(60, side, seed=1))), labels)
    model = deployable(module, (side, side), grade_answer, Distance(spread))
    return spread, to_float32(to_onnx(model, (side, side), model.outputs))


@pytest.mark.parametrize(
    ("backbone", "encoding", "side"),
    [("mobilenet", "ordinal", 32), pytest.param("simplenet_v1", "one_hot", 28, marks=pytest.mark.slow)],
)
def test_the_graph_gives_what_numpy_makes_of_the_features(backbone, encoding, side):
    module = random_module(
        backbone, width=0.25 if backbone == "mobilenet" else None, encoding=encoding, resolution=side
    )
    spread, data = measuring(module, side)
    images = pictures(8, side, seed=2)
    images[0] = 255
    wanted = spread.distances(features_of(module.network, batches(images)))
    assert wanted.max() > 1.5 * wanted.min()
    found = GradeModel(data).measure(images)
    np.testing.assert_allclose(found.distances, wanted, rtol=1e-3)
    half = GradeModel(quantize.float16(FloatFile(data, images, GradeModel))).measure(images)
    np.testing.assert_allclose(half.distances, wanted, rtol=0.1)
    plain = GradeModel(converted(module, side)[1]).measure(images)
    assert plain.distances is None
    np.testing.assert_allclose(found.probabilities, plain.probabilities, atol=1e-5)
    np.testing.assert_array_equal(found.grades, plain.grades)


def test_files_whose_distances_are_in_another_order_are_marked():
    known = np.arange(1.0, 30)
    assert with_distances({"marked": ""}, known, 1.1 * known)["marked"] == ""
    said = with_distances({"marked": "loses"}, known, known[::-1])
    assert said["marked"] == "loses and its distances go with torch's by -1.00 alone"
    assert said["max_distance_difference"] == 28.0


def test_what_is_no_share_or_has_no_network_is_refused():
    with pytest.raises(ValueError, match=r"format.station.false_alarms=2: want a share between 0 and 1"):
        Station({}, 2)
    made = Station({"float32": quantize.float32}, 0.05).kinds({})["station_float32"]
    with pytest.raises(QuantizationError, match="wants a trained network"):
        made(FloatFile(b"", pictures(1, 32), GradeModel))


def test_the_threshold_is_by_what_no_training_has_seen(tmp_path):
    """Of one network its validation set; of one trained on all data the folds' files, each to its own held-out samples."""
    form, rng = Station({}, 0.1), np.random.default_rng(0)
    folders, records = [], []
    for fold in range(2):
        folders.append(tmp_path / f"fold{fold}")
        (folders[-1] / "export").mkdir(parents=True)
        names = [f"{fold}-{at}" for at in range(40)]
        answers = pd.DataFrame({"sample": names, "source_id": names, "part": "val", "file": "station_int8"})
        answers["distance"] = rng.uniform(fold, fold + 1, 40)
        answers.to_parquet(folders[-1] / "export" / "predictions.parquet")
        records.append({"exports": {"station_int8": {"checkpoint": "last"}}, "shipped": {"checkpoint": "last"}})
    folds = Folds(tuple(folders), tuple(records))

    own = form.says(answers.assign(part=["train", "val"] * 20), None)["unknown"]
    assert (own["how"], own["samples"]) == ("validation set", 20)
    said = form.says(answers.assign(part="train"), partial(held_out, folds, "station_int8"))["unknown"]
    assert said["how"] == "cross-conformal over 2 folds' station_int8 files"
    assert (said["samples"], said["sources"]) == (80, 80)
    assert 1.6 < said["threshold"] < 1.95
    none = form.says(answers, partial(held_out, folds, "station_float32"))["unknown"]
    assert (
        none["refused"]
        == f"{folders[0]}: no station_float32 file of its last epoch; want format=station of every fold first"
    )
    assert "threshold" not in none
    assert unknown_text(none).startswith("no threshold of unknown samples: ")


def test_what_grades_no_pictures_has_no_distance():
    table = pd.DataFrame({"part": ["train"] * 9, "label": np.linspace(0, 1, 9)})
    samples = SimpleNamespace(table=table)
    with pytest.raises(SpreadError, match="not for masks or an ensemble"):
        spread_of(SimpleNamespace(network=torch.nn.Identity()), samples, 32)
    module = random_module("mobilenet", width=0.25, resolution=32)
    for one in (samples, SimpleNamespace(table=table.drop(columns="label"))):
        with pytest.raises(SpreadError, match="from classes, and the labels are none"):
            spread_of(module, one, 32)


@pytest.fixture
def finished(tmp_path_factory, tmp_path):
    place = copy_of(tmp_path_factory, grading)[0]
    return place, shutil.copytree(find_runs(place / "runs" / "grid")[0], tmp_path / "run")


def test_metadata_that_makes_no_sense_is_refused(finished, tmp_path):
    data, about = read_file(finished[1] / "export" / "float32.tflite")
    path = tmp_path / "bad.tflite"
    for said, why in (
        ({"false_alarms": 2}, "unknown.false_alarms: Input should be less than 1"),
        ({"false_alarms": 0.1, "threshold": -1}, "unknown.threshold: Input should be greater than or equal to 0"),
        ({"threshold": 3}, "unknown.false_alarms: Field required"),
    ):
        path.write_bytes(TFLite().finish(data, json.dumps(about | {"unknown": said}).encode()))
        with pytest.raises(FileError, match=why):
            read_file(path)


@pytest.mark.slow
def test_a_run_gets_files_for_the_station_beside_the_usual_ones(finished):
    place, folder = finished
    before = read_record(folder)["exports"]
    advised = advised_kind(read_record(folder))
    words = [f"run={folder}", f"root={place}/screens", f"paths.cache={place}/cache", "format=station"]
    done = export(*words, "~quantization@format.station.quantizations.int8", check=0)
    assert "station_float32: unknown beyond a distance of" in done.stdout
    record = read_record(folder)
    assert record["exports"].keys() == before.keys() | {"station_float32", "station_float16"}
    for kind in ("station_float32", "station_float16"):
        entry = record["exports"][kind]
        about = read_file(folder / "export" / f"{kind}.tflite")[1]
        assert about["unknown"] == entry["unknown"]
        assert about["outputs"].endswith("distance: float32, 1 x 1, from the pictures of training")
        assert entry["distance_correlation"] > 0.99
        assert entry["latency"]
    assert record["exports"]["station_float32"]["val/accuracy"] == before["float32"]["val/accuracy"]
    assert advised_kind(record) == advised  # apps take the usual files
    assert file_of(folder, None).name == "station_float32.tflite"


@pytest.mark.slow
def test_a_network_of_all_data_takes_its_threshold_from_its_folds(tmp_path):
    draw_screens(tmp_path / "screens")
    files = ["export=all", "format=station", "latency.host.runs=3"]
    words = [*SMALL, "datamodule.val_folds=0", "trainer.max_epochs=1", "encoding=ordinal", "sweep_name=whole", *files]
    run(tmp_path, "-m", *words, "fold=0,1,2", check=0)
    done = run(tmp_path, *words, "fit=all", check=0)
    (folder,) = [one for one in find_runs(tmp_path / "runs" / "whole") if "whole_fit" in read_record(one)]
    for kind in ("station_float32", "station_float16"):
        said = read_record(folder)["exports"][kind]["unknown"]
        assert said["how"] == f"cross-conformal over 3 folds' {kind} files", done.stdout
        assert (said["samples"], said["sources"]) == (90, 6)
        assert said["threshold"] > 0
    assert file_of(folder, None).name == "station_float32.tflite"
