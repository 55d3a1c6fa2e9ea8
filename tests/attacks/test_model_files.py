"""Crafted .tflite files: refused before or in a process that may crash, never in the one that was asked."""

import contextlib
import io
import json
import random

import numpy as np
import onnx
import pytest

from export import flatbuffer
from export.flatbuffer import FileError
from export.outline.network_file import FILE
from export.runtime import METADATA, read_file
from export.trial import try_out
from tasks.base import task_of

GOOD = FILE.read_bytes()
ABOUT = {"task": "grading", "labels": ["a", "b"], "size": [160, 160], "resolution": 160, "crop": "none", "grid": None}


def changed(change):
    model = flatbuffer.unpack(GOOD)
    change(model.subgraphs[0], model)
    return flatbuffer.pack(model)


def shaped(graph, *sides):
    graph.tensors[graph.inputs[0]].shape = np.array(sides, np.int32)


CRASHING = {
    "an operator that writes nowhere": lambda graph, _: setattr(graph.operators[0], "outputs", [-1]),
    "an operator that reads nowhere": lambda graph, _: setattr(graph.operators[3], "inputs", [10**6, 0, 0]),
    "a graph that reads nowhere": lambda graph, _: setattr(graph, "inputs", [10**6]),
    "terabytes": lambda graph, _: shaped(graph, 1, 2**20, 2**20, 3),
}


@pytest.mark.parametrize("kind", CRASHING)
def test_a_file_that_would_crash_the_runtime_is_refused(kind):
    with pytest.raises(FileError) as raised:
        try_out(changed(CRASHING[kind]))
    assert "\n" not in str(raised.value)


BYTES = {
    "nothing": b"",
    "zeros": b"\0" * 1000,
    "a name alone": b"\0\0\0\0TFL3",
    "random": b"\x10\0\0\0TFL3" + random.Random(0).randbytes(3000),
    "offsets far away": b"\xff\xff\xff\x7fTFL3" + b"\xff" * 1000,
    "cut": GOOD[: len(GOOD) // 2],
}
METADATAS = {
    "deep": b"[" * 100_000,
    "no json": b"\xff\xfe",
    "a list": b"[]",
    "a huge number": b'{"task": ' + b"9" * 10_000 + b"}",
    "a task elsewhere": json.dumps(ABOUT | {"task": "../../evil"}).encode(),
    "no labels": json.dumps(ABOUT | {"labels": []}).encode(),
    "a size of terabytes": json.dumps(ABOUT | {"size": [10**9, 10**9]}).encode(),
    "a size that is none": json.dumps(ABOUT | {"size": [float("nan"), 1]}).encode(),
    "a grid of nothing": json.dumps(ABOUT | {"grid": {"columns": 0, "rows": 5, "cell_px": 30}}).encode(),
}


@pytest.mark.parametrize("kind", [*BYTES, *METADATAS])
def test_what_a_file_says_of_itself_is_checked_first(tmp_path, kind):
    path = tmp_path / "given.tflite"
    path.write_bytes(BYTES[kind] if kind in BYTES else flatbuffer.with_metadata(GOOD, {METADATA: METADATAS[kind]}))
    with pytest.raises(FileError, match=r"given\.tflite: ") as raised:
        read_file(path)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 500


def test_whoever_reads_a_file_survives_it(tmp_path):
    """As `predict.py` and the station do: of a graph that crashes, and of a sound one whose outputs are of no task."""
    about = {METADATA: json.dumps(ABOUT).encode()}
    crashes = changed(CRASHING["an operator that writes nowhere"])
    (tmp_path / "crash.tflite").write_bytes(flatbuffer.with_metadata(crashes, about))
    (tmp_path / "foreign.tflite").write_bytes(flatbuffer.with_metadata(GOOD, about))
    for name, message in (
        ("crash", "damaged or crafted: the runtime crashes on it"),
        ("foreign", "it lacks the outputs"),
    ):
        with pytest.raises(FileError, match=rf"{name}\.tflite: {message}"):
            task_of(tmp_path / f"{name}.tflite").predictor(tmp_path / f"{name}.tflite")


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "inner/../../secret"])
def test_onnx_reads_no_file_outside_of_its_folder(tmp_path, location):
    """No command reads ONNX from elsewhere; what is made on the way to a .tflite lies in memory."""
    (tmp_path / "secret").write_bytes(b"\0" * 64)
    (tmp_path / "set" / "inner").mkdir(parents=True)
    weight = onnx.TensorProto(
        name="w", data_type=onnx.TensorProto.FLOAT, dims=[4], data_location=onnx.TensorProto.EXTERNAL
    )
    weight.external_data.add(key="location", value=location)
    graph = onnx.helper.make_graph([], "g", [], [], initializer=[weight])
    (tmp_path / "set" / "given.onnx").write_bytes(onnx.helper.make_model(graph).SerializeToString())
    with pytest.raises((onnx.checker.ValidationError, ValueError)), contextlib.redirect_stderr(io.StringIO()):
        onnx.load(tmp_path / "set" / "given.onnx")
