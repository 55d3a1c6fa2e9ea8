"""Slices whose size is "to the end": XNNPACK takes them once the number stands there."""

from copy import copy

import numpy as np

from export.flatbuffer import constant, graph, operator_name, pack, set_constant, unpack


def fixed_slices(data: bytes) -> bytes:
    """A float32 file whose SLICE operators say how much they take, where their result's shape is fixed."""
    model = unpack(data)
    tensors = graph(model).tensors
    changed = False
    for operator in graph(model).operators:
        if operator_name(model, operator) != "SLICE":
            continue
        sizes, shape = constant(model, int(operator.inputs[2])), tensors[int(operator.outputs[0])].shape
        if sizes is not None and (sizes < 0).any() and (np.asarray(shape) > 0).all():
            tensors.append(copy(tensors[int(operator.inputs[2])]))  # slices of other shapes may share what it says
            operator.inputs[2] = len(tensors) - 1
            tensors[-1].name = tensors[int(operator.outputs[0])].name + b"_size"
            set_constant(model, len(tensors) - 1, np.asarray(shape, sizes.dtype))
            changed = True
    return pack(model) if changed else data
