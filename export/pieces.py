"""Some operators of a file as a file of their own, and how much longer one piece takes than another."""

import time
from collections.abc import Collection
from copy import copy
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema
from filelock import FileLock

from export.flatbuffer import Model, constant, graph, operator_name, pack, tensor_name
from export.graph import CASTS
from export.interpreter import interpreter_of
from export.latency.host import LOCK

TIMED_S = 0.05
"""Seconds in which two pieces take turns."""
FEWEST_ROUNDS = 7
WARM_UP_ROUNDS = 3


def piece(model: Model, results: Collection[str]) -> bytes:
    """A file of the operators that give the named tensors, with the casts before and behind them; the model stays as it is.

    Raises ValueError where no operator gives any of them.
    """
    chosen = _operators(model, frozenset(results))
    if not chosen:
        raise ValueError(f"no operator gives {', '.join(sorted(results))}")
    whole = graph(model)
    made = {int(index) for operator in chosen for index in operator.outputs}
    read = [int(index) for operator in chosen for index in operator.inputs if index >= 0]
    others = [operator for operator in whole.operators if not any(operator is one for one in chosen)]
    wanted = {int(index) for operator in others for index in operator.inputs} | {int(index) for index in whole.outputs}
    part, own = copy(model), copy(whole)
    own.operators = chosen
    own.inputs = list(dict.fromkeys(i for i in read if i not in made and constant(model, i) is None))
    own.outputs = sorted(made & wanted) or [int(chosen[-1].outputs[0])]
    weights = {whole.tensors[index].buffer for index in read}
    part.buffers = [one if place in weights else schema.BufferT() for place, one in enumerate(model.buffers)]
    part.subgraphs, part.signatureDefs, part.metadata = [own], None, None
    return pack(part)


def extra_ms(first: bytes, second: bytes) -> float:
    """How much longer the first file takes than the second, milliseconds on one thread: the median of rounds in which they take turns.

    One measurement at a time on a machine. Raises FileError for a file that the runtime does not take.
    """
    both = [_ready(one) for one in (first, second)]
    with FileLock(LOCK, mode=0o666):
        taken = _rounds(both)
    return 1e3 * float(np.median(taken[:, 0] - taken[:, 1]))


def run_ms(data: bytes) -> float:
    """How long a file takes on one thread, milliseconds: the median. Raises FileError for a file that the runtime does not take."""
    one = [_ready(data)]
    with FileLock(LOCK, mode=0o666):
        return 1e3 * float(np.median(_rounds(one)))


def _operators(model: Model, names: frozenset[str]) -> list[Any]:
    """In order."""
    operators = graph(model).operators
    chosen = [one for one in operators if any(tensor_name(model, int(index)) in names for index in one.outputs)]
    made = {int(index) for one in chosen for index in one.outputs}
    read = {int(index) for one in chosen for index in one.inputs}
    casts = [
        one
        for one in operators
        if operator_name(model, one) in CASTS and (int(one.inputs[0]) in made or int(one.outputs[0]) in read)
    ]
    return [one for one in operators if any(one is other for other in (*chosen, *casts))]


def _ready(data: bytes) -> Any:
    """An interpreter with random numbers at its inputs."""
    interpreter, rng = interpreter_of(data, 1), np.random.default_rng(0)
    for source in interpreter.get_input_details():
        values = rng.normal(0, 1 if source["dtype"] == np.float32 else 40, source["shape"])
        interpreter.set_tensor(source["index"], values.astype(source["dtype"]))
    return interpreter


def _rounds(interpreters: list[Any]) -> npt.NDArray[np.float64]:
    """Seconds of a run of each, round by round, `(rounds, interpreters)`; every other round goes backwards."""
    rounds: list[list[float]] = []
    began = time.perf_counter()
    while len(rounds) < WARM_UP_ROUNDS + FEWEST_ROUNDS or time.perf_counter() - began < TIMED_S:
        rounds.append([0.0] * len(interpreters))
        for place in range(len(interpreters))[:: -1 if len(rounds) % 2 else 1]:
            before = time.perf_counter()
            interpreters[place].invoke()
            rounds[-1][place] = time.perf_counter() - before
    return np.array(rounds[WARM_UP_ROUNDS:])
