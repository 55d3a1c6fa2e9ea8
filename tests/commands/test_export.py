"""`python -m export` and `export=all` as people type them."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from export.runtime import read_file
from sweeps.records.run_record import find_runs, update_record
from tasks.grading_files import GradeModel
from tests.commands.test_train import SMALL, record_of, run
from tests.export.recomputed import check_photos
from tests.trained import copy_of, grading
from tests.warm import HERE, run_plain, run_warm

KINDS = ["float32", "float16", "dynamic", "int8"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return copy_of(tmp_path_factory, grading)


@pytest.fixture(scope="module")
def place(trained):
    """Where the grid is, and the drawn phones."""
    return trained[0]


@pytest.fixture(scope="module")
def exported(trained):
    """A grid of one point that exports as part of its job, and what it printed."""
    place, (done,) = trained
    (folder,) = find_runs(place / "runs" / "grid")
    return done, folder


@pytest.fixture
def copy(exported, tmp_path):
    """A run that a test may break."""
    return Path(shutil.copytree(exported[1], tmp_path / "run"))


def export(*words, start=run_warm, check=None):
    done = start("-m", "export", *words, env={"OMP_NUM_THREADS": "1"})
    if check is not None:
        assert done.returncode == check, done.stdout + done.stderr
    return done


def test_a_job_exports_quietly(exported):
    done, folder = exported
    assert done.stderr == ""
    assert "exported, val/macro_f1 of float32 0." in done.stdout
    made = {path.name for path in (folder / "export").iterdir()}
    assert made == {"app", "model.onnx", "predictions.parquet", *(f"{kind}.tflite" for kind in KINDS)}


def test_the_record_says_all_of_each_file(exported):
    _, folder = exported
    exports = record_of(folder)["exports"]
    assert list(exports) == KINDS
    for kind, entry in exports.items():
        path = folder / entry["path"]
        assert entry["size_bytes"] == path.stat().st_size
        (latency,) = entry["latency"]
        assert latency["latency_ms_p50"] <= latency["latency_ms_p90"]
        assert (latency["threads"], latency["runs"], latency["delegate"]) == (1, 100, "xnnpack")
        assert {"val/accuracy", "val/off_by_one", "val/macro_f1", "test/accuracy", "agreement"} <= entry.keys()
        assert bool(entry["marked"]) == any(entry[f"{part}/accuracy_drop"] > 0.01 for part in ("val", "test"))
        assert kind in ("int8", "dynamic") or "int8" not in entry["tensors"]
    note = exports["int8"]["mixed_precision"]
    assert note["layers"] > len(note["float_layers"])
    assert note["within_bound"] == (exports["int8"]["val/accuracy_drop"] <= 0.01)
    assert exports["float32"]["agreement"] == 1
    assert exports["float32"]["max_probability_difference"] < 1e-4
    assert exports["float32"]["test/accuracy"] == record_of(folder)["metrics"]["test/accuracy"]


def test_predictions_of_each_file_lie_beside_it(exported):
    _, folder = exported
    frame = pd.read_parquet(folder / "export" / "predictions.parquet")
    assert frame.groupby("file").size().to_dict() == dict.fromkeys(KINDS, 60)
    right = frame[(frame.file == "int8") & (frame.part == "val")]
    assert (right.grade == right.label).mean() == pytest.approx(record_of(folder)["exports"]["int8"]["val/accuracy"])


def test_the_metadata_is_enough_for_a_phone(exported):
    _, folder = exported
    for kind in KINDS:
        data, described = read_file(folder / "export" / f"{kind}.tflite")
        assert described["labels"][0] == "no damage"
        assert described["grid"] == {"columns": 3, "rows": 5, "cell_px": 64}
        assert described["resolution"] == 32
        assert described["quantization"] == kind
        assert GradeModel(data).input_shape == (1, 32, 32, 3)


def test_predict_takes_a_file_alone(place, exported, tmp_path):
    _, folder = exported
    alone = shutil.copy(folder / "export" / "float32.tflite", tmp_path / "alone.tflite")
    words = [f"input={place}/screens", f"output={tmp_path}/file.csv"]
    run(place, f"run={alone}", *words, script="predict.py", check=0)
    run(place, f"run={folder}", words[0], f"output={tmp_path}/run.csv", script="predict.py", check=0)
    by_file, by_run = (pd.read_csv(tmp_path / name) for name in ("file.csv", "run.csv"))
    assert (by_file.grade == by_run.grade).all()
    columns = [name for name in by_run if name.startswith("p_")]
    assert np.abs(by_file[columns].to_numpy() - by_run[columns].to_numpy()).max() < 1e-4


def test_the_same_job_does_not_export_again(place, exported):
    _, folder = exported
    before = (folder / "export" / "int8.tflite").stat().st_mtime_ns
    done = run(place, "-m", *SMALL, "encoding=ordinal", "export=all", "sweep_name=grid", check=0)
    assert "done before" in done.stdout
    assert (folder / "export" / "int8.tflite").stat().st_mtime_ns == before


@pytest.mark.slow
def test_one_kind_can_be_added(place, copy):
    done = export(f"run={copy}", "quantization=int8_plain", f"paths.cache={place}/cache", start=run_plain, check=0)
    assert done.stderr == ""
    assert "int8_plain.tflite" in done.stdout
    assert done.stdout.splitlines()[-1] == f"files: {copy}/export"
    exports = record_of(copy)["exports"]
    assert list(exports) == [*KINDS, "int8_plain"]
    assert set(pd.read_parquet(copy / "export" / "predictions.parquet").file) == set(exports)
    assert len(exports["int8_plain"]["operators_outside_int8"]) < len(exports["int8"]["operators_outside_int8"])


def test_without_a_run_the_best_of_the_latest_sweep_is_taken(place, exported):
    done = export(f"paths.runs={place}/runs", f"paths.cache={place}/cache", "quantization=float32", check=0)
    best = place / "runs" / "best" / "grid"
    assert done.stdout.splitlines()[-1] == f"files: {best}"
    assert {path.name for path in best.iterdir()} == {"app", *(f"{kind}.tflite" for kind in KINDS)}
    for kind in KINDS:
        assert (best / f"{kind}.tflite").read_bytes() == (exported[1] / "export" / f"{kind}.tflite").read_bytes()


def damage(name):
    def decorate(function):
        return pytest.param(function, id=name)

    return decorate


@damage("no checkpoint")
def no_checkpoint(folder):
    (folder / "checkpoints" / "last.ckpt").unlink()
    return "last.ckpt: no such checkpoint"


@damage("cut checkpoint")
def cut(folder):
    path = folder / "checkpoints" / "last.ckpt"
    path.write_bytes(path.read_bytes()[:1000])
    return "last.ckpt: not a whole checkpoint of plain tensors"


class Harm:
    def __reduce__(self):
        return (Path.touch, (Path("harm-was-done"),))


@damage("code in checkpoint")
def code(folder):
    (folder / "checkpoints" / "last.ckpt").write_bytes(pickle.dumps({"state_dict": Harm()}))
    return "last.ckpt: not a whole checkpoint of plain tensors"


@damage("other weights")
def other_weights(folder):
    path = folder / "checkpoints" / "last.ckpt"
    saved = torch.load(path, weights_only=True)
    next(iter(saved["state_dict"].values())).mul_(1.01)
    torch.save(saved, path)
    return "last.ckpt: not the checkpoint that the record's figures are of"


@damage("other configuration")
def other(folder):
    record = record_of(folder)
    record["config"]["width"] = 0.5
    (folder / "record.json").write_text(json.dumps(record))
    return "last.ckpt: of another configuration than its record"


@damage("failed run")
def failed(folder):
    record = record_of(folder)
    (folder / "record.json").write_text(json.dumps(record | {"status": "failed"}))
    return "the run is failed, only a done one can be exported"


@damage("no calibration")
def no_calibration(folder):
    record = record_of(folder)
    record["config"]["datamodule"]["calibration_cells"] = 0
    (folder / "record.json").write_text(json.dumps(record))
    return "not the data that the run was trained on"


@damage("file in the way")
def in_the_way(folder):
    shutil.rmtree(folder / "export")
    (folder / "export").write_text("")
    return "export"


@pytest.mark.parametrize("harm", [no_checkpoint, cut, code, other_weights, other, failed, no_calibration, in_the_way])
def test_what_cannot_be_exported_gets_one_line(place, copy, harm):
    wanted = harm(copy)
    before = (copy / "record.json").read_text()
    done = export(f"run={copy}", f"paths.cache={place}/cache", check=1)
    assert wanted in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert (copy / "record.json").read_text() == before
    assert not (HERE / "harm-was-done").exists()


@pytest.mark.parametrize(
    ("words", "wanted", "code"),
    [
        (["run=/nowhere"], "/nowhere/record.json: no such file", 1),
        (["paths.runs=/nowhere"], "/nowhere: no finished run in it", 1),
        (["quantization=int9"], "quantization=int9: no such choice; want one of dynamic, float16, float32, int8", 2),
        (["quantization.int8.estimater=mse"], "quantization.int8.estimater: no such key; did you mean", 2),
    ],
)
def test_a_wrong_word_gets_one_line(words, wanted, code):
    done = export(*words, start=run_plain, check=code)
    assert wanted in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not Path("/nowhere").exists()


def test_an_interrupted_export_leaves_no_half_file(place, copy, tmp_path):
    shutil.rmtree(copy / "export")
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys, export.pipeline as p, pathlib\n"
        "write = pathlib.Path.write_bytes\n"
        "def half(self, data):\n"
        "    write(self, data[: len(data) // 2])\n"
        "    os._exit(9) if 'float16' in self.name else write(self, data)\n"
        "pathlib.Path.write_bytes = half\n"
        f"sys.argv = ['export', 'run={copy}', 'paths.cache={place}/cache']\n"
        "import runpy; runpy.run_module('export', run_name='__main__', alter_sys=False)\n"
    )
    done = run_warm(program)
    assert done.returncode == 9, done.stderr
    whole = {path.name for path in (copy / "export").iterdir() if not path.name.startswith(".")}
    assert whole == {"model.onnx", "float32.tflite"}
    read_file(copy / "export" / "float32.tflite")


def test_no_tensorflow_and_for_help_no_torch_is_imported(place, copy, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import sys, runpy\n"
        f"sys.argv = ['export', 'run={copy}', 'paths.cache={place}/cache']\n"
        "runpy.run_module('export', run_name='__main__', alter_sys=False)\n"
        "assert 'tensorflow' not in sys.modules and 'export.quantize' in sys.modules\n"
    )
    done = run_warm(program)  # what it finds imported counts as well
    assert done.returncode == 0, done.stderr
    program = "import sys, export.__main__\nassert not {'torch', 'tensorflow', 'onnx'} & sys.modules.keys()"
    done = run_plain("-c", program)
    assert done.returncode == 0, done.stderr


def test_checkpoints_hold_plain_tensors(exported):
    torch.load(exported[1] / "checkpoints" / "last.ckpt", weights_only=True)


@pytest.mark.slow
def test_a_files_timings_elsewhere_outlive_another_export(copy):
    phone = {"device": "A phone", "runtime": "x", "delegate": "gpu", "threads": 1, "latency_ms_p50": 1.0}

    def timed(record):
        record["exports"]["float32"]["latency"].append(phone)
        return record

    update_record(copy, timed)
    export(f"run={copy}", "quantization=float32", check=0)
    found = record_of(copy)["exports"]
    assert [one["device"] == "A phone" for one in found["float32"]["latency"]] == [False, True]
    assert list(found) == KINDS


@pytest.mark.slow
def test_a_grid_makes_only_the_files_that_are_missing(exported, place):
    _, folder = exported
    before = {kind: (folder / "export" / f"{kind}.tflite").stat().st_mtime_ns for kind in KINDS}
    (folder / "export" / "dynamic.tflite").unlink()
    run(place, "-m", *SMALL, "encoding=ordinal", "export=all", "sweep_name=grid", check=0)
    after = {kind: (folder / "export" / f"{kind}.tflite").stat().st_mtime_ns for kind in KINDS}
    assert {kind for kind in KINDS if before[kind] != after[kind]} == {"dynamic"}


def test_the_app_folder_says_how_to_call_the_file_and_what_it_answers(exported):
    folder = exported[1] / "export" / "app"
    labels = (folder / "labels.txt").read_text().splitlines()
    vectors = json.loads((folder / "vectors" / "vectors.json").read_text())
    assert len(vectors["answers"]) >= 10
    assert "| labels | " + ", ".join(labels) in (folder / "README.md").read_text()
    assert "Beside its baseline (always " in (folder / "README.md").read_text()
    for one in vectors["answers"][:3]:
        done = run_warm(folder / "litert.py", folder / "vectors" / one["picture"])
        assert done.returncode == 0, done.stderr
        name, chance = done.stdout.strip().rsplit(", ", 1)
        grade = int(np.argmax(one.get("grade", one["probabilities"])))
        assert name == labels[grade]
        assert float(chance) == pytest.approx(one["probabilities"][grade], abs=1e-3)


def test_the_app_folder_has_whole_photos_with_every_number(exported):
    folder = exported[1] / "export" / "app"
    file = json.loads((folder / "vectors" / "vectors.json").read_text())["file"]
    assert check_photos(folder, exported[1] / "export" / file) >= 1
    assert sum(path.stat().st_size for path in folder.rglob("*")) < 3e6
