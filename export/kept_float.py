"""What an int8 file computes in float wherever it stands: what int8 represents badly, or computes slowly.

A variance spans many powers of two: its int8 form rounds to zero, and the file divides by it (LayerNorm, GroupNorm, and the sums
that linear attention divides by). Products of two pictures' values and their softmax, which is attention, lose most of their agreement in
int8. And XNNPACK leaves them, and GELU, to slow kernels in int8, which tears the file into pieces.
"""

from typing import Any

from export.flatbuffer import constant, graph, operator_name, tensor_name, unpack

BELOW = ("SQRT", "RSQRT", "ADD", "MEAN", "SUM", "MAXIMUM", "MUL", "SQUARED_DIFFERENCE", "SQUARE", "POW")
"""Kinds of operators between a picture's values and what they are divided by."""
ALONE = ("GELU", "SOFTMAX", "BATCH_MATMUL")


def float_results(data: bytes) -> list[str]:
    """Names of the results of all operators that stay in float."""
    model = unpack(data)
    operators = graph(model).operators
    makers = {int(index): operator for operator in operators for index in operator.outputs}
    kept: list[Any] = [operator for operator in operators if operator_name(model, operator) in ALONE]
    for division in operators:
        if operator_name(model, division) != "DIV" or constant(model, int(division.inputs[1])) is not None:
            continue
        kept += [division, *_scaled(model, division), *_below(model, makers, int(division.inputs[1]))]
    return list(dict.fromkeys(tensor_name(model, int(index)) for operator in kept for index in operator.outputs))


def _scaled(model: Any, division: Any) -> list[Any]:
    """The products with what a division gives."""
    made = {int(index) for index in division.outputs}
    return [
        operator
        for operator in graph(model).operators
        if operator_name(model, operator) == "MUL" and made & {int(index) for index in operator.inputs}
    ]


def _below(model: Any, makers: dict[int, Any], divisor: int) -> list[Any]:
    """The operators from which a divisor comes, as far as the sum or the mean over what is normalised."""
    found, waiting = [], [divisor]
    while waiting:
        maker = makers.get(waiting.pop())
        if maker is None or (kind := operator_name(model, maker)) not in BELOW:
            continue
        found.append(maker)
        if kind not in ("MUL", "SQUARED_DIFFERENCE", "SQUARE", "POW"):  # what is squared is the normalised itself
            waiting += [int(index) for index in maker.inputs]
    return found
