"""A file from anywhere that gives one of some classes to a picture, called alike whatever its size, scaling and order of labels."""

import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from export.backends import Array, Backend
from export.flatbuffer import FileError
from export.foreign.opened import opened

SCALINGS = {"0..255": (0.0, 1.0), "0..1": (0.0, 255.0), "-1..1": (127.5, 127.5)}
"""What pixels from 0 to 255 are made: less the first number, divided by the second."""
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
"""Mean and standard deviation, of pixels from 0 to 1."""


@dataclass(frozen=True)
class Told:
    """What a person says of a file; None is read from it, where it can be."""

    scaling: str | None = None
    """One of SCALINGS, or imagenet."""
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None
    """A number per channel, of pixels that `scaling` has scaled."""
    labels: Sequence[str] | None = None
    """In the file's order."""
    output: str | None = None
    size: Sequence[int] | None = None
    """Height and width, pixels."""


@dataclass(frozen=True)
class ClassFile:
    """A file with all that has to be known of it."""

    path: Path
    backend: Backend = field(repr=False)
    size: tuple[int, int]
    labels: list[str]
    """Of its output, in its order."""
    scaling: str
    """In words."""
    output: str
    _offset: npt.NDArray[np.float32] = field(repr=False)
    _factor: npt.NDArray[np.float32] = field(repr=False)

    @classmethod
    def of(cls, path: Path, told: Told, class_names: Sequence[str], threads: int = 2) -> "ClassFile":
        """Opens a file.

        Args:
            path: .tflite, .onnx or .keras.
            told: what its maker knows and the file does not say.
            class_names: those that it must answer with, in whatever order.
            threads: of the runtime.

        Raises FileError, one line, for what is wrong or has to be said.

        """
        backend = opened(path, threads)
        output = _output(path, backend, told.output, len(class_names))
        labels = _labels(path, backend, told.labels, class_names)
        scaling, offset, factor = _scaling(path, backend, told)
        return cls(path, backend, _size(path, backend, told.size), labels, scaling, output, offset, factor)

    def pixels(self, image: npt.NDArray[np.uint8]) -> Array:
        """Raw RGB `(H, W, 3)` → the file's input, the batch first."""
        values = (image[None].astype(np.float32) - self._offset) * self._factor
        if _channels_first(self.backend):
            values = values.transpose(0, 3, 1, 2)
        kind = self.backend.dtype
        if self.backend.quantization:
            scale, zero = self.backend.quantization
            values = values / scale + zero
        if np.issubdtype(kind, np.integer):
            limits = np.iinfo(kind)
            values = np.clip(np.rint(values), limits.min, limits.max)
        return np.ascontiguousarray(values, kind)

    def grade(
        self, images: Iterable[npt.NDArray[np.uint8]], class_names: Sequence[str]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Raw RGB images `(H, W, 3)` → places in `class_names` `(N,)` and probabilities `(N, K)` in their order.

        Outputs that are no probabilities are taken for logits. Raises FileError for answers that are not finite.
        """
        rows, chosen = [], []
        for image in images:
            given = self.backend.run(self.pixels(image))
            rows.append(np.asarray(given[self.output], np.float64).reshape(-1))
            if self.backend.described and "grade" in given:  # gridlite's own decode into one class themselves
                grade = np.asarray(given["grade"]).reshape(-1)
                chosen.append(int(grade[0] if grade.size == 1 else grade.argmax()))
        values = np.array(rows)
        if not np.isfinite(values).all():
            raise FileError(f"{self.path}: its answers are not finite numbers; is scaling={self.scaling} right?")
        order = [self.labels.index(name) for name in class_names]
        place = np.argsort(order)
        shares = _probabilities(values)
        grades = place[np.array(chosen, int)] if chosen else place[values.argmax(axis=1)]
        return np.asarray(grades, np.int64), shares[:, order]


def _probabilities(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    if values.min() >= -1e-6 and np.allclose(values.sum(axis=1), 1, atol=0.02):  # int8 outputs are that coarse
        return values
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _channels_first(backend: Backend) -> bool:
    return backend.shape[3] != 3 and backend.shape[1] == 3


def _size(path: Path, backend: Backend, told: Sequence[int] | None) -> tuple[int, int]:
    first = _channels_first(backend)
    channels, sides = (backend.shape[1], backend.shape[2:]) if first else (backend.shape[3], backend.shape[1:3])
    if channels != 3:
        raise FileError(
            f"{path}: its input has {channels or 'no fixed number of'} channels; want 3, red, green and blue"
        )
    if None in sides and told is None:
        raise FileError(f"{path}: it takes pictures of any size: want size=<height and width it was trained at>")
    wanted = tuple(told) if told is not None else sides
    if len(wanted) != 2 or any(side is None or side < 1 for side in wanted):
        raise FileError(f"{path}: size={list(wanted)}: want height and width in pixels, such as [224,224]")
    if any(have is not None and have != want for have, want in zip(sides, wanted, strict=True)):
        raise FileError(f"{path}: size={list(wanted)}: it takes {sides[0]} x {sides[1]} alone")
    return int(wanted[0] or 0), int(wanted[1] or 0)


def _output(path: Path, backend: Backend, told: str | None, classes: int) -> str:
    listed = ", ".join(f"{name} {list(shape)}" for name, shape in backend.outputs.items())
    if told is not None and told not in backend.outputs:
        raise FileError(f"{path}: output={told}: it gives {listed}")
    if told is None and backend.described and "probabilities" in backend.outputs:
        told = "probabilities"
    fitting = [name for name, shape in backend.outputs.items() if _numbers(shape) == classes]
    if told is not None and told not in fitting:
        raise FileError(
            f"{path}: output={told}: it is not {classes} numbers, one for each class; the file gives {listed}"
        )
    if told is None and not fitting:
        raise FileError(f"{path}: none of its outputs is {classes} numbers, one for each class; it gives {listed}")
    if told is None and len(fitting) > 1:
        raise FileError(
            f"{path}: {len(fitting)} outputs may be the classes': want output=<one of {', '.join(fitting)}>"
        )
    return told or fitting[0]


def _numbers(shape: Sequence[int | None]) -> int:
    return int(np.prod([side or 1 for side in shape[1:]])) if len(shape) > 1 else 0


def _labels(path: Path, backend: Backend, told: Sequence[str] | None, wanted: Sequence[str]) -> list[str]:
    read = backend.described.get("labels") or _packed_labels(path)
    found = [str(name) for name in (told if told is not None else read or [])]
    right = f"[{','.join(wanted)}]"
    if not found:
        raise FileError(f"{path}: it does not name its classes: want labels=<{right} in its order>")
    if sorted(found) != sorted(wanted):
        odd = sorted(set(found) - set(wanted)) or sorted(set(wanted) - set(found)) or found
        whose = "labels" if told is not None else "the labels in it"
        raise FileError(f"{path}: {whose}: {', '.join(odd)} does not fit the data; want labels=<{right} in its order>")
    return found


def _packed_labels(path: Path) -> list[str]:
    """Of TensorFlow Lite's metadata, which packs a text of them behind the file as a zip."""
    if not zipfile.is_zipfile(path) or path.suffix == ".keras":
        return []
    with zipfile.ZipFile(path) as packed:
        texts = [one for one in packed.infolist() if one.filename.endswith(".txt") and one.file_size < 1_000_000]
        return packed.read(texts[0]).decode(errors="replace").split("\n")[:-1] if len(texts) == 1 else []


def _scaling(path: Path, backend: Backend, told: Told) -> tuple[str, npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    known = ", ".join([*SCALINGS, "imagenet"])
    name = told.scaling or _read_scaling(backend)
    if name is None:
        raise FileError(
            f"{path}: it does not say how pixels are scaled: want scaling=<one of {known}>, or with mean= and std= as well"
        )
    if name not in (*SCALINGS, "imagenet"):
        raise FileError(f"{path}: scaling={name}: want one of {known}")
    mean, std = (told.mean, told.std) if name != "imagenet" else IMAGENET
    if (mean is None) != (std is None) or any(len(one) not in (1, 3) for one in (mean, std) if one is not None):
        raise FileError(f"{path}: mean= and std= go together: want a number, or one per channel, of each")
    low, by = SCALINGS["0..1" if name == "imagenet" else name]
    offset: npt.NDArray[np.float32] = np.full(3, low, np.float32)
    factor: npt.NDArray[np.float32] = np.full(3, 1 / by, np.float32)
    if mean is not None and std is not None:
        if min(std) <= 0:
            raise FileError(f"{path}: std={list(std)}: want numbers above 0")
        offset = np.asarray(offset + np.asarray(mean, np.float32) * by, np.float32)
        factor = np.asarray(factor / np.asarray(std, np.float32), np.float32)
    words = name if name == "imagenet" or mean is None or std is None else f"{name}, mean {list(mean)}, std {list(std)}"
    return words, offset, factor


def _read_scaling(backend: Backend) -> str | None:
    """Of a gridlite file, whose scaling is inside; of an integer input by what its numbers stand for."""
    if backend.described:
        return "0..255"
    if not np.issubdtype(backend.dtype, np.integer):
        return None
    if backend.quantization is None:
        return "0..255" if backend.dtype == np.uint8 else None
    limits, (scale, zero) = np.iinfo(backend.dtype), backend.quantization
    ends = (limits.min - zero) * scale, (limits.max - zero) * scale
    wanted: Mapping[str, tuple[float, float]] = {"0..255": (0, 255), "0..1": (0, 1), "-1..1": (-1, 1)}
    fits = [name for name, (low, high) in wanted.items() if np.allclose(ends, (low, high), atol=0.02 * (high - low))]
    return fits[0] if fits else None


def described(file: ClassFile) -> dict[str, Any]:
    """What tables and records say of it."""
    return {
        "name": file.path.name, "format": file.path.suffix[1:], "size": list(file.size), "labels": file.labels,
        "scaling": file.scaling, "output": file.output, "runtime": file.backend.runtime,
    }  # fmt: skip
