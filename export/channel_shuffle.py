"""Shuffles of channel groups, and the halves that are cut off behind them, as 1 × 1 convolutions with one 1 in each filter.

Exported, `channel_shuffle` is a reshape to five dimensions, a transposition and a reshape back; ShuffleNetV2 then cuts the
channels in two. onnx2tf keeps channels first behind the second reshape and joins the two cuts to a split along the width: the
file answers, wrongly. (A gather it places along the height.) A convolution leaves no doubt where the channels are, and costs its
multiplications: channels before times channels kept, at each pixel.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto, NodeProto, helper, numpy_helper

SWAP_GROUPS = [0, 2, 1, 3, 4]
"""The permutation that swaps groups with the channels of a group, behind the batch and before height and width."""


def convolved_shuffles(model: ModelProto) -> ModelProto:
    """The model with each shuffle of an image's channels, and each cut of its channels, replaced by a convolution that selects."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    values = (*graph.input, *graph.value_info, *graph.output)
    shapes = {value.name: [size.dim_value for size in value.type.tensor_type.shape.dim] for value in values}
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    readers: dict[str, list[NodeProto]] = {value.name: [NodeProto(op_type="Output")] for value in graph.output}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    replaced: dict[str, NodeProto | None] = {}
    for split in model.graph.node:
        swap = _only_reader(split, readers)
        join = swap and _only_reader(swap, readers)
        if swap is None or join is None or not _is_shuffle(split, swap, join, shapes):
            continue
        groups, channels = shapes[split.output[0]][1:3]
        order = np.arange(groups * channels).reshape(groups, channels).T.ravel()
        replaced |= {split.output[0]: None, swap.output[0]: None, join.output[0]: None}
        for output, wanted in _read(join, order, readers, constants):
            chosen = np.eye(groups * channels, dtype=np.float32)[wanted][:, :, None, None]
            filters = numpy_helper.from_array(chosen, f"{output}_channels")
            model.graph.initializer.append(filters)
            replaced[output] = helper.make_node(
                "Conv", [split.input[0], filters.name], [output], name=output, kernel_shape=[1, 1]
            )
    kept = [replaced.get(node.output[0], node) for node in model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(node for node in kept if node is not None)
    return model


def _only_reader(node: NodeProto, readers: dict[str, list[NodeProto]]) -> NodeProto | None:
    found = readers.get(node.output[0], [])
    return found[0] if len(found) == 1 and found[0].output else None


def _is_shuffle(split: NodeProto, swap: NodeProto, join: NodeProto, shapes: dict[str, list[int]]) -> bool:
    if [node.op_type for node in (split, swap, join)] != ["Reshape", "Transpose", "Reshape"]:
        return False
    before, between, after = (shapes.get(name, []) for name in (split.input[0], split.output[0], join.output[0]))
    permutation = next((list(value.ints) for value in swap.attribute if value.name == "perm"), [])
    same_image = len(before) == 4 and before == after and 0 not in between
    return same_image and len(between) == 5 and between[3:] == before[2:] and permutation == SWAP_GROUPS


def _read(
    join: NodeProto,
    order: npt.NDArray[Any],
    readers: dict[str, list[NodeProto]],
    constants: dict[str, npt.NDArray[Any]],
) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """What is read of the shuffled channels: name and channels before the shuffle, of cuts alone, else of all as well."""
    whole = False
    for reader in readers.get(join.output[0], []):
        cut = cut_of_channels(reader, constants)
        if cut is None:
            whole = True
        else:
            yield reader.output[0], order[cut]
    if whole:
        yield join.output[0], order


def cut_of_channels(node: NodeProto, constants: dict[str, npt.NDArray[Any]]) -> slice | None:
    """The channels that a cut along axis 1 alone keeps; None of any other node."""
    if node.op_type != "Slice" or not all(name in constants for name in node.input[1:]):
        return None
    starts, ends, axes, *steps = (constants[name].tolist() for name in node.input[1:])
    return slice(starts[0], ends[0], steps[0][0] if steps else 1) if axes == [1] else None
