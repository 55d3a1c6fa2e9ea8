"""Which version of each operator a file uses, and the oldest runtime that has them all.

The rules and the runtimes are those of TensorFlow 2.18, `lite/tools/versioning` (op_version.cc, runtime_version.cc), for what our files
hold: floats, int8, and int8 weights of float operators. Converters that stamp version 1 on everything let old runtimes run what they
do not know, and answer wrongly.
"""

from collections.abc import Callable
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from export.flatbuffer import Model, graph, operator_name, pack, read_metadata, unpack, with_metadata
from export.operator_runtimes import RUNTIMES

FLOAT32, INT8 = schema.TensorType.FLOAT32, schema.TensorType.INT8
OLDEST = "1.5.0"
METADATA = "min_runtime_version"
"""Name of the entry, 16 bytes, that TensorFlow's converter writes too."""

SAME_FOR_ALL_TYPES = {
    "CAST", "DIV", "EXPAND_DIMS", "GELU", "HARD_SWISH", "LEAKY_RELU", "NEG", "PRELU", "RELU_0_TO_1", "RESHAPE", "SHAPE", "SPLIT_V", "SQRT",
    "SQUARE", "SQUEEZE",
}  # fmt: skip
"""int8 is part of their version 1, or they have none in int8."""


class _Used:
    """An operator with its tensors."""

    def __init__(self, model: Model, operator: Any) -> None:
        tensors = graph(model).tensors
        self.inputs = [tensors[int(index)] for index in operator.inputs if int(index) >= 0]
        self.places = len(operator.inputs)
        self.outputs = [tensors[int(index)] for index in operator.outputs]
        self.options = operator.builtinOptions

    def type(self, place: int = 0) -> int:
        return int(self.inputs[place].type)

    @property
    def hybrid(self) -> bool:
        """Floats in and out, int8 weights."""
        return bool(self.type() == FLOAT32 and self.type(1) == INT8 and self.outputs[0].type == FLOAT32)

    def per_channel(self, place: int) -> bool:
        scales = self.inputs[place].quantization
        return bool(scales is not None and scales.scale is not None and len(scales.scale) > 1)


def _conv_2d(used: _Used) -> int:
    filters = used.inputs[1].shape
    if int(filters[3]) != int(used.inputs[0].shape[3]):
        return 6
    if used.hybrid:
        return 5 if used.per_channel(1) else 2
    return 3 if used.type() == INT8 else 1


def _depthwise(used: _Used) -> int:
    if used.hybrid:
        return 6 if used.per_channel(1) else 4
    if used.type() == INT8:
        return 3
    return 2 if max(used.options.dilationWFactor, used.options.dilationHFactor) > 1 else 1


def _fully_connected(used: _Used) -> int:
    if used.hybrid and used.per_channel(1):
        return 12
    if used.places == 2:
        return 6
    if used.options.keepNumDims:
        return 5
    if used.type() == INT8:
        return 4
    if used.hybrid:
        return 9 if used.options.asymmetricQuantizeInputs else 3
    return 1


def _mul(used: _Used) -> int:
    if used.type() != INT8:
        return 1
    one, other, product = (float(tensor.quantization.scale[0]) for tensor in (*used.inputs[:2], used.outputs[0]))
    return 3 if one * other / product >= 1 else 2


def _dequantize(used: _Used) -> int:
    if used.type() == schema.TensorType.FLOAT16:
        return 3
    if used.type() == INT8:
        return 5 if used.per_channel(0) else 2
    return 1


def _quantize(used: _Used) -> int:
    scales = used.outputs[0].quantization
    return 3 if scales is not None and scales.scale is not None and len(scales.scale) > 1 else 1


def _transpose_conv(used: _Used) -> int:
    if getattr(used.options, "fusedActivationFunction", 0):
        return 4
    if used.places == 4 and len(used.inputs) == 4:
        return 3
    return 2 if used.type(1) == INT8 else 1


def _resized(used: _Used) -> int:
    if used.options.halfPixelCenters or (getattr(used.options, "alignCorners", False) and _nearest(used)):
        return 3
    return 2 if used.type() == INT8 else 1


def _nearest(used: _Used) -> bool:
    return "Nearest" in type(used.options).__name__


def _split(used: _Used) -> int:
    return 2 if used.type(1) == INT8 else 1  # the first input is the axis


def _axes(used: _Used) -> int:
    axes = len(used.inputs[0].shape)
    if axes > 4:
        return 4 if axes == 5 else 6
    return 2 if used.type() == INT8 else 1


def _by_type(used: _Used) -> int:
    return 2 if used.type() == INT8 else 1


RULES: dict[str, Callable[[_Used], int]] = {
    "CONV_2D": _conv_2d,
    "DEPTHWISE_CONV_2D": _depthwise,
    "DEQUANTIZE": _dequantize,
    "FULLY_CONNECTED": _fully_connected,
    "MUL": _mul,
    "QUANTIZE": _quantize,
    "RESIZE_BILINEAR": _resized,
    "RESIZE_NEAREST_NEIGHBOR": _resized,
    "SPLIT": _split,
    "TRANSPOSE": _axes,
    "TRANSPOSE_CONV": _transpose_conv,
}


def version_of(model: Model, operator: Any) -> int:
    """The version of an operator that its types, shapes and options want; what the converter says of one that is not known here."""
    name = operator_name(model, operator)
    if name not in RUNTIMES:
        return int(model.operatorCodes[operator.opcodeIndex].version)
    if name in SAME_FOR_ALL_TYPES:
        return 1
    return RULES.get(name, _by_type)(_Used(model, operator))


def with_versions(data: bytes) -> bytes:
    """The file with the true version on every operator, and the oldest runtime that has them all in its metadata.

    A file with an operator that is not known here says no runtime.
    """
    model = unpack(data)
    codes: dict[tuple[int, int], int] = {}
    made: list[Any] = []
    newest = OLDEST
    for operator in graph(model).operators:
        old, name, version = (
            model.operatorCodes[operator.opcodeIndex],
            operator_name(model, operator),
            version_of(model, operator),
        )
        kind = max(int(old.builtinCode), int(old.deprecatedBuiltinCode))
        if (kind, version) not in codes:
            code = schema.OperatorCodeT()
            code.builtinCode, code.deprecatedBuiltinCode, code.version = kind, min(kind, 127), version
            codes[kind, version] = len(made)
            made.append(code)
        operator.opcodeIndex = codes[kind, version]
        known = RUNTIMES.get(name, ())[version - 1 : version]
        newest = max(newest, *known, key=_number) if newest and known else ""
    model.operatorCodes = made
    return with_metadata(pack(model), {METADATA: newest.encode().ljust(16, b"\0")})


def runtime_of(data: bytes) -> str:
    """The oldest runtime of a file by its operators, such as `2.3.0`; empty where the file does not say."""
    return read_metadata(data).get(METADATA, b"").rstrip(b"\0").decode()


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
