"""What a TFLite file computes, whatever its weights: a hash that two files share which take the same time."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from export.flatbuffer import Model, graph, operator_name, unpack

CASTS = ("QUANTIZE", "DEQUANTIZE")
"""Operators that stand between kinds of numbers; a network has none of its own."""
DIGITS = 16


def graph_hash(data: bytes) -> str:
    """16 hex digits over operators with their options, and the shapes and types of all that they read and give.

    No weight, scale or name is part of it. Raises FileError for bytes that are no such file.
    """
    model = unpack(data)
    return _digest(_described(model, operator, types=True) for operator in graph(model).operators)


def network_hash(data: bytes) -> str:
    """The same without types and what casts between them: all kinds of files of one network share it."""
    model = unpack(data)
    operators = [one for one in graph(model).operators if operator_name(model, one) not in CASTS]
    return _digest(_described(model, operator, types=False) for operator in operators)


def _described(model: Model, operator: Any, *, types: bool) -> list[Any]:
    tensors = graph(model).tensors
    used = [tensors[int(index)] for index in (*operator.inputs, *operator.outputs) if index >= 0]
    shapes = [[] if one.shape is None else [int(side) for side in one.shape] for one in used]
    options = vars(operator.builtinOptions) if operator.builtinOptions is not None else {}
    kinds = [int(one.type) for one in used] if types else []
    return [operator_name(model, operator), shapes, kinds, sorted(options.items())]


def _digest(described: Iterator[list[Any]]) -> str:
    text = json.dumps(list(described), default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def _plain(value: Any) -> Any:
    """Numpy's numbers and arrays, as options have them."""
    return np.asarray(value).tolist() if isinstance(value, np.ndarray | np.generic) else str(value)
