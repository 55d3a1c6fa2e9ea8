"""ONNX, for ONNX Runtime: in browsers, on desktops and servers, and on phones by onnxruntime-mobile."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
import pandas as pd

from export import backends
from export.convert import INPUT, silence
from export.float_file import FloatFile, QuantizationError
from export.formats.base import HeldOut, Quantization
from export.runtime import METADATA

QUANTISED = (
    "Conv",
    "Gemm",
    "MatMul",
    "Add",
    "Mul",
    "Clip",
    "Relu",
    "MaxPool",
    "GlobalAveragePool",
    "ReduceMean",
    "Concat",
)
"""Operators that run on integers; scaling, activations with an exponential and the decoding stay in float."""
ENDS = ("Gemm", "MatMul", "GlobalAveragePool", "ReduceMean")
"""Of pooling and classifier, which stay in float as well: some kilobytes and no time."""
FLOAT_STEM = 3
"""Leading convolutions in float. On three networks trained on real cells (MobileNet 0.5, 96 px) they halve the mean difference of
probabilities from torch, 0.009 to 0.004, at the same latency; whatever has no such ends is quantised whole."""


class ONNX:
    """float32."""

    opened = staticmethod(backends.onnx)

    def kinds(self, quantizations: Mapping[str, Quantization]) -> Mapping[str, Quantization]:
        """One file, whatever is wanted of TFLite."""
        return {"onnx": lambda source: source.onnx}

    def file_name(self, kind: str) -> str:
        """See `Format`."""
        return "float32.onnx"

    def finish(self, data: bytes, metadata: bytes) -> bytes:
        """See `Format`."""
        model = onnx.load_from_string(data)
        onnx.helper.set_model_props(model, {METADATA: metadata.decode()})
        return bytes(model.SerializeToString())

    def says(self, answers: pd.DataFrame, held_out: HeldOut | None) -> dict[str, Any]:
        """See `Format`; nothing."""
        return {}

    def facts(self, data: bytes) -> dict[str, Any]:
        """Its operator set."""
        model = onnx.load_from_string(data)
        return {"opset": next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx"))}


class ONNXInt8(ONNX):
    """int8 weights and activations between pairs of QuantizeLinear and DequantizeLinear, by ONNX Runtime's quantiser."""

    def kinds(self, quantizations: Mapping[str, Quantization]) -> Mapping[str, Quantization]:
        """See `ONNX.kinds`."""
        return {"onnx_int8": int8}

    def file_name(self, kind: str) -> str:
        """See `Format`."""
        return "int8.onnx"


def int8(source: FloatFile) -> bytes:
    """By the ranges of the calibration images, with a scale for every channel of a weight. Raises QuantizationError without images."""
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    if not len(source.images):
        raise QuantizationError("the calibration part is empty: int8 has no ranges to go by")

    class Images(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self.left = iter(source.images)

        def get_next(self) -> dict[str, Any] | None:
            image = next(self.left, None)
            return None if image is None else {INPUT: image[None].astype("float32")}

    with tempfile.TemporaryDirectory() as scratch, silence():
        paths = [Path(scratch, name) for name in ("float32.onnx", "prepared.onnx", "int8.onnx")]
        paths[0].write_bytes(source.onnx)
        quant_pre_process(paths[0], paths[1], skip_symbolic_shape=True)
        nodes = onnx.load(paths[1]).graph.node
        stem = [node.name for node in nodes if node.op_type == "Conv"][:FLOAT_STEM]
        ends = [node.name for node in nodes if node.op_type in ENDS]
        quantization.quantize_static(
            paths[1], paths[2], Images(), per_channel=True, op_types_to_quantize=list(QUANTISED),
            nodes_to_exclude=stem + ends, calibrate_method=quantization.CalibrationMethod.MinMax, extra_options={"ActivationSymmetric": False},
        )  # fmt: skip
        return paths[2].read_bytes()
