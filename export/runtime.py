"""A .tflite file as something to call, by the LiteRT interpreter; no torch here."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field, ValidationError

from choices import names_of
from export import flatbuffer
from export.backends import Opened, tflite

METADATA = "gridlite"
"""Name of the metadata entry, UTF-8 JSON."""
_Side = Annotated[int, Field(ge=1, le=10_000)]


class FileModel:
    """A deployable file (contract 4, docs/architecture.md) in memory; a task's subclass reads its answers.

    Args:
        data: the file's bytes.
        threads: it computes with.
        opened: what loads it; XNNPACK is used wherever it can be.

    Raises FileError when the bytes are no such file.

    """

    outputs: ClassVar[tuple[str, ...]]
    """Names of what a file must answer."""
    axes: ClassVar[int]
    """Of the first of them, the batch among them."""

    def __init__(self, data: bytes, threads: int = 2, opened: Opened = tflite) -> None:
        self.backend = opened(data, threads)
        given = self.backend.outputs
        if not set(self.outputs) <= given.keys():
            raise flatbuffer.FileError(f"it lacks the outputs {' and '.join(self.outputs)}; it gives {_listed(given)}")
        shape = given[self.outputs[0]]
        if len(shape) != self.axes:
            raise flatbuffer.FileError(
                f"its {self.outputs[0]} are of shape {shape}: want {self.axes} axes, it is of another task"
            )

    @property
    def input_shape(self) -> tuple[int, ...]:
        """`(1, H, W, 3)`."""
        return tuple(side or 1 for side in self.backend.shape)

    def answers(self, images: Iterable[npt.NDArray[np.uint8]]) -> Iterator[tuple[npt.NDArray[Any], ...]]:
        """Raw RGB images `(H, W, 3)` → what the file says of each, in the order of `outputs`, without the batch axis."""
        for given in self.named_answers(images):
            yield tuple(given[name] for name in self.outputs)

    def named_answers(self, images: Iterable[npt.NDArray[np.uint8]]) -> Iterator[dict[str, npt.NDArray[Any]]]:
        """As `answers`, all that the file gives, by name."""
        for image in images:
            given = self.backend.run(image[None].astype(self.backend.dtype))
            yield {name: value[0] for name, value in given.items()}

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


class _Ask(BaseModel):
    """Whom to ask, see `metrics.conformal.promise`; without a threshold nobody."""

    most_missed: Annotated[float, Field(gt=0, lt=1)]
    how: str = ""
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None


class _Unknown(BaseModel):
    """From which distance on a sample looks like nothing in training, see `metrics.unknown.unknown_of`."""

    false_alarms: Annotated[float, Field(gt=0, lt=1)]
    how: str = ""
    threshold: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


class _About(BaseModel):
    """What is looked up in a file's metadata; other keys are free."""

    task: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]
    labels: Annotated[list[str], Field(min_length=1, max_length=10_000)]
    size: tuple[_Side, _Side]
    resolution: _Side
    grid: _Grid | None = None
    ask: _Ask | None = None
    unknown: _Unknown | None = None


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
