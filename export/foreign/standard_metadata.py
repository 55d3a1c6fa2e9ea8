"""TensorFlow Lite's own metadata of a classifier that somebody else made: labels, and how pixels are scaled.

`metadata_schema.fbs` of TensorFlow Lite Support; tables' fields are named by their numbers in it, as in `export/app_metadata.py`, which
writes it.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import number_types
from flatbuffers.table import Table

from export.app_metadata import AXIS_LABELS, IDENTIFIER, IMAGE_PROPERTIES, METADATA, NORMALIZATION
from export.flatbuffer import FileError, graph, read_metadata, unpack

DTYPES = {schema.TensorType.FLOAT32: "float32", schema.TensorType.UINT8: "uint8", schema.TensorType.INT8: "int8"}
MOST_LABELS_BYTES = 4_000_000
SUBGRAPHS, INPUTS, OUTPUTS, CONTENT, PROCESS, FILES = 3, 2, 3, 3, 4, 6
"""Fields of ModelMetadata, SubGraphMetadata and TensorMetadata."""


@dataclass(frozen=True)
class Standard:
    """What has to be known to call a classifier."""

    size: tuple[int, int]
    """Height and width, pixels."""
    channels: int
    """3, RGB, or 1, luma."""
    dtype: str
    """Of the input: float32, or uint8, which takes pixels as they are."""
    mean: list[float]
    """Taken from pixels of 0 to 255, one number per channel; empty for uint8."""
    std: list[float]
    """What is left is divided by it."""
    labels: list[str]
    output: int
    """Place of the output that has a number for each label."""
    steps: tuple[float, int] | None
    """Scale and zero point of that output, None where it is float32."""


def read_standard(data: bytes) -> Standard:
    """What a file says of itself. Raises FileError, one line, for what it does not say or is no classifier of pictures."""
    model, entries = unpack(data), read_metadata(data)
    if METADATA not in entries:
        raise FileError(
            f"it carries neither gridlite's metadata nor TensorFlow Lite's ({METADATA}): labels and scaling are unknown"
        )
    if entries[METADATA][4:8] != IDENTIFIER:
        raise FileError(f"its {METADATA} is none: want the identifier {IDENTIFIER.decode()}")
    size, channels, dtype = _input(model)
    try:
        source, outputs = _tensors(entries[METADATA])
        mean, std = ([], []) if dtype == "uint8" else _scaling(source, channels)
        place, name = _labelled(outputs)
    except FileError:
        raise
    except Exception as error:  # a damaged table fails wherever its offsets lead
        raise FileError(f"its {METADATA} cannot be read ({type(error).__name__})") from None
    labels = _labels(data, name)
    return Standard(size, channels, dtype, mean, std, labels, place, _steps(model, place, len(labels)))


def _input(model: Any) -> tuple[tuple[int, int], int, str]:
    """Height and width, channels and type."""
    inputs = [graph(model).tensors[int(index)] for index in graph(model).inputs]
    shape = [int(side) for side in inputs[0].shape] if len(inputs) == 1 else []
    if len(shape) != 4 or shape[0] != 1 or min(shape) < 1 or shape[3] not in (1, 3):
        raise FileError(f"it takes {shape or f'{len(inputs)} inputs'}: want one picture, 1 x height x width x 3 or 1")
    dtype = DTYPES.get(inputs[0].type, "another type")
    if dtype not in ("float32", "uint8"):
        raise FileError(f"it takes {dtype}: the phone page's runtime takes float32 and uint8 alone")
    return (shape[1], shape[2]), shape[3], dtype


def _steps(model: Any, place: int, count: int) -> tuple[float, int] | None:
    tensor = graph(model).tensors[int(graph(model).outputs[place])]
    dtype, numbers = DTYPES.get(tensor.type, "another type"), int(np.prod(tensor.shape))
    if dtype not in ("float32", "uint8"):
        raise FileError(f"it gives {dtype}: the phone page's runtime takes float32 and uint8 alone")
    if numbers != count:
        raise FileError(f"it gives {numbers} numbers and names {count} labels: want a label for each")
    if dtype == "float32":
        return None
    if tensor.quantization is None or tensor.quantization.scale is None:
        raise FileError("it gives uint8 without a scale: what its numbers stand for is unknown")
    return float(tensor.quantization.scale[0]), int(tensor.quantization.zeroPoint[0])


def _tensors(content: bytes) -> tuple["_Node", list["_Node"]]:
    """The input's metadata, and the outputs'."""
    subgraph = next(_Node.root(content).tables(SUBGRAPHS), None)
    source = next(subgraph.tables(INPUTS), None) if subgraph else None
    if subgraph is None or source is None:
        raise FileError(f"its {METADATA} describes no input")
    kind, properties = next(((one.number(0), one) for one in source.table(CONTENT)), (0, None))
    if properties is not None and kind not in (0, IMAGE_PROPERTIES):
        raise FileError(f"its {METADATA} says that it takes no picture")
    return source, list(subgraph.tables(OUTPUTS))


def _scaling(source: "_Node", channels: int) -> tuple[list[float], list[float]]:
    for unit in source.tables(PROCESS):
        if unit.number(0) == NORMALIZATION:
            for options in unit.table(1):
                mean, std = options.floats(0), options.floats(1)
                fits = len(mean) == len(std) and len(mean) in (1, channels) and np.isfinite(mean + std).all()
                if not fits or min(std) <= 0:
                    raise FileError(
                        f"its normalisation has mean {mean} and std {std}: want a number, or one per channel, of each, std above 0"
                    )
                times = channels // len(mean)
                return mean * times, std * times
    raise FileError(f"its {METADATA} does not say how pixels are scaled: want NormalizationOptions of the input")


def _labelled(outputs: list["_Node"]) -> tuple[int, str]:
    """Place of the first output with labels, and the name of their file."""
    for place, output in enumerate(outputs):
        for file in output.tables(FILES):
            if file.number(2) == AXIS_LABELS:
                return place, file.text(0)
    raise FileError(f"its {METADATA} names no labels of an output: want a file of the type TENSOR_AXIS_LABELS")


def _labels(data: bytes, name: str) -> list[str]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            if packed.getinfo(name).file_size > MOST_LABELS_BYTES:
                raise FileError(f"its labels, {name}, are above {MOST_LABELS_BYTES} bytes")
            lines = packed.read(name).decode().rstrip("\n").split("\n")
    except (
        zipfile.BadZipFile,
        KeyError,
        UnicodeDecodeError,
        NotImplementedError,
        RuntimeError,
        zlib.error,
        EOFError,
    ) as error:
        raise FileError(f"its labels, {name}, are not packed behind it as text ({type(error).__name__})") from None
    return [line.strip() or f"class {number}" for number, line in enumerate(lines)]


class _Node:
    """A table of a flatbuffer, its fields by their numbers."""

    def __init__(self, table: Table) -> None:
        self._table = table

    @classmethod
    def root(cls, content: bytes) -> "_Node":
        at = flatbuffers.encode.Get(flatbuffers.packer.uoffset, content, 0)
        return cls(Table(bytearray(content), at))

    def _at(self, field: int) -> int:
        return int(self._table.Offset(4 + 2 * field))

    def number(self, field: int) -> int:
        """A small unsigned number, 0 where it is left out."""
        at = self._at(field)
        return int(self._table.Get(number_types.Uint8Flags, at + self._table.Pos)) if at else 0

    def text(self, field: int) -> str:
        at = self._at(field)
        return self._table.String(at + self._table.Pos).decode() if at else ""

    def table(self, field: int) -> Iterator["_Node"]:
        """One table, or none."""
        if at := self._at(field):
            yield _Node(Table(self._table.Bytes, self._table.Indirect(at + self._table.Pos)))

    def tables(self, field: int) -> Iterator["_Node"]:
        at = self._at(field)
        for place in range(self._table.VectorLen(at) if at else 0):
            yield _Node(Table(self._table.Bytes, self._table.Indirect(self._table.Vector(at) + 4 * place)))

    def floats(self, field: int) -> list[float]:
        at = self._at(field)
        start = self._table.Vector(at) if at else 0
        return [
            float(self._table.Get(number_types.Float32Flags, start + 4 * place))
            for place in range(self._table.VectorLen(at) if at else 0)
        ]
