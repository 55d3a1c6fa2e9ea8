"""Files that say whom to ask: as part of an export and afterwards, in the metadata, the record and on the command line."""

import hashlib
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir

from choices import CONF
from cli.train_schema import register
from export.app_metadata import output_names
from export.asking import ask_of_run, with_promise
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
from tests.trained import copy_of, grading


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


def settings(*words):
    """What a job that exports would have."""
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("train", ["export=all", "quantization=[float32,int8]", *words])


def test_a_job_that_is_done_says_it_where_it_is_asked_later(run):
    cfg = settings("export.most_missed=0.4")
    export_within(run, cfg)
    assert {entry["ask"]["most_missed"] for entry in read_record(run)["exports"].values()} == {0.4}
    before = (run / "record.json").read_bytes()
    export_within(run, cfg)
    assert (run / "record.json").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "again"),
    [
        ([], []),
        (["latency=[host]"], []),
        (["quantization.int8.float_layers=0"], ["int8"]),
        (["export.max_accuracy_drop=0.02"], ["float32", "int8"]),
    ],
)
def test_a_file_that_was_made_by_other_settings_is_made_again(run, monkeypatch, words, again):
    asked = []

    def made(folder, wanted, **places):
        asked.extend(wanted.quantization)
        return {}

    monkeypatch.setattr("export.run.export_run", made)
    export_within(run, settings(*words))
    assert sorted(asked) == again
