"""What runs under the emulated processor: a file on the pictures that come in, its answers held against those that come with them.

Read by the guest's own Python and numpy, so it imports nothing of gridlite. stdin: one message {rule: JSON, file: bytes}, then
{image, <output>…} for each picture, then an empty one; stdout: {about: JSON}, {<output>…} for each picture, {found: JSON}.
"""

import json
import os
import platform
import struct
import sys
from typing import IO, Any

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]
SAME = 0.01
"""Of the range: numbers that lie nearer count as the same."""


def put(stream: IO[bytes], **arrays: npt.NDArray[Any] | bytes) -> None:
    """Writes one message: named arrays of any shape, or bytes; none of them is the last message."""
    whole = {name: np.frombuffer(one, np.uint8) if isinstance(one, bytes) else one for name, one in arrays.items()}
    kept = {name: np.ascontiguousarray(one) for name, one in whole.items()}
    head = json.dumps({name: [one.dtype.str, list(whole[name].shape)] for name, one in kept.items()}).encode()
    stream.write(struct.pack("<I", len(head)) + head)
    for one in kept.values():
        stream.write(one.tobytes())
    stream.flush()


def get(stream: IO[bytes]) -> Arrays:
    """One message: name → array. Raises EOFError where the other side is gone."""
    (length,) = struct.unpack("<I", exactly(stream, 4))
    found: Arrays = {}
    for name, (kind, shape) in json.loads(exactly(stream, length)).items():
        size = np.dtype(kind).itemsize * int(np.prod(shape, dtype=np.int64))
        found[name] = np.frombuffer(exactly(stream, size), kind).reshape(shape)
    return found


def exactly(stream: IO[bytes], length: int) -> bytes:
    """So many bytes."""
    data = stream.read(length)
    if len(data) < length:
        raise EOFError("the other side is gone")
    return data


def decisions(outputs: Arrays, rule: dict[str, Any]) -> npt.NDArray[Any] | None:
    """What the answers to one picture come down to, an array of which each element is right or wrong; None where they are numbers.

    A grade is the place of the largest of `grade`, where that is a share for each grade, or the whole number that it is; a mask its
    pixels; without either, labels above their thresholds, or the place of the largest probability.
    """
    for name in ("grade", "mask"):
        if name in outputs:
            given = outputs[name]
            if given.dtype.kind in "iu":
                return given
            return given.argmax(-1) if name == "grade" and given.shape[-1] > 1 else np.rint(given)
    if "probabilities" not in outputs:
        return None
    chances = outputs["probabilities"]
    if rule.get("thresholds"):
        return chances > np.array(rule["thresholds"])
    return chances.argmax(-1) if chances.ndim == 2 else chances > 0.5


class Comparison:
    """Answers of two processors to the same pictures, picture by picture.

    Args:
        rule: `thresholds` of labels or None; `span`, the range of numbers; `steps`, scale and zero point of each quantised output.

    """

    def __init__(self, rule: dict[str, Any]) -> None:
        self.rule, self.alike = rule, 0
        self.same: list[float] = []
        self.worst: dict[str, float] = {}

    def add(self, here: Arrays, there: Arrays) -> None:
        """One picture's outputs, name → array with a batch axis; both must have the same names and shapes."""
        here, there = self.numbers(here), self.numbers(there)
        for name, one in here.items():
            if one.dtype.kind == "f":
                change = float(np.max(np.abs(one.astype(np.float64) - there[name]), initial=0.0))
                change = change / self.rule["span"] if np.isfinite(change) else float("inf")
                self.worst[name] = max(self.worst.get(name, 0.0), change)
        ours, theirs = decisions(here, self.rule), decisions(there, self.rule)
        if ours is None or theirs is None:
            apart = [np.abs(here[name] - there[name]).ravel() for name in sorted(here)]
            same = np.concatenate(apart) < SAME * self.rule["span"]
        else:
            same = ours == theirs
        self.same.append(float(np.mean(same)))
        self.alike += bool(np.all(same))

    def numbers(self, outputs: Arrays) -> Arrays:
        """Quantised outputs as the numbers that they stand for; others as they are."""
        steps = self.rule.get("steps", {})
        return {
            name: (one.astype(np.float32) - steps[name][1]) * np.float32(steps[name][0])
            if name in steps and one.dtype.kind in "iu"
            else one
            for name, one in outputs.items()
        }

    def found(self) -> dict[str, Any]:
        """cells, cells_alike (whole ones), agreement, differences (the largest of each float output) and max_probability_difference."""
        first = self.worst.get("probabilities", max(self.worst.values(), default=0.0))
        return {
            "cells": len(self.same),
            "cells_alike": self.alike,
            "agreement": float(np.mean(self.same)),
            "max_probability_difference": first,
            "differences": self.worst,
        }


def main() -> None:
    """Answers until the empty message."""
    ours, told = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the runtime's C++ side prints is no message
    from importlib.metadata import version

    from ai_edge_litert.interpreter import Interpreter

    first = get(ours)
    interpreter = Interpreter(model_content=first["file"].tobytes(), num_threads=1)
    interpreter.allocate_tensors()
    run = interpreter.get_signature_runner()
    delegated = any(one["op_name"] == "DELEGATE" for one in interpreter._get_ops_details())
    about = {
        "machine": platform.machine(),
        "runtime": f"LiteRT {version('ai-edge-litert')}",
        "delegate": "xnnpack" if delegated else "none",
        "python": platform.python_version(),
    }
    put(told, about=json.dumps(about).encode())
    comparison = Comparison(json.loads(first["rule"].tobytes()))
    while message := get(ours):
        answers = comparison.numbers(run(image=message.pop("image")))
        comparison.add(message, answers)
        put(told, **answers)
    put(told, found=json.dumps(comparison.found()).encode())


if __name__ == "__main__":
    main()
