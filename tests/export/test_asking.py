"""Files that say whom to ask: as part of an export and afterwards, in the metadata, the record and on the command line."""

import hashlib
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf

from export.app_metadata import output_names
from export.asking import ask_of_run, promise_of, with_promise
from export.flatbuffer import unpack
from export.formats.onnx import ONNX
from export.formats.tflite import TFLite
from export.latency.selection import keep
from export.run import export_within
from export.runtime import read_file
from metrics.conformal import Answers
from sweeps.records.run_record import RecordError, exported_bytes, find_runs, read_record
from tasks.grading_files import GradeModel
from tests.commands.test_export import export
from tests.export.made import pictures
from tests.metrics.test_conformal import drawn as phones
from tests.sweeps.made import add_run
from tests.trained import copy_of, grading
from tests.warm import run_warm


@pytest.fixture
def run(tmp_path_factory, tmp_path):
    """An exported run that a test may change, of two damaged phones in its validation set."""
    place = copy_of(tmp_path_factory, grading)[0]
    return shutil.copytree(find_runs(place / "runs" / "grid")[0], tmp_path / "run")


def test_a_promise_is_written_into_files_and_record(run):
    before = read_record(run)["exports"]
    old = {kind: exported_bytes(run, kind) for kind in before}
    found = ask_of_run(run, 0.4)
    after = read_record(run)["exports"]
    answers = pd.read_parquet(run / "export" / "predictions.parquet")
    images = pictures(5, 32)
    for kind, said in found.items():
        data, about = read_file(run / "export" / f"{kind}.tflite")
        assert data == exported_bytes(run, kind)  # which holds it to the record's digest
        assert about["ask"] == after[kind]["ask"] == said
        known = Answers.of(answers[(answers.file == kind) & (answers.part == "val")])
        assert said["damaged_sources"] == len(known.damaged_sources) == 2
        assert said["threshold"] == known.threshold(0.4)
        assert {**after[kind], "sha256": 0, "size_bytes": 0, "ask": 0} == before[kind] | {
            "sha256": 0, "size_bytes": 0, "ask": 0
        }  # fmt: skip
        np.testing.assert_array_equal(GradeModel(data).grade(images)[1], GradeModel(old[kind]).grade(images)[1])
        assert output_names(unpack(data)) == output_names(unpack(old[kind]))
    assert ask_of_run(run, 0.4, ["int8"])["int8"] == found["int8"]
    assert read_record(run)["exports"] == after  # nothing grows when it is written again


def test_it_is_the_file_that_an_export_would_have_written(run):
    first = exported_bytes(run, "float32")
    said = {"most_missed": 0.4, "threshold": 0.7}
    _, about = read_file(run / "export" / "float32.tflite")
    direct = TFLite().finish(first, json.dumps(about | {"ask": said}).encode())
    assert with_promise("float32.tflite", with_promise("float32.tflite", first, {"refused": "x"}), said) == direct
    onnx = ONNX().finish((run / "export" / "model.onnx").read_bytes(), json.dumps(about).encode())
    twice = with_promise("float32.onnx", with_promise("float32.onnx", onnx, {"refused": "x"}), said)
    assert hashlib.sha256(twice).digest() == hashlib.sha256(with_promise("float32.onnx", onnx, said)).digest()


def test_what_cannot_be_promised_is_said_in_words(run):
    done = export("ask", f"run={run}", "most_missed=0.1")
    assert done.returncode == 1
    assert "int8: no promise: 10 % needs 9 damaged sources, there are 2 (split conformal on" in done.stdout
    assert "threshold" not in read_record(run)["exports"]["int8"]["ask"]
    done = export("ask", f"run={run}", "most_missed=0.4", "files=[int8]", check=0)
    assert done.stdout.startswith("int8: at most 40 % of a damaged source's damage is expected to pass, where")
    done = export("ask", f"run={run}", "most_missed=1.5")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "most_missed=1.5" in done.stderr


def test_what_has_no_files_or_no_grades_is_refused(run):
    with pytest.raises(RecordError, match="no float3 file; want float32, float16, dynamic, int8"):
        ask_of_run(run, 0.4, ["float3"])
    record = json.loads((run / "record.json").read_text())
    (run / "record.json").write_text(json.dumps(record | {"data": record["data"] | {"ordered": False}}))
    with pytest.raises(RecordError, match="its answers are no grades from best to worst"):
        ask_of_run(run, 0.4)
    (run / "record.json").write_text(json.dumps(record | {"exports": {}}))
    with pytest.raises(RecordError, match="it has no files yet"):
        ask_of_run(run, 0.4)


@pytest.mark.slow
def test_an_export_says_it_at_once(run, tmp_path_factory):
    place = copy_of(tmp_path_factory, grading)[0]
    words = [f"run={run}", f"root={place}/screens", f"paths.cache={place}/cache", "quantization=float32"]
    done = export(*words, "export.most_missed=0.4", check=0)
    assert "float32: at most 40 % of a damaged source's damage is expected to pass" in done.stdout
    before = (run / "export" / "float32.tflite").read_bytes()
    ask_of_run(run, 0.4, ["float32"])
    assert (run / "export" / "float32.tflite").read_bytes() == before
    assert len(read_record(run)["exports"]["float32"]["latency"]) == 1
    keep(run, "float32", [{"device": "a phone", "threads": 1, "latency_ms_p50": 1.0, "latency_ms_p90": 1.0}])
    export(
        *words, check=0
    )  # a file that is made again promises what it did, and stays the file that the phone has timed
    assert (run / "export" / "float32.tflite").read_bytes() == before
    assert "a phone" in [one["device"] for one in read_record(run)["exports"]["float32"]["latency"]]


def test_a_job_that_is_done_says_it_where_it_is_asked_later(run):
    cfg = OmegaConf.create(
        {"export": {"checkpoint": "shipped", "most_missed": 0.4}, "format": {"tflite": {"_target_": "export.formats.tflite.TFLite"}},
         "quantization": {kind: {} for kind in ("float32", "int8")}, "overwrite": False}
    )  # fmt: skip
    export_within(run, cfg)
    assert {entry["ask"]["most_missed"] for entry in read_record(run)["exports"].values()} == {0.4}
    before = (run / "record.json").read_bytes()
    export_within(run, cfg)
    assert (run / "record.json").read_bytes() == before


def test_a_training_refuses_it_where_nothing_is_a_missed_damage():
    words = ["task=segmentation", "datamodule=neu_seg", "datamodule.root=nowhere", "export.most_missed=0.1"]
    done = run_warm("train.py", *words)
    assert done.stderr.startswith(
        "error: export.most_missed=0.1: task=segmentation has no classes from best to worst here"
    )
    assert done.stderr.count("\n") == 1


def test_of_all_data_the_folds_say_it(tmp_path):
    """Each phone by the file of the fold that had not seen it; where one of them has no such file by the networks."""
    answers, runs = phones(np.random.default_rng(1), 30), []
    for fold in (0, 1):
        run = add_run(tmp_path / "folds", 0.7, fold=fold, files=("float32", "int8") if fold else ("float32",))
        own = answers.among(np.isin(answers.source_ids, [f"phone{at}" for at in range(fold, 30, 2)]))
        rows = pd.DataFrame({"sample": [f"{fold} {at}" for at in range(len(own.labels))], "source_id": own.source_ids, "group": "", "part": "val",
                             "label": own.labels, "grade": own.grades,
                             "probabilities": [[one or 0.2, 1 - (one or 0.2)] for one in own.scores]})  # fmt: skip
        (run / "export").mkdir()
        by_file = rows.assign(file="float32", checkpoint="last")
        by_file.to_parquet(run / "export" / "predictions.parquet")
        rows.assign(checkpoint="last").to_parquet(run / "predictions.parquet")
        runs.append(f"folds/{run.name}")
    record = read_record(tmp_path / runs[0]) | {"whole_fit": {"folds": runs}}
    said = promise_of(tmp_path / "whole" / "job", record, 0.2, "last")
    nothing = pd.DataFrame()
    found = said("float32", nothing)
    assert found["how"] == "cross-conformal over 2 folds' float32 files"
    assert (found["sources"], found["threshold"]) == (30, answers.threshold(0.2))
    assert said("int8", nothing)["how"] == "cross-conformal over 2 folds' networks"
