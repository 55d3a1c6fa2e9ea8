"""ONNX operators that onnx2tf translates wrongly, or into shapes that are worked out while the file runs, as others that it does not.

A cut of an image's channels (`Split`, `Slice`) behind a sum is left with channels first: the file does not load. As a 1 × 1 convolution with
one 1 in each filter there is no doubt, as in `channel_shuffle`. A `Squeeze` becomes a chain of SHAPE and GATHER, of which no delegate
takes any: as a `Reshape` to the shape that it has anyway it is none.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto, NodeProto, helper, numpy_helper

from export.channel_shuffle import cut_of_channels


def plain_operators(model: ModelProto) -> ModelProto:
    """The model with such operators replaced; its shapes have to be fixed."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    values = (*graph.input, *graph.value_info, *graph.output)
    shapes = {value.name: [size.dim_value for size in value.type.tensor_type.shape.dim] for value in values}
    makers = {name: node.op_type for node in model.graph.node for name in node.output}
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    kept: list[NodeProto] = []
    for node in model.graph.node:
        behind_sum = bool(node.input) and makers.get(node.input[0]) == "Add" and len(shapes.get(node.input[0], [])) == 4
        if behind_sum and (cuts := _cuts(node, shapes, constants)):
            kept += [_selection(model, node, output, shapes[node.input[0]][1], cut) for output, cut in cuts.items()]
        elif node.op_type == "Squeeze" and all(shapes.get(node.output[0], [0])):
            kept.append(_reshape(model, node, shapes[node.output[0]]))
        else:
            kept.append(node)
    del model.graph.node[:]
    model.graph.node.extend(kept)
    return model


def _cuts(node: NodeProto, shapes: dict[str, list[int]], constants: dict[str, npt.NDArray[Any]]) -> dict[str, slice]:
    """By output, which channels a node keeps; nothing for one that does not cut channels alone."""
    if node.op_type == "Slice":
        cut = cut_of_channels(node, constants)
        return {} if cut is None else {node.output[0]: cut}
    if node.op_type != "Split" or next((one.i for one in node.attribute if one.name == "axis"), 0) != 1:
        return {}
    ends = np.cumsum([shapes[output][1] for output in node.output]).tolist()
    return {output: slice(before, end) for output, before, end in zip(node.output, [0, *ends], ends, strict=False)}


def _selection(model: ModelProto, node: NodeProto, output: str, channels: int, cut: slice) -> NodeProto:
    chosen = np.eye(channels, dtype=np.float32)[cut][:, :, None, None]
    filters = numpy_helper.from_array(chosen, f"{output}_channels")
    model.graph.initializer.append(filters)
    return helper.make_node("Conv", [node.input[0], filters.name], [output], name=output, kernel_shape=[1, 1])


def _reshape(model: ModelProto, node: NodeProto, shape: list[int]) -> NodeProto:
    wanted = numpy_helper.from_array(np.array(shape, np.int64), f"{node.output[0]}_shape")
    model.graph.initializer.append(wanted)
    return helper.make_node("Reshape", [node.input[0], wanted.name], list(node.output), name=node.name)
