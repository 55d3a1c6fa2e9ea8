"""What delegates leave to the CPU: told by operator; float files are one piece for XNNPACK and whole on graphics chips."""

import pytest

from export.convert import to_float32, to_onnx
from export.delegates import left_to_cpu, xnnpack_partitions
from export.deployable import deployable
from tests.export.made import files_of_kinds, random_module


@pytest.mark.parametrize("kind", ["float32", "float16", "dynamic", "int8"])
def test_files_are_one_piece_for_xnnpack(kind: str) -> None:
    data = files_of_kinds()[kind]
    assert xnnpack_partitions(data) == 1
    left = left_to_cpu(data)
    assert left["xnnpack"] == {}
    assert left["gpu"] == left["webgpu"] == {}
    assert set(left["edge_tpu"]) >= {"LOGISTIC"}


def test_an_integer_grade_is_named() -> None:
    model = deployable(
        random_module("mobilenet", width=0.25), (64, 64), lambda head, logits: {"grade": head.decode(logits).int()}
    )
    left = left_to_cpu(to_float32(to_onnx(model, (64, 64), model.outputs)))
    assert left["gpu"] == left["webgpu"] == {"ARG_MAX": 1, "CAST": 1}
    assert set(left["xnnpack"]) == {"ARG_MAX", "CAST"}
