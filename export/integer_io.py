"""uint8 in and uint8 out, as Edge TPUs, microcontrollers and NNAPI want a file: between them int8, the decoding in float."""

from collections.abc import Callable
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from export import flatbuffer
from export.float_file import FloatFile, QuantizationError

SHARES = ("probabilities", "grade")
"""Outputs between 0 and 1; others are spread over the range seen while calibrating."""


def int8_io(source: FloatFile, *, then: Callable[[FloatFile], bytes]) -> bytes:
    """The int8 file that `then` makes, with pixels as they are (scale 1, zero point 0) and every output as uint8.

    Raises QuantizationError for a file whose input is not quantised first.
    """
    model = flatbuffer.unpack(then(source))
    graph = flatbuffer.graph(model)
    _integer_input(model)
    graph.outputs = list(map(int, graph.outputs))
    for place, index in enumerate(list(graph.outputs)):
        name = _signature_name(model, index)
        low, high = (0.0, 1.0) if name in SHARES else source.ranges("min_max")[flatbuffer.tensor_name(model, index)]
        graph.outputs[place] = made = _quantized_output(model, index, low, high)
        for signature in model.signatureDefs:
            for output in signature.outputs:
                if int(output.tensorIndex) == index:
                    output.tensorIndex = made
    return flatbuffer.pack(model)


def _integer_input(model: flatbuffer.Model) -> None:
    graph = flatbuffer.graph(model)
    image = int(graph.inputs[0])
    readers = [one for one in graph.operators if image in map(int, one.inputs)]
    if [flatbuffer.operator_name(model, one) for one in readers] != ["QUANTIZE"]:
        raise QuantizationError(
            "int8_io wants an int8 file that quantises its input first: float_edges=false, float_layers=0"
        )
    scaled = graph.tensors[int(readers[0].outputs[0])].quantization
    if abs(float(scaled.scale[0]) - 1) > 1e-6 or int(scaled.zeroPoint[0]) != -128:
        raise QuantizationError("int8_io wants pixels of 0 to 255 in steps of 1")
    graph.tensors[image].type = schema.TensorType.UINT8
    graph.tensors[image].quantization = _steps(1.0, 0)


def _quantized_output(model: flatbuffer.Model, index: int, low: float, high: float) -> int:
    """Adds a QUANTIZE behind a float tensor; the index of what it gives."""
    graph = flatbuffer.graph(model)
    scale = max(high - low, 1e-9) / 255
    tensor, operator = schema.TensorT(), schema.OperatorT()
    tensor.shape, tensor.type = graph.tensors[index].shape, schema.TensorType.UINT8
    tensor.name = graph.tensors[index].name + b"_uint8"
    tensor.quantization = _steps(scale, round(-low / scale))
    model.buffers.append(schema.BufferT())
    tensor.buffer = len(model.buffers) - 1
    graph.tensors.append(tensor)
    operator.opcodeIndex = flatbuffer.operator_code(model, schema.BuiltinOperator.QUANTIZE)
    operator.inputs, operator.outputs = [index], [len(graph.tensors) - 1]
    graph.operators.append(operator)
    return len(graph.tensors) - 1


def _steps(scale: float, zero_point: int) -> Any:
    found = schema.QuantizationParametersT()
    found.scale, found.zeroPoint = [scale], [zero_point]
    return found


def _signature_name(model: flatbuffer.Model, index: int) -> str:
    names = [
        one.name.decode()
        for signature in model.signatureDefs
        for one in signature.outputs
        if int(one.tensorIndex) == index
    ]
    return names[0] if names else flatbuffer.tensor_name(model, index)
