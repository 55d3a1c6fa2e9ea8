"""The layers of a float32 file, as an int8 file of mixed precision computes them in int8 or in float."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from export.bias_correction import CONVOLUTIONS
from export.edges import is_inner
from export.flatbuffer import Model, constant, graph, operator_name, tensor_name, unpack

LONGEST_BLOCK = 3
"""Layers of a block where no branch bounds it, squeeze-excite branches not counted."""
PLAIN_PARTS = ("network", "backbone")
"""Of a tensor's name, which every tensor has."""


@dataclass(frozen=True)
class Layer:
    """A convolution, or a linear layer at every place of a picture, with what is computed of its result alone.

    Activations in several operators, sums and pooling belong to the layer that makes the largest tensor they read. Neighbouring
    convolutions of pooled features, which are 1 × 1 pixel large, are one layer: a squeeze-excite branch.
    """

    name: str
    """Of its first operator, as torch has the module."""
    results: tuple[str, ...]
    """Names of the tensors that its operators give."""
    pooled: bool
    """Whether it is such a branch."""


@dataclass(frozen=True)
class Layers:
    """All layers of a file, in order, and how they hang together."""

    layers: tuple[Layer, ...]
    neighbours: frozenset[tuple[int, int]]
    """Places of layers of which the second reads what the first gives."""
    blocks: tuple[frozenset[int], ...]
    """Runs of two or more layers between tensors through which all passes, as residual blocks are."""

    def results(self, chosen: Collection[int]) -> list[str]:
        """Names of the tensors that the chosen layers give."""
        return [name for place in sorted(chosen) for name in self.layers[place].results]

    def names(self, chosen: Collection[int]) -> list[str]:
        """Of the chosen layers, in order."""
        return [self.layers[place].name for place in sorted(chosen)]

    def holding(self, results: Collection[str]) -> frozenset[int]:
        """Places of the layers that give any of the named tensors."""
        return frozenset(place for place, one in enumerate(self.layers) if not set(results).isdisjoint(one.results))

    def near(self, chosen: Collection[int]) -> set[int]:
        """The layers next to the chosen ones."""
        pairs = [pair for pair in self.neighbours if (pair[0] in chosen) != (pair[1] in chosen)]
        return {place for pair in pairs for place in pair} - set(chosen)

    def connected(self, chosen: Collection[int]) -> list[frozenset[int]]:
        """The chosen layers, those together that hang together."""
        left, found = set(chosen), []
        while left:
            run = {left.pop()}
            while more := self.near(run) & left:
                run |= more
                left -= more
            found.append(frozenset(run))
        return sorted(found, key=min)


def layers_of(data: bytes, outside: Collection[str]) -> Layers:
    """The layers of a float32 file.

    Args:
        data: the file.
        outside: names of results that belong to no layer, because they are computed in float anyway.

    """
    model, kept = unpack(data), frozenset(outside)
    owners = _owners(model, kept)
    results: dict[int, list[str]] = {}
    pooled: dict[int, bool] = {}
    for place, operator in enumerate(graph(model).operators):
        if place in owners:
            results.setdefault(owners[place], []).extend(_computed_names(model, operator))
            pooled[owners[place]] = pooled.get(owners[place], True) and _is_pooled(model, operator)
    firsts = {layer: place for place, layer in reversed(owners.items())}
    layers = tuple(Layer(_name(model, firsts[layer]), tuple(names), pooled[layer]) for layer, names in results.items())
    makers = _makers(model)
    read = {
        (owners.get(makers[int(index)]), owner)
        for place, owner in owners.items()
        for index in graph(model).operators[place].inputs
        if int(index) in makers
    }
    pairs = frozenset((first, second) for first, second in read if first is not None and first != second)
    return Layers(layers, pairs, _blocks(model, owners, layers))


def _owners(model: Model, outside: frozenset[str]) -> dict[int, int]:
    """Place of an operator → place of its layer."""
    makers, owners, pooled = _makers(model), dict[int, int](), dict[int, bool]()
    for place, operator in enumerate(graph(model).operators):
        if set(_computed_names(model, operator)) <= outside:
            continue
        before = _main_maker(model, makers, operator)
        layer = owners.get(before) if before is not None else None
        kind = operator_name(model, operator)
        starts = kind in CONVOLUTIONS or is_inner(model, place, kind)
        branch = layer is not None and pooled[layer] and _is_pooled(model, operator)
        if layer is None or (starts and not branch):
            layer = len(pooled)
            pooled[layer] = _is_pooled(model, operator)
        owners[place] = layer
        pooled[layer] = pooled[layer] and _is_pooled(model, operator)
    return owners


def _blocks(model: Model, owners: Mapping[int, int], layers: Sequence[Layer]) -> tuple[frozenset[int], ...]:
    """Cuts where one tensor alone is alive and a layer begins: before a branch, and after LONGEST_BLOCK layers."""
    operators, last, makers = graph(model).operators, dict[int, int](), _makers(model)
    for place, operator in enumerate(operators):
        last |= {int(index): place for index in operator.inputs if int(index) in makers}
    blocks, run, seen, alive = [], list[int](), set[int](), set[int]()
    for place, operator in enumerate(operators):
        begins = place in owners and owners[place] not in seen
        if begins and len(alive) == 1 and run:
            (tensor,) = alive
            readers = sum(tensor in map(int, one.inputs) for one in operators)
            if readers > 1 or sum(not layers[layer].pooled for layer in run) >= LONGEST_BLOCK:
                blocks.append(frozenset(run))
                run = []
        if begins:
            run.append(owners[place])
            seen.add(owners[place])
        alive |= {int(index) for index in operator.outputs if last.get(int(index), -1) > place}
        alive -= {index for index in alive if last[index] <= place}
    return tuple(block for block in (*blocks, frozenset(run)) if len(block) > 1)


def _makers(model: Model) -> dict[int, int]:
    """Index of a computed tensor → place of its operator."""
    return {int(index): place for place, operator in enumerate(graph(model).operators) for index in operator.outputs}


def _main_maker(model: Model, makers: Mapping[int, int], operator: Any) -> int | None:
    """The operator that makes the largest tensor that one reads, of equal ones the latest."""
    read = [int(index) for index in operator.inputs if int(index) in makers]
    best = max(read, key=lambda index: (prod(graph(model).tensors[index].shape), makers[index]), default=None)
    return None if best is None else makers[best]


def _is_pooled(model: Model, operator: Any) -> bool:
    shape = graph(model).tensors[int(operator.outputs[0])].shape
    return len(shape) == 4 and bool(prod(shape[1:3]) == 1)


def _computed_names(model: Model, operator: Any) -> list[str]:
    return [tensor_name(model, int(index)) for index in operator.outputs if constant(model, int(index)) is None]


def _name(model: Model, place: int) -> str:
    """By the weights of an operator, or what it gives: `/network/backbone/blocks.1/blocks.1.0/conv_pw/Conv_filter` is `blocks.1.0/conv_pw`."""
    operator = graph(model).operators[place]
    constants = [int(index) for index in operator.inputs[1:] if index >= 0 and constant(model, int(index)) is not None]
    parts = [
        part
        for part in tensor_name(model, (constants or list(operator.outputs))[0]).split("/")
        if part and part not in PLAIN_PARTS
    ]
    modules = [
        part for part, after in zip(parts, [*parts[1:], ""], strict=True) if not after.startswith(f"{part}.")
    ]  # without the module that holds the next one
    return "/".join(modules[:-1] or modules)
