"""Empirical bias correction of an int8 file (Nagel et al. 2019, "Data-free quantization", section 4.2; the version
with data of their white paper of 2021, section 3.3).

Rounding shifts the mean of every channel a little, and the shifts add up from layer to layer. Going from input to
output, each convolution's bias takes back what its channels' means have drifted from the float file's.
"""

from collections.abc import Iterable

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export import flatbuffer
from export.flatbuffer import Model
from export.interpreter import interpreter_of
from export.ranges import Floats

CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")


def convolution_outputs(model: Model) -> list[str]:
    """Names of what the convolutions give, in order."""
    return [
        flatbuffer.tensor_name(model, int(operator.outputs[0]))
        for operator in flatbuffer.graph(model).operators
        if flatbuffer.operator_name(model, operator) in CONVOLUTIONS
    ]


def float_means(data: bytes, images: Iterable[Floats], threads: int = 2) -> dict[str, Floats]:
    """Mean of every channel `(C,)` after every convolution of a float32 file, over images `(S, S, 3)`."""
    names = convolution_outputs(flatbuffer.unpack(data))
    interpreter = interpreter_of(data, threads, keep_all=True)
    source = interpreter.get_input_details()[0]["index"]
    places = {detail["name"]: detail["index"] for detail in interpreter.get_tensor_details()}
    sums: dict[str, list[Floats]] = {name: [] for name in names}
    for image in images:
        interpreter.set_tensor(source, image[None].astype(np.float32))
        interpreter.invoke()
        for name in names:
            sums[name].append(interpreter.get_tensor(places[name]).mean(axis=(0, 1, 2)))
    return {name: np.mean(rows, axis=0, dtype=np.float32) for name, rows in sums.items()}


def correct_biases(data: bytes, means: dict[str, Floats], images: list[Floats], threads: int = 2) -> bytes:
    """An int8 file with corrected biases; the convolutions that compute in float stay as they are.

    Args:
        means: by `float_means` of the float32 file, over the same images.

    """
    model = flatbuffer.unpack(data)
    for place, operator in enumerate(flatbuffer.graph(model).operators):
        if flatbuffer.operator_name(model, operator) not in CONVOLUTIONS:
            continue
        name = flatbuffer.tensor_name(model, int(operator.outputs[0]))
        bias = flatbuffer.graph(model).tensors[operator.inputs[2]]
        if bias.type != schema.TensorType.INT32 or name not in means:
            continue
        drift = means[name] - _means_after(model, place, images, threads)
        old = flatbuffer.constant(model, operator.inputs[2])
        assert old is not None
        scale = bias.quantization.scale
        steps = np.divide(drift, scale, out=np.zeros_like(drift), where=scale > 0)  # a dead channel has no scale
        limits = np.iinfo(np.int32)
        flatbuffer.set_constant(model, operator.inputs[2], np.clip(old + np.rint(steps), limits.min, limits.max))
    return flatbuffer.pack(flatbuffer.without_unused_buffers(model))


def _means_after(model: Model, place: int, images: list[Floats], threads: int) -> Floats:
    """Channel means of what operator `place` gives, by a file that ends there."""
    subgraph = flatbuffer.graph(model)
    whole = subgraph.operators, subgraph.outputs, model.signatureDefs
    index = int(subgraph.operators[place].outputs[0])
    subgraph.operators, subgraph.outputs, model.signatureDefs = subgraph.operators[: place + 1], [index], None
    interpreter = interpreter_of(flatbuffer.pack(model), threads)
    subgraph.operators, subgraph.outputs, model.signatureDefs = whole
    source, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    scale, zero = given["quantization"]
    rows = []
    for image in images:
        interpreter.set_tensor(source["index"], image[None].astype(np.float32))
        interpreter.invoke()
        steps = interpreter.get_tensor(given["index"]).astype(np.float32)
        rows.append((steps - zero).mean(axis=(0, 1, 2)) * scale)
    mean: Floats = np.mean(rows, axis=0, dtype=np.float32)
    return mean
