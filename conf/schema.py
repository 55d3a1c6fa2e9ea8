"""The root of the configuration: a misspelled key or a wrong type fails while it is composed."""

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, OmegaConf

from conf.machine import jobs_at_once


@dataclass
class TrainerConfig:
    """What Lightning's Trainer is told."""

    _target_: str = "pytorch_lightning.Trainer"
    max_epochs: int = 30
    """Thesis, section 4.3."""
    accelerator: str = "auto"
    """cpu, gpu or auto."""
    strategy: str = "auto"
    """auto: one process; ddp: one for each device, all on the same run."""
    devices: int = 1
    """GPUs, or processes on the CPU, of one machine."""
    num_nodes: int = 1
    """Machines; above 1, torchrun or srun starts train.py on each."""
    precision: str = "32-true"
    """bf16-mixed pays on GPUs and on CPUs with AMX; without, it measured slower."""
    gradient_clip_val: float | None = None
    """Largest norm of the gradients, None leaves them."""
    accumulate_grad_batches: int = 1
    """Batches per optimizer step."""


@dataclass
class CallbacksConfig:
    """The checkpoint budget."""

    keep_best: bool = True
    """checkpoints/best.ckpt, by `monitor`."""
    keep_last: bool = True
    """checkpoints/last.ckpt; what an interrupted run goes on from."""
    monitor: str = "val/accuracy"
    """The figure, the higher the better, by which the best epoch is chosen."""
    ema: float | None = None
    """Validated and kept is a running average of the weights, of which this share stays at each step; None: no average."""


@dataclass
class ExportConfig:
    """How a trained run becomes phone files."""

    enabled: bool = False
    """As part of a training job; `python -m export` does it anyway."""
    background: bool = True
    """In a grid on this machine, beside the next trainings; files are then timed after the last one."""
    checkpoint: str = "best"
    """best or last."""
    max_accuracy_drop: float = 0.01
    """A file that loses more accuracy than this against torch is marked."""


@dataclass
class TrainConfig:
    """Groups (one choice each) and the scalars that every axis reads."""

    task: Any = MISSING
    backbone: Any = MISSING
    encoding: Any = MISSING
    datamodule: Any = MISSING
    augmentation: Any = MISSING
    imbalance: Any = MISSING
    optimizer: Any = MISSING
    schedule: Any = MISSING
    fine_tuning: Any = MISSING
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    callbacks: CallbacksConfig = field(default_factory=CallbacksConfig)
    logger: Any = None
    export: ExportConfig = field(default_factory=ExportConfig)
    quantization: Any = MISSING
    latency: Any = MISSING
    paths: Any = MISSING
    resolution: int | None = None
    """Side of the square input, pixels; None takes the backbone's default."""
    width: float | None = None
    """Width multiplier; None takes the backbone's default."""
    batch_size: int | None = None
    """Samples per step; None takes the backbone's default."""
    seed: int = 0
    """Of the start, the order, the augmentation and dropout; never of the split."""
    fold: int = 0
    """Which fold is the test part."""
    sweep_name: str = "adhoc"
    """Folder under paths.runs that the run's folder lies in."""
    ahead: int = 2
    """Batches augmented on a thread beside the training; 0 augments between the steps."""
    resident: bool | None = None
    """Whether all cells lie on the network's device; None: on a GPU, where they fit and nothing but it augments them."""
    speed: str = "auto"
    """auto: a long training takes the precision, memory format and compiler that measure fastest here; plain: none of it."""
    overwrite: bool = False
    """Train again where a finished record says that it has been done."""
    retry_failed: bool = False
    """In a grid, try points again that failed before on the same data; a single run always tries."""
    trial: int | None = None
    """Number of the job in a search that prunes; set by hydra/sweeper=optuna."""


@dataclass
class PredictConfig:
    """What predict.py reads."""

    run: str = MISSING
    """A run's folder, the one with record.json, or an exported .tflite file."""
    input: str = MISSING
    """A folder of images, each one cell, or of phone photos (photos.csv and photos/)."""
    output: str | None = None
    """The csv to write; None writes predictions.csv into the input folder's name under the run."""
    checkpoint: str = "best"
    """best or last."""
    batch_size: int = 32
    """Images per step."""


@dataclass
class ExportRunConfig:
    """What `python -m export` reads."""

    run: str | None = None
    """A run's folder; None takes the best run of the latest sweep under paths.runs."""
    root: str | None = None
    """Where the run's data lies now; None takes the folder that its record names."""
    export: ExportConfig = field(default_factory=ExportConfig)
    quantization: Any = MISSING
    latency: Any = MISSING
    paths: Any = MISSING


@dataclass
class BenchConfig:
    """What `python -m export.latency` reads."""

    run: str | None = None
    """A run's folder: all its files."""
    front: str | None = None
    """A sweep's folder: the files on its front, one run of each point; None and no run: the latest sweep's."""
    files: list[str] | None = None
    """Kinds of files, such as int8; None takes all."""
    latency: Any = MISSING
    paths: Any = MISSING


@dataclass
class WebConfig:
    """What `python -m web` reads."""

    run: str | None = None
    """A run's folder: all its files."""
    front: str | None = None
    """A sweep's folder: the files on its front; None and no run: the latest sweep's."""
    files: list[str] | None = None
    """Kinds of files, such as int8; None takes all."""
    root: str | None = None
    """Where the runs' data lies now; None takes the folder that their records name."""
    host: str = "127.0.0.1"
    """What is listened on; 0.0.0.0 lets phones on the same network in."""
    port: int = 8765
    https: bool = False
    """With a certificate of an authority of this machine; cameras and threads want it, except on localhost."""
    rules: Any = MISSING
    paths: Any = MISSING


@dataclass
class GradeConfig:
    """What `python -m export.grade` reads."""

    photo: str = MISSING
    """An image file that shows a phone."""
    run: str = MISSING
    """A run's folder, or an exported .tflite file."""
    file: str | None = None
    """Which of the run's files; None takes int8, else float32."""
    corners: list[float] | None = None
    """x and y of four corners, clockwise from the start of the upper short side; None finds them."""
    json: str | None = None
    """A file to write all of it to."""
    rules: Any = MISSING


@dataclass
class QuickstartConfig:
    """What quickstart.py reads."""

    data: str | None = None
    """A folder of class folders, or of train, val and test folders of them."""
    candidates: list[str] = field(default_factory=list)
    """Backbones as overrides, from cheap to dear."""
    common: list[str] = field(default_factory=list)
    """Overrides of every training."""
    most: int = 3
    """How many are trained."""
    epochs: int | None = None
    """Of each training; None: by the number of pictures."""
    sweep_name: str | None = None
    """Folder under paths.runs; None: try-<name of the data's folder>."""
    paths: Any = MISSING


@dataclass
class StudyStages:
    """What a study consists of."""

    sweep_name: str = MISSING
    """Folder under paths.runs that all its runs lie in."""
    common: list[str] = field(default_factory=list)
    """Overrides of every training."""
    screen: list[list[str]] = field(default_factory=list)
    """The grids of stage 1, each a list of overrides."""
    most_finalists: int = 3
    """How many points of the front go on."""
    seeds: int = 1
    """Repetitions of every point of stage 2."""
    beyond: list[str] = field(default_factory=list)
    """Grids after stage 2, each one override."""


@dataclass
class StudyConfig:
    """What study.py reads."""

    study: StudyStages = field(default_factory=StudyStages)
    paths: Any = MISSING
    finalists: list[str] | None = None
    """Overrides of each finalist, such as "backbone=mobilenet width=0.5 resolution=128"; None asks the front."""
    common: list[str] = field(default_factory=list)
    """More overrides of every training."""
    photos: str | None = None
    """A folder of real phone photos on which the finalists are trained too, 5 folds."""
    dry_run: bool = False
    """Print the commands and run none."""


def register() -> None:
    """Makes the schemas known to Hydra, and what its files may ask of the machine."""
    OmegaConf.register_new_resolver("jobs_at_once", jobs_at_once, replace=True)
    store = ConfigStore.instance()
    store.store(name="schema", node=TrainConfig)
    store.store(name="predict_schema", node=PredictConfig)
    store.store(name="export_schema", node=ExportRunConfig)
    store.store(name="bench_schema", node=BenchConfig)
    store.store(name="web_schema", node=WebConfig)
    store.store(name="grade_schema", node=GradeConfig)
    store.store(name="study_schema", node=StudyConfig)
    store.store(name="quickstart_schema", node=QuickstartConfig)
