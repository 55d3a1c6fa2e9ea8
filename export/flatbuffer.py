"""Reading, rewriting and writing of TFLite flatbuffers: the only module that knows their schema.

The schema comes with ai-edge-litert. A model is held as its object tree (`ModelT`); indices into its lists are how
operators name tensors, buffers and operator codes.
"""

from collections.abc import Iterator
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

Model = Any
"""`schema.ModelT`: the generated classes carry no types."""

IDENTIFIER = b"TFL3"
_NUMPY = {
    schema.TensorType.FLOAT32: np.float32,
    schema.TensorType.FLOAT16: np.float16,
    schema.TensorType.INT32: np.int32,
    schema.TensorType.INT8: np.int8,
    schema.TensorType.INT64: np.int64,
}
_OPERATORS = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
_TYPES = {code: name.lower() for name, code in vars(schema.TensorType).items() if isinstance(code, int)}


class FileError(ValueError):
    """Bytes that are no TFLite model."""


def is_tflite(data: bytes) -> bool:
    """Whether it begins like a TFLite file."""
    return data[4:8] == IDENTIFIER


def unpack(data: bytes) -> Model:
    """The object tree of a file's bytes. Raises FileError when they are none."""
    if not is_tflite(data):
        raise FileError("not a TFLite file: the identifier TFL3 is missing")
    try:
        model = schema.ModelT.InitFromPackedBuf(data, 0)
        for operator in model.subgraphs[0].operators:  # views of `data` as they come
            operator.inputs = [int(index) for index in operator.inputs]
    except Exception as error:  # a cut-off buffer fails wherever its offsets lead
        raise FileError(f"not a whole TFLite file ({type(error).__name__})") from None
    return model


def pack(model: Model) -> bytes:
    """The bytes of an object tree."""
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def graph(model: Model) -> Any:
    """The one subgraph that our files have."""
    return model.subgraphs[0]


def operator_name(model: Model, operator: Any) -> str:
    """`CONV_2D`, `PAD`, …"""
    code = model.operatorCodes[operator.opcodeIndex]
    return str(_OPERATORS[max(code.builtinCode, code.deprecatedBuiltinCode)])


def tensor_name(model: Model, index: int) -> str:
    """A tensor's name as text."""
    return str(graph(model).tensors[index].name.decode())


def constant(model: Model, index: int) -> npt.NDArray[Any] | None:
    """A constant tensor's values, None for one that is computed."""
    tensor = graph(model).tensors[index]
    data = model.buffers[tensor.buffer].data
    if data is None or len(data) == 0:
        return None
    flat = np.frombuffer(bytes(data), _NUMPY[tensor.type])
    return flat.reshape(tensor.shape)


def set_constant(model: Model, index: int, values: npt.NDArray[Any]) -> None:
    """Replaces a constant's values; shape and type stay."""
    tensor = graph(model).tensors[index]
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(values.astype(_NUMPY[tensor.type]).tobytes(), np.uint8)
    model.buffers.append(buffer)
    tensor.buffer = len(model.buffers) - 1


def tensors_by_type(data: bytes) -> dict[str, int]:
    """How many tensors of each dtype a file has."""
    counts: dict[str, int] = {}
    for tensor in graph(unpack(data)).tensors:
        counts[_TYPES[tensor.type]] = counts.get(_TYPES[tensor.type], 0) + 1
    return dict(sorted(counts.items()))


def operators_outside_int8(data: bytes) -> list[str]:
    """Names of the operators whose result is a float, in order; QUANTIZE and DEQUANTIZE left out."""
    model = unpack(data)
    return [
        operator_name(model, operator)
        for operator in graph(model).operators
        if graph(model).tensors[operator.outputs[0]].type == schema.TensorType.FLOAT32
        and operator_name(model, operator) not in ("QUANTIZE", "DEQUANTIZE")
    ]


def uses(model: Model) -> dict[int, int]:
    """How many operators read each tensor, outputs of the graph counted once more."""
    counts: dict[int, int] = dict.fromkeys(map(int, graph(model).outputs), 1)
    for operator in graph(model).operators:
        for index in operator.inputs:
            counts[int(index)] = counts.get(int(index), 0) + 1
    return counts


def fuse_same_padding(data: bytes) -> bytes:
    """Lets a convolution do its own padding where a PAD of zeros before it is just what `SAME` means.

    onnx2tf leaves a PAD before every strided convolution; TensorFlow's own converter leaves none for `SAME`.
    """
    model = unpack(data)
    subgraph, read_by = graph(model), uses(model)
    pads = {
        int(operator.outputs[0]): operator
        for operator in subgraph.operators
        if operator_name(model, operator) == "PAD" and read_by.get(int(operator.outputs[0])) == 1
    }
    gone = []
    for operator, options, kernel in _convolutions(model):
        pad = pads.get(int(operator.inputs[0]))
        if pad is None or options.padding != schema.Padding.VALID:
            continue
        amounts = constant(model, int(pad.inputs[1]))
        size = subgraph.tensors[pad.inputs[0]].shape[1:3]
        if amounts is not None and np.array_equal(amounts, _same_amounts(size, kernel, options)):
            operator.inputs[0] = pad.inputs[0]
            options.padding = schema.Padding.SAME
            gone.append(pad)
    subgraph.operators = [operator for operator in subgraph.operators if not any(operator is pad for pad in gone)]
    return pack(model)


def _convolutions(model: Model) -> Iterator[tuple[Any, Any, tuple[int, int]]]:
    """Convolutions with their options and kernel size (height, width)."""
    for operator in graph(model).operators:
        if operator_name(model, operator) in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            shape = graph(model).tensors[operator.inputs[1]].shape
            yield operator, operator.builtinOptions, (int(shape[1]), int(shape[2]))


def _same_amounts(size: npt.NDArray[np.int32], kernel: tuple[int, int], options: Any) -> npt.NDArray[np.int64]:
    """What TensorFlow's `SAME` pads, `(4, 2)`: as much before as after, the odd one after."""
    amounts = np.zeros((4, 2), np.int64)
    strides, dilations = (options.strideH, options.strideW), (options.dilationHFactor, options.dilationWFactor)
    for axis, (side, taps, stride, dilation) in enumerate(zip(size, kernel, strides, dilations, strict=True), start=1):
        total = max((-(-int(side) // stride) - 1) * stride + (taps - 1) * dilation + 1 - int(side), 0)
        amounts[axis] = total // 2, total - total // 2
    return amounts


def half_precision(data: bytes) -> bytes:
    """Stores every float constant of a float32 file as float16, with a DEQUANTIZE before its use.

    What TensorFlow's converter calls float16 quantisation. Biases are halved too: XNNPACK takes a convolution whose
    weights come from a DEQUANTIZE only when its bias does as well, and then computes as fast as from float32.
    """
    model = unpack(data)
    subgraph = graph(model)
    code = operator_code(model, schema.BuiltinOperator.DEQUANTIZE)
    heads = []
    for operator in subgraph.operators:
        for place, index in enumerate(operator.inputs):
            values = constant(model, int(index)) if index >= 0 else None
            if values is None or values.dtype != np.float32 or values.size < 2:
                continue
            half, full = _halved(model, int(index), values)
            dequantize = schema.OperatorT()
            dequantize.opcodeIndex, dequantize.inputs, dequantize.outputs = code, [half], [full]
            operator.inputs[place] = full
            heads.append(dequantize)
    subgraph.operators = [*heads, *subgraph.operators]
    return pack(without_unused_buffers(model))


def _halved(model: Model, index: int, values: npt.NDArray[np.float32]) -> tuple[int, int]:
    """Turns a constant into a float16 one and adds the tensor that it is unpacked into: both indices."""
    limit = float(np.finfo(np.float16).max)
    tensors = graph(model).tensors
    half, full = schema.TensorT(), schema.TensorT()
    half.shape, half.name, half.type = (
        tensors[index].shape,
        tensors[index].name + b"_float16",
        schema.TensorType.FLOAT16,
    )
    full.shape, full.name, full.type = (
        tensors[index].shape,
        tensors[index].name + b"_float32",
        schema.TensorType.FLOAT32,
    )
    tensors.extend([half, full])
    set_constant(model, len(tensors) - 2, np.clip(values, -limit, limit))
    return len(tensors) - 2, len(tensors) - 1


def operator_code(model: Model, builtin: int) -> int:
    """Index of an operator code, added where the model has none."""
    for place, code in enumerate(model.operatorCodes):
        if max(code.builtinCode, code.deprecatedBuiltinCode) == builtin:
            return place
    code = schema.OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode, code.version = builtin, min(builtin, 127), 1
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def without_unused_buffers(model: Model) -> Model:
    """Empties the buffers that no tensor in use and no metadata names, so that they weigh nothing."""
    read = {int(index) for operator in graph(model).operators for index in operator.inputs}
    kept = {graph(model).tensors[index].buffer for index in read if index >= 0}
    kept |= {entry.buffer for entry in model.metadata or []}
    for place, buffer in enumerate(model.buffers):
        if place not in kept:
            buffer.data = None
    return model


def with_metadata(data: bytes, entries: dict[str, bytes]) -> bytes:
    """Adds named metadata, or replaces it where it stands, so that a file to which it is given twice is the one to which it is given once."""
    model = unpack(data)
    model.metadata = model.metadata or []
    there = {entry.name.decode(): entry.buffer for entry in model.metadata}
    for name, content in entries.items():
        if name not in there:
            entry = schema.MetadataT()
            entry.name, entry.buffer = name.encode(), len(model.buffers)
            model.buffers.append(schema.BufferT())
            model.metadata.append(entry)
            there[name] = entry.buffer
        model.buffers[there[name]].data = np.frombuffer(content, np.uint8)
    return pack(model)


def read_metadata(data: bytes) -> dict[str, bytes]:
    """Named metadata of a file."""
    model = unpack(data)
    try:
        return {entry.name.decode(): bytes(model.buffers[entry.buffer].data) for entry in model.metadata or []}
    except (LookupError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise FileError(f"not a whole TFLite file: its metadata ({type(error).__name__})") from None
