"""A .tflite file as something to call, by the LiteRT interpreter; no torch here."""

import json
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from export import flatbuffer

METADATA = "gridlite"
"""Name of the metadata entry, UTF-8 JSON."""


def interpreter_of(data: bytes, threads: int, *, keep_all: bool = False) -> Interpreter:
    """A LiteRT interpreter, ready to run, that says nothing while it is made.

    Args:
        data: a file's bytes.
        threads: it computes with.
        keep_all: every tensor can be read after a run, not only the outputs.

    Raises FileError when the runtime does not take the bytes.

    """
    with _quiet_stderr(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            interpreter = Interpreter(
                model_content=data, num_threads=threads, experimental_preserve_all_tensors=keep_all
            )
            interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise flatbuffer.FileError(f"the runtime does not load it ({' '.join(str(error).split())})") from None
    return interpreter


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """The runtime's C++ side writes to the process's stderr itself."""
    sys.stderr.flush()
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


class TfliteModel:
    """A deployable file (contract 4 of the design) in memory: one that grades.

    Args:
        data: the file's bytes.
        threads: of the interpreter; XNNPACK is used wherever it can be.

    Raises FileError when the bytes are no such file.

    """

    outputs: ClassVar[tuple[str, ...]] = ("probabilities", "grade")

    def __init__(self, data: bytes, threads: int = 2) -> None:
        flatbuffer.unpack(data)
        self.interpreter = interpreter_of(data, threads)
        given = {name for one in self.interpreter.get_signature_list().values() for name in one["outputs"]}
        if not set(self.outputs) <= given:
            raise flatbuffer.FileError(f"it lacks the outputs {' and '.join(self.outputs)}; it gives {_listed(given)}")
        self.run = self.interpreter.get_signature_runner()

    @property
    def input_shape(self) -> tuple[int, ...]:
        """`(1, H, W, 3)`."""
        return tuple(int(side) for side in self.interpreter.get_input_details()[0]["shape"])

    def answers(self, images: Iterable[npt.NDArray[np.uint8]]) -> Iterator[tuple[npt.NDArray[Any], ...]]:
        """Raw RGB images `(H, W, 3)` → what the file says of each, in the order of `outputs`, without the batch axis."""
        for image in images:
            given = self.run(image=image[None].astype(np.float32))
            yield tuple(given[name][0].copy() for name in self.outputs)

    def probabilities(self, images: Iterable[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
        """Raw RGB images `(H, W, 3)` → `(N, K)`, of files that mark pixels `(N, H, W, K)`."""
        return np.array([chances for chances, _ in self.answers(images)], np.float32)

    def grade(self, images: Iterable[npt.NDArray[np.uint8]]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Raw RGB images `(S, S, 3)` → grades `(N,)` and probabilities `(N, K)`."""
        found = list(self.answers(images))
        return np.array([grade for _, grade in found], np.int64), np.array([share for share, _ in found], np.float32)

    @staticmethod
    def change(before: npt.NDArray[np.float32], after: npt.NDArray[np.float32]) -> float:
        """How far two sets of probabilities lie apart: the mean absolute difference."""
        return float(np.abs(after - before).mean())


class MaskModel(TfliteModel):
    """A deployable file that marks pixels."""

    outputs: ClassVar[tuple[str, ...]] = ("probabilities", "mask")

    @staticmethod
    def change(before: npt.NDArray[np.float32], after: npt.NDArray[np.float32]) -> float:
        """Difference over sum of two sets of probabilities: 1 less the Dice of what is neither yes nor no.

        A mean over all pixels would see little but the background.
        """
        return float(np.abs(after - before).sum() / max(float((after + before).sum()), 1e-12))


class NumberModel(TfliteModel):
    """A deployable file that answers with a number."""

    outputs: ClassVar[tuple[str, ...]] = ("number",)

    def numbers(self, images: Iterable[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float64]:
        """Raw RGB images `(H, W, 3)` → numbers in their unit `(N,)`."""
        return np.array([number for (number,) in self.answers(images)], np.float64)

    def probabilities(self, images: Iterable[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
        """The numbers, `(N, 1)`: what a file is held against another by."""
        return np.asarray(self.numbers(images)[:, None], np.float32)

    @staticmethod
    def change(before: npt.NDArray[np.float32], after: npt.NDArray[np.float32]) -> float:
        """How far two sets of numbers lie apart: the mean absolute difference, as a share of how far the first ones spread."""
        return float(np.abs(after - before).mean() / max(float(np.ptp(before)), 1e-12))


def _listed(names: Iterable[str]) -> str:
    return " and ".join(sorted(names)) or "nothing by name"


def read_file(path: Path) -> tuple[bytes, dict[str, Any]]:
    """A file's bytes and gridlite's metadata in it. Raises FileError naming the file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise flatbuffer.FileError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        entries = flatbuffer.read_metadata(data)
        if METADATA not in entries:
            raise flatbuffer.FileError("it carries no gridlite metadata: labels, grid and resolution are unknown")
        described: dict[str, Any] = json.loads(entries[METADATA])
    except (flatbuffer.FileError, ValueError) as error:
        raise flatbuffer.FileError(f"{path}: {error}") from None
    return data, described
