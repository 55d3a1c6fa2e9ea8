"""Linear layers over the last axis as what they are.

onnx2tf makes of a product with a constant matrix a BATCH_MATMUL, which XNNPACK does not take in int8 and the GPU delegate not at all.
FULLY_CONNECTED, which keeps the other axes, both take.
"""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.flatbuffer import (
    Model,
    constant,
    graph,
    operator_code,
    operator_name,
    pack,
    set_constant,
    unpack,
    uses,
    without_unused_buffers,
)


def connected_layers(data: bytes) -> bytes:
    """A float32 file whose products with constant matrices are FULLY_CONNECTED, their biases inside."""
    model = unpack(data)
    read_by, gone, found = uses(model), [], False
    for operator in graph(model).operators:
        if operator_name(model, operator) != "BATCH_MATMUL" or operator.builtinOptions.adjX:
            continue
        matrix = constant(model, int(operator.inputs[1]))
        if matrix is None or matrix.size != np.prod(matrix.shape[-2:]):
            continue
        found = True
        plain = matrix.reshape(matrix.shape[-2:])
        weights = plain if operator.builtinOptions.adjY else plain.T
        name = graph(model).tensors[int(operator.inputs[1])].name
        bias, addition = _bias(model, operator, len(weights), read_by)
        operator.inputs = [
            operator.inputs[0],
            _added(model, name + b"_connected", weights),
            _added(model, name + b"_bias", bias),
        ]
        operator.opcodeIndex = operator_code(model, schema.BuiltinOperator.FULLY_CONNECTED)
        operator.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
        operator.builtinOptions = schema.FullyConnectedOptionsT()
        operator.builtinOptions.keepNumDims = True
        if addition is not None:
            operator.outputs = addition.outputs
            gone.append(addition)
    graph(model).operators = [one for one in graph(model).operators if not any(one is other for other in gone)]
    return pack(without_unused_buffers(model)) if found else data


def _bias(model: Model, product: Any, count: int, read_by: dict[int, int]) -> tuple[Any, Any]:
    """What is added to a product and to nothing else, with the addition; zeros and None where it is nothing."""
    made = int(product.outputs[0])
    for operator in graph(model).operators if read_by.get(made) == 1 else []:
        if operator_name(model, operator) != "ADD" or made not in map(int, operator.inputs):
            continue
        (other,) = [int(index) for index in operator.inputs if int(index) != made] or [made]
        values = constant(model, other) if operator.builtinOptions.fusedActivationFunction == 0 else None
        if values is not None and values.size == count == values.shape[-1]:
            return values.reshape(-1), operator
    return np.zeros(count, np.float32), None


def _added(model: Model, name: bytes, values: Any) -> int:
    """The index of a new float constant."""
    tensor = schema.TensorT()
    tensor.shape, tensor.name, tensor.type = list(values.shape), name, schema.TensorType.FLOAT32
    graph(model).tensors.append(tensor)
    set_constant(model, len(graph(model).tensors) - 1, np.ascontiguousarray(values, np.float32))
    return len(graph(model).tensors) - 1
