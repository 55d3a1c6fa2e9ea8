"""A .tflite file as something to call, by the LiteRT interpreter; no torch here."""

import json
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter
from pydantic import BaseModel, Field, ValidationError

from choices import names_of
from export import flatbuffer

METADATA = "gridlite"
"""Name of the metadata entry, UTF-8 JSON."""
_Side = Annotated[int, Field(ge=1, le=10_000)]


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


class FileModel:
    """A deployable file (contract 4, docs/architecture.md) in memory; a task's subclass reads its answers.

    Args:
        data: the file's bytes.
        threads: of the interpreter; XNNPACK is used wherever it can be.

    Raises FileError when the bytes are no such file.

    """

    outputs: ClassVar[tuple[str, ...]]
    """Names of what a file must answer."""
    axes: ClassVar[int]
    """Of the first of them, the batch among them."""

    def __init__(self, data: bytes, threads: int = 2) -> None:
        flatbuffer.unpack(data)
        self.interpreter = interpreter_of(data, threads)
        given = {name for one in self.interpreter.get_signature_list().values() for name in one["outputs"]}
        if not set(self.outputs) <= given:
            raise flatbuffer.FileError(f"it lacks the outputs {' and '.join(self.outputs)}; it gives {_listed(given)}")
        self.run = self.interpreter.get_signature_runner()
        self.input_type = self.interpreter.get_input_details()[0]["dtype"]
        self.steps = {name: one["quantization"] for name, one in self.run.get_output_details().items()}
        shape = tuple(map(int, self.run.get_output_details()[self.outputs[0]]["shape"]))
        if len(shape) != self.axes:
            raise flatbuffer.FileError(
                f"its {self.outputs[0]} are of shape {shape}: want {self.axes} axes, it is of another task"
            )

    @property
    def input_shape(self) -> tuple[int, ...]:
        """`(1, H, W, 3)`."""
        return tuple(int(side) for side in self.interpreter.get_input_details()[0]["shape"])

    def answers(self, images: Iterable[npt.NDArray[np.uint8]]) -> Iterator[tuple[npt.NDArray[Any], ...]]:
        """Raw RGB images `(H, W, 3)` → what the file says of each, in the order of `outputs`, without the batch axis."""
        for given in self.named_answers(images):
            yield tuple(given[name] for name in self.outputs)

    def named_answers(self, images: Iterable[npt.NDArray[np.uint8]]) -> Iterator[dict[str, npt.NDArray[Any]]]:
        """As `answers`, all that the file gives, by name."""
        for image in images:
            given = self.run(image=image[None].astype(self.input_type))
            yield {name: self._float(name, value[0]) for name, value in given.items()}

    def _float(self, name: str, value: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A quantised output as the numbers that it stands for; others as they are."""
        scale, zero_point = self.steps[name]
        return (value.astype(np.float32) - zero_point) * np.float32(scale) if scale else value.copy()

    def probabilities(self, images: Iterable[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
        """What two files are held against each other by: the first output of each image, `(N, …)`."""
        return np.array([answer[0] for answer in self.answers(images)], np.float32)

    @staticmethod
    def change(before: npt.NDArray[np.float32], after: npt.NDArray[np.float32]) -> float:
        """How far two sets of `probabilities` lie apart: the mean absolute difference."""
        return float(np.abs(after - before).mean())


def _listed(names: Iterable[str]) -> str:
    return " and ".join(sorted(names)) or "nothing by name"


class _Grid(BaseModel):
    columns: _Side
    rows: _Side
    cell_px: _Side


class _About(BaseModel):
    """What is looked up in a file's metadata; other keys are free."""

    task: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]
    labels: Annotated[list[str], Field(min_length=1, max_length=10_000)]
    size: tuple[_Side, _Side]
    resolution: _Side
    grid: _Grid | None = None


@contextmanager
def of_file(path: Path) -> Iterator[None]:
    """Puts the file's name before what a FileError says of its bytes."""
    try:
        yield
    except flatbuffer.FileError as error:
        raise flatbuffer.FileError(f"{path}: {error}") from None


def read_file(path: Path) -> tuple[bytes, dict[str, Any]]:
    """A file's bytes and gridlite's metadata in it. Raises FileError naming the file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise flatbuffer.FileError(f"{path}: cannot be read ({error.strerror})") from None
    with of_file(path):
        entries = flatbuffer.read_metadata(data)
        if METADATA not in entries:
            raise flatbuffer.FileError("it carries no gridlite metadata: labels, grid and resolution are unknown")
        try:
            described: dict[str, Any] = json.loads(entries[METADATA])
            _About.model_validate(described)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise flatbuffer.FileError(f"its gridlite metadata: {where}: {first['msg']}") from None
        except (ValueError, RecursionError) as error:
            raise flatbuffer.FileError(f"its gridlite metadata is not JSON that can be read ({error})") from None
        if described["task"] not in (known := names_of("task")):
            raise flatbuffer.FileError(
                f"its gridlite metadata: task={described['task']}: no such task; want one of {', '.join(known)}"
            )
    return data, described
