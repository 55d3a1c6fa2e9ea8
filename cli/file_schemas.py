"""What the commands that judge finished files read, with types, as command_schemas.py has those of the others."""

from dataclasses import dataclass
from typing import Annotated, Any

from omegaconf import MISSING
from pydantic import Field


@dataclass
class FileWords:
    """What a person says of a file from elsewhere; null: it is read from the file."""

    scaling: str | None = None
    """Of pixels: 0..255, 0..1, -1..1 or imagenet (0..1, less ImageNet's mean, by its deviation)."""
    mean: list[float] | None = None
    """Taken from the scaled pixels: one number, or one of red, green and blue each."""
    std: list[float] | None = None
    """What is left is divided by this: one number, or three."""
    labels: list[str] | None = None
    """Names of the classes in the order of the file's output."""
    output: str | None = None
    """Which output holds a number for each class, where several may."""
    size: list[int] | None = None
    """Height and width in pixels, of a file that takes any."""


@dataclass
class ScoreConfig(FileWords):
    """What `python -m export score` reads."""

    file: str = MISSING
    """A .tflite, .onnx or .keras file that gives each picture one of the classes."""
    run: str = MISSING
    """A run's folder: its validation and test sets are what the file is scored on, its sweep shows it."""
    name: str | None = None
    """What tables call it behind the word foreign; null takes the file's name."""
    root: str | None = None
    """Where the run's data lies now; null takes the folder that its record names."""
    latency: Any = MISSING
    """Where the file is timed, one or a list."""
    paths: Any = MISSING
    """Folders: paths.runs, paths.data, paths.weights, paths.cache."""


@dataclass
class DiffConfig(FileWords):
    """What `python -m export diff` reads."""

    old: str = MISSING
    """The file that is in use."""
    new: str = MISSING
    """The file that would replace it."""
    data: str = MISSING
    """A run's folder (its validation and test sets), a folder of class folders, or of phone photos (photos.csv)."""
    max_loss: float = 0.01
    """Of accuracy and of macro F1, on any part: exit code 1 where the new file loses more."""
    table: str | None = None
    """The csv of the pictures whose answer changed; null: changed-<old>-<new>.csv."""
    ordered: bool = True
    """Of a folder: the first class is the undamaged one, and all others are damage."""
    root: str | None = None
    """Where a run's data lies now; null takes the folder that its record names."""
    paths: Any = MISSING
    """Folders: paths.runs, paths.data, paths.weights, paths.cache."""


@dataclass
class AskConfig:
    """What `python -m export ask` reads."""

    run: str = MISSING
    """A run's folder, whose files have been made."""
    most_missed: Annotated[float, Field(gt=0, lt=1)] = MISSING
    """The share of a damaged phone's damage that may be expected to pass as undamaged."""
    files: list[str] | None = None
    """Kinds of files, such as int8; null takes all."""
