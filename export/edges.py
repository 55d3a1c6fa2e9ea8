"""What an int8 file computes in float around its convolutions: scaling before the first, pooling, classifier and decoding after the last."""

from typing import Any

from export import flatbuffer
from export.bias_correction import CONVOLUTIONS


def edges(data: bytes) -> list[str]:
    """Names of the results of all operators before the first convolution and after the last."""
    model = flatbuffer.unpack(data)
    kinds = [flatbuffer.operator_name(model, operator) for operator in flatbuffer.graph(model).operators]
    places = [place for place, kind in enumerate(kinds) if kind in CONVOLUTIONS or is_inner(model, place, kind)]
    return _results(model, [*range(places[0]), *range(places[-1] + 1, len(kinds))] if places else [])


def is_inner(model: flatbuffer.Model, place: int, kind: str) -> bool:
    """Whether an operator is a linear layer at every place of a picture, no classifier."""
    operator = flatbuffer.graph(model).operators[place]
    return kind == "FULLY_CONNECTED" and len(flatbuffer.graph(model).tensors[int(operator.outputs[0])].shape) > 2


def padded_pools(data: bytes) -> list[str]:
    """Names of the results of paddings by a constant that no int8 scale has (PADV2, before a maximum: minus infinity), and of what
    reads them.

    They stay in float: the quantiser knows no scale for such a constant, and rounded it would win against the picture.
    """
    model = flatbuffer.unpack(data)
    operators = flatbuffer.graph(model).operators
    padded = {
        int(index) for operator in operators if flatbuffer.operator_name(model, operator) == "PADV2"
        for index in operator.outputs
    }  # fmt: skip
    places = [
        place for place, operator in enumerate(operators)
        if padded & {int(index) for index in (*operator.inputs, *operator.outputs)}
    ]  # fmt: skip
    return _results(model, places)


def decoding(data: bytes) -> list[str]:
    """Names of the results of all operators after the classifier, the last FULLY_CONNECTED, or the last convolution."""
    model = flatbuffer.unpack(data)
    kinds = [flatbuffer.operator_name(model, operator) for operator in flatbuffer.graph(model).operators]
    places = [place for place, kind in enumerate(kinds) if kind == "FULLY_CONNECTED"]
    places = places or [place for place, kind in enumerate(kinds) if kind in CONVOLUTIONS]
    return _results(model, range(places[-1] + 1, len(kinds)) if places else [])


def _results(model: flatbuffer.Model, places: Any) -> list[str]:
    operators = flatbuffer.graph(model).operators
    return [flatbuffer.tensor_name(model, int(index)) for place in places for index in operators[place].outputs]
