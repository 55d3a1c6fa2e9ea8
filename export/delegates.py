"""What each delegate leaves of a file to the CPU, operator by operator: told before a phone is at hand.

XNNPACK is asked itself, here. The others are judged by tables: for graphics chips TensorFlow Lite's GPU delegate (its documentation's list of
supported operators, and what LiteRT.js 2.5.3 took and refused when it was tried, see tests/web/test_webgpu.py), for the Edge TPU the list of Coral's compiler, version 16.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from export.flatbuffer import constant, graph, operator_name, unpack
from export.interpreter import interpreter_of

GPU = {
    "ABS", "ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "COS", "DEPTHWISE_CONV_2D", "DEQUANTIZE", "DIV", "ELU", "EXP", "FULLY_CONNECTED", "GELU",
    "HARD_SWISH", "LEAKY_RELU", "LOG", "LOGISTIC", "MAXIMUM", "MAX_POOL_2D", "MEAN", "MINIMUM", "MUL", "NEG", "PAD", "POW", "PRELU", "QUANTIZE",
    "REDUCE_MAX", "REDUCE_MIN", "RELU", "RELU6", "RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "RSQRT", "SIN", "SLICE", "SOFTMAX",
    "SPACE_TO_DEPTH", "SPLIT", "SPLIT_V", "SQRT", "SQUARE", "SQUARED_DIFFERENCE", "SQUEEZE", "STRIDED_SLICE", "SUB", "SUM", "TANH", "TILE", "TRANSPOSE",
    "TRANSPOSE_CONV", "UNPACK",
}  # fmt: skip
EDGE_TPU = {
    "ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "EXPAND_DIMS", "FULLY_CONNECTED", "L2_NORMALIZATION", "LOGISTIC", "LSTM",
    "MAXIMUM", "MAX_POOL_2D", "MEAN", "MINIMUM", "MUL", "PACK", "PAD", "PRELU", "QUANTIZE", "REDUCE_MAX", "REDUCE_MIN", "RELU", "RELU6", "RELU_N1_TO_1",
    "RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "RSQRT", "SLICE", "SOFTMAX", "SPACE_TO_DEPTH", "SPLIT", "SQUEEZE", "STRIDED_SLICE", "SUB",
    "SUM", "SQUARED_DIFFERENCE", "TANH", "TRANSPOSE", "TRANSPOSE_CONV",
}  # fmt: skip
FLOATS = (schema.TensorType.FLOAT32, schema.TensorType.FLOAT16)
BYTES = (schema.TensorType.INT8, schema.TensorType.UINT8)
XNNPACK = "DELEGATE"
"""As the interpreter calls a piece that was taken: no other delegate is at work here."""


def left_to_cpu(data: bytes) -> dict[str, dict[str, int]]:
    """By delegate (`xnnpack`, `gpu`, `webgpu`, `edge_tpu`), how many of which operators it does not take."""
    by_table = {"gpu": _gpu, "webgpu": _gpu, "edge_tpu": _edge_tpu}
    return {"xnnpack": left_by_xnnpack(data)} | {name: _left(data, takes) for name, takes in by_table.items()}


def left_by_webgpu(data: bytes) -> dict[str, int]:
    """How many of which operators WebGPU leaves, by the table alone: no runtime is asked."""
    return _left(data, _gpu)


def xnnpack_partitions(data: bytes) -> int:
    """How many pieces XNNPACK takes of a file: each further one costs a way from and to other kernels."""
    return sum(one["op_name"] == XNNPACK for one in _nodes(data))


def _nodes(data: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = interpreter_of(data, 1)._get_ops_details()
    return found


def left_by_xnnpack(data: bytes) -> dict[str, int]:
    """How many of which operators XNNPACK leaves, here. Walks from the outputs back: what a piece of XNNPACK's gives comes from the piece, all else from the file's own operator."""
    nodes, model = _nodes(data), unpack(data)
    makers = {int(index): one for one in nodes if one["op_name"] != XNNPACK for index in one["outputs"]}
    makers |= {int(index): one for one in nodes if one["op_name"] == XNNPACK for index in one["outputs"]}
    waiting, seen, left = [int(index) for index in graph(model).outputs], set(), {}
    while waiting:
        index = waiting.pop()
        if index in seen or index not in makers:
            continue
        seen.add(index)
        maker = makers[index]
        if maker["op_name"] != XNNPACK:
            left[maker["index"]] = str(maker["op_name"])
        waiting += [int(one) for one in maker["inputs"]]
    return dict(sorted(Counter(left.values()).items()))


def _left(data: bytes, takes: Callable[[Any, Any, str], bool]) -> dict[str, int]:
    model = unpack(data)
    names = [
        name
        for operator in graph(model).operators
        if not takes(model, operator, name := operator_name(model, operator))
    ]
    return dict(sorted(Counter(names).items()))


def _computed(model: Any, operator: Any) -> list[Any]:
    """The tensors that an operator reads and that another one makes, and those that it makes."""
    places = [int(index) for index in (*operator.inputs, *operator.outputs) if int(index) >= 0]
    return [graph(model).tensors[index] for index in places if constant(model, index) is None]


def _gpu(model: Any, operator: Any, name: str) -> bool:
    tensors = _computed(model, operator)
    if any(one.type not in (*FLOATS, *BYTES) for one in tensors) or name not in GPU:
        return False
    return not (name == "PAD" and len(graph(model).tensors[int(operator.inputs[0])].shape) != 4)


def _edge_tpu(model: Any, operator: Any, name: str) -> bool:
    return name in EDGE_TPU and all(one.type in BYTES for one in _computed(model, operator))
