"""What the commands beside train.py read, with types: a misspelled key or a wrong type fails at composition."""

from dataclasses import dataclass, field
from typing import Annotated, Any

from omegaconf import MISSING
from pydantic import Field

from choices.settings import one_of


@dataclass
class ExportConfig:
    """How a trained run becomes phone files."""

    enabled: bool = False
    """As part of a training job; `python -m export` does it anyway."""
    background: bool = True
    """In a grid on this machine, beside the next trainings; files are then timed after the last one."""
    checkpoint: Annotated[str, one_of("shipped", "best", "last")] = "shipped"
    """shipped, the one whose figures the table shows (callbacks.ships); or best or last."""
    max_accuracy_drop: Annotated[float, Field(ge=0, le=1)] = 0.01
    """A file that loses more accuracy than this against torch is marked."""
    most_missed: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Files of graders say whom to ask, so that no more of a phone's damage is expected to pass; None: they do not."""


@dataclass
class PredictConfig:
    """What predict.py reads."""

    run: str = MISSING
    """A run's folder, the one with record.json, or an exported .tflite file."""
    input: str = MISSING
    """A folder of images, each one cell or a photo of a whole phone, or of phone photos (photos.csv and photos/)."""
    pictures: Annotated[str, one_of("auto", "cells", "phones")] = "auto"
    """What images without photos.csv are to a network of cells: cells, phones (outlines are found), or auto, by their looks."""
    output: str | None = None
    """The csv to write; None writes predictions.csv into the input folder's name under the run."""
    checkpoint: Annotated[str, one_of("shipped", "best", "last")] = "shipped"
    """shipped, the one whose figures the table shows (callbacks.ships); or best or last."""
    batch_size: Annotated[int, Field(ge=1, le=100_000)] = 32
    """Images per step."""
    min_pixels: Annotated[int, Field(ge=0)] | None = None
    """Of masks: a class of fewer pixels of a picture is not there; None leaves it to min_share."""
    min_share: Annotated[float, Field(ge=0, le=1)] | None = None
    """The same as a share of the picture; None: where min_pixels is None too, 200 of 102,400 as published, by which the figures count as well."""


@dataclass
class CrossConfig:
    """What `python -m pipelines cross` reads."""

    folder: str = MISSING
    """A sweep's, with runs on two or more data sets of one task."""
    checkpoint: Annotated[str, one_of("shipped", "best", "last")] = "shipped"
    """shipped, the one whose figures the table shows (callbacks.ships); or best or last."""


@dataclass
class InspectConfig:
    """What `python -m inspection` reads."""

    run: str = MISSING
    """A run's folder."""
    image: str | None = None
    """An image file; its largest centred square, or all of it where the run was trained on whole cells or sheets."""
    pair: str | None = None
    """Another one beside it, rendered beside real, say."""
    set: str | None = None
    """A folder of images, or of phone photos (photos.csv): its distance to `against` is measured, layer by layer."""
    against: str | None = None
    """The folder that `set` is measured against."""
    layers: list[str] | None = None
    """Module paths; None takes the last layer at each size of map."""
    cam_method: str = "GradCAM"
    """Of the class-activation maps: GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM, XGradCAM, EigenCAM, EigenGradCAM, ScoreCAM."""
    cam_layer: str | None = None
    """Where they are taken; None: at the last of the layers."""
    target: str | None = None
    """Name of the class that they speak for; None: what the network answers."""
    max_count: Annotated[int, Field(ge=4)] = 400
    """Images of each folder at most, drawn at random; at least 4."""
    checkpoint: Annotated[str, one_of("shipped", "best", "last")] = "shipped"
    """shipped, the one whose figures the table shows (callbacks.ships); or best or last."""


@dataclass
class ExportRunConfig:
    """What `python -m export` reads."""

    run: str | None = None
    """A run's folder; None takes the best run of the latest sweep under paths.runs."""
    root: str | None = None
    """Where the run's data lies now; None takes the folder that its record names."""
    export: ExportConfig = field(default_factory=ExportConfig)
    """What is marked, and which checkpoint is taken."""
    format: Any = MISSING
    """The file format of what is exported."""
    quantization: Any = MISSING
    """Kinds of files that are exported, one or a list."""
    latency: Any = MISSING
    """Where exported files are timed, one or a list."""
    check: dict[str, Any] = field(default_factory=dict)
    """What else is asked of exported files: check=arm, or left out and nothing is."""
    paths: Any = MISSING
    """Folders: paths.runs, paths.data, paths.weights, paths.cache."""


@dataclass
class BenchConfig:
    """What `python -m export.latency` reads."""

    run: str | None = None
    """A run's folder: all its files."""
    pareto_of: str | None = None
    """A sweep's folder: the files on its front, one run of each point; None and no run: the latest sweep's."""
    files: list[str] | None = None
    """Kinds of files, such as int8; None takes all."""
    root: str | None = None
    """Where the runs' data lies now, for a check; None takes the folder that their records name."""
    latency: Any = MISSING
    """Where exported files are timed, one or a list."""
    check: dict[str, Any] = field(default_factory=dict)
    """What else is asked of exported files: check=arm, or left out and nothing is."""
    paths: Any = MISSING
    """Folders: paths.runs, paths.data, paths.weights, paths.cache."""


@dataclass
class WebConfig:
    """What `python -m web` reads."""

    run: Any = None
    """A run's folder, all its files, or a .tflite file; of a list of both: every file, and of a run the file that is recommended."""
    pareto_of: str | None = None
    """A sweep's folder: the files on its front; None and no run: the latest sweep's."""
    files: list[str] | None = None
    """Kinds of runs' files, such as int8; None takes all, of several runs the recommended ones."""
    root: str | None = None
    """Where the runs' data lies now; None takes the folder that their records name."""
    host: str = "127.0.0.1"
    """What is listened on; 0.0.0.0 lets phones on the same network in."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8765
    """Of the page."""
    https: bool = False
    """With a certificate of an authority of this machine; cameras and threads want it, except on localhost."""
    datamodule: Any = None
    """Set by profile=, whose rules are followed in place of the networks' own."""
    paths: Any = MISSING
    """Folders: paths.runs, paths.data, paths.weights, paths.cache."""


@dataclass
class AnnotateConfig:
    """What `python -m annotation serve` reads."""

    data: str = MISSING
    """A folder of photos; the tables that training reads are written into it."""
    annotator: str | None = None
    """Whose grades these are; None lets the page ask."""
    round: Annotated[int, Field(ge=1)] = 1
    """Which time the annotator goes through the photos; every round has an order of its own."""
    run: str | None = None
    """A run's folder or an exported .tflite file: its grades are proposed, the least sure photos come first."""
    checkpoint: Annotated[str, one_of("shipped", "best", "last")] = "shipped"
    """Of a run: shipped, best or last."""
    host: str = "127.0.0.1"
    """What is listened on; 0.0.0.0 lets others on the same network annotate as well."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8766
    """Of the page."""
    https: bool = False
    """With a certificate of an authority of this machine."""
    fold: int = 0
    """The data set's configuration wants one; it changes nothing here."""
    datamodule: Any = MISSING
    """Its class_names, rows, columns, cell_px, device and rules are what is annotated; profile= sets them."""
    paths: Any = MISSING
    """Folders: paths.runs, paths.data, paths.weights, paths.cache."""


@dataclass
class QuickstartConfig:
    """What `python -m pipelines quickstart` reads."""

    data: str | None = None
    """A folder of class folders, or of train, val and test folders of them."""
    candidates: list[str] = field(default_factory=list)
    """Backbones as overrides, from cheap to dear."""
    common: list[str] = field(default_factory=list)
    """Overrides of every training."""
    max_count: Annotated[int, Field(ge=1)] = 3
    """How many are trained."""
    epochs: Annotated[int, Field(ge=1)] | None = None
    """Of each training; None: by the number of pictures."""
    sweep_name: str | None = None
    """Folder under paths.runs; None: try-<name of the data's folder>."""
    paths: Any = MISSING
    """Folders: paths.runs, paths.data, paths.weights, paths.cache."""


@dataclass
class DemoConfig:
    """What `python -m pipelines demo` reads."""

    networks: list[str] = field(default_factory=list)
    """Folders of runs that are held against the grid as they are; the last one grades the first photo."""
    reference: str = MISSING
    """Words of `train.py -m`: a training that stands beside the grid."""
    grid: str = MISSING
    """Words of `train.py -m`."""
    sweep_name: str = "demo"
    """Folder under paths.runs."""
    paths: Any = MISSING
    """Folders: paths.runs, paths.data, paths.weights, paths.cache."""


@dataclass
class StudyStages:
    """What a study consists of."""

    sweep_name: str = MISSING
    """Folder under paths.runs that all its runs lie in."""
    common: list[str] = field(default_factory=list)
    """Overrides of every training."""
    screen: list[list[str]] = field(default_factory=list)
    """The grids of stage 1, each a list of overrides."""
    most_finalists: Annotated[int, Field(ge=1)] = 3
    """How many points of the front go on."""
    seeds: Annotated[int, Field(ge=1)] = 1
    """Repetitions of every point of stage 2."""
    beyond: list[str] = field(default_factory=list)
    """Grids after stage 2, each one override."""


@dataclass
class StudyConfig:
    """What `python -m pipelines study` reads."""

    study: StudyStages = field(default_factory=StudyStages)
    """Its stages: reduced for a CPU, full for a GPU."""
    paths: Any = MISSING
    """Folders: paths.runs, paths.data, paths.weights, paths.cache."""
    finalists: list[str] | None = None
    """Overrides of each finalist, such as "backbone=mobilenet width=0.5 resolution=128"; None asks the front."""
    common: list[str] = field(default_factory=list)
    """More overrides of every training."""
    photos: str | None = None
    """A folder of real phone photos on which the finalists are trained too, 5 folds."""
    profile: str | None = None
    """Of these photos: a choice in conf/profile; None: phone."""
    dry_run: bool = False
    """Print the commands and run none."""
