"""The root of the configuration: a misspelled key or a wrong type fails while it is composed."""

from dataclasses import dataclass, field
from typing import Annotated, Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, OmegaConf
from pydantic import Field

from choices.settings import one_of
from cli import command_schemas, file_schemas, station_schemas
from cli.command_schemas import ExportConfig
from cli.machine import jobs_at_once


@dataclass
class TrainerConfig:
    """What Lightning's Trainer is told."""

    max_epochs: Annotated[int, Field(ge=1)] = 30
    """How often the network sees the training set; 30 as in the thesis, section 4.3."""
    accelerator: Annotated[str, one_of("auto", "cpu", "gpu", "cuda", "mps")] = "auto"
    """cpu, gpu or auto."""
    strategy: Annotated[str, one_of("auto", "ddp")] = "auto"
    """auto: one process; ddp: one for each device, all on the same run."""
    devices: Annotated[int, Field(ge=1)] = 1
    """GPUs, or processes on the CPU, of one machine."""
    num_nodes: Annotated[int, Field(ge=1)] = 1
    """Machines; above 1, torchrun or srun starts train.py on each."""
    precision: Annotated[
        str, one_of("32-true", "bf16-mixed", "16-mixed", "bf16-true", "16-true", "64-true", "32", "16", "bf16", "64")
    ] = "32-true"
    """bf16-mixed is meant for GPUs and CPUs with AMX; on a CPU without AMX it measured slower (docs/speed.md)."""
    gradient_clip_val: Annotated[float, Field(gt=0)] | None = None
    """Largest norm of the gradients, None leaves them."""
    accumulate_grad_batches: Annotated[int, Field(ge=1)] = 1
    """Batches per optimizer step."""


@dataclass
class CallbacksConfig:
    """Which checkpoints are kept, and what ends or smooths a training."""

    ships: Annotated[str, one_of("last", "best")] = "last"
    """Which checkpoint is exported, predicted with and shown: last, or best. A validation set that lacks classes chooses none."""
    keep_best: bool = True
    """checkpoints/best.ckpt, by `monitor`."""
    keep_last: bool = True
    """checkpoints/last.ckpt; what an interrupted run goes on from."""
    monitor: str | None = None
    """The figure by which best.ckpt is chosen, losses and errors the lower the better; None: the task's main one."""
    patience: Annotated[int, Field(ge=1)] | None = None
    """Training ends when val/loss has not fallen for so many epochs (published for steel: 15), and the best epoch ships; None: it never ends early."""
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Validated and kept is a running average of the weights, of which this share stays at each step; None: no average."""


@dataclass
class BudgetConfig:
    """What a file of the network may cost at most; a point beyond it is recorded as over budget, and not trained."""

    ms: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Latency of one picture, ms; None: any."""
    kb: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Size of the file, kB of 1000 bytes; None: any."""
    format: str = "int8"
    """Which kind of file is meant, one of conf/quantization."""
    device: str = "host"
    """Where its latency counts: host, this machine, or a phone's name as timings have it."""


@dataclass
class HalvingConfig:
    """Asynchronous successive halving (Li et al. 2018): points of a grid that are behind others after as many epochs are stopped, as pruned."""

    reduction_factor: Annotated[int, Field(ge=2)] | None = None
    """Of the points that have come to the same epoch one in so many goes on; None: all are trained to their end."""
    min_epochs: Annotated[int, Field(ge=1)] = 3
    """Epochs before the first comparison; the next comes after reduction_factor times as many, and so on."""
    within: list[str] = field(default_factory=list)
    """Settings that compared points have in common, such as [width,resolution], beside data, fold, seed and trainer.max_epochs."""


@dataclass
class TrainConfig:
    """Groups (one choice each) and the scalars that every axis reads."""

    task: Any = MISSING
    """What is learned: which metrics, module and files."""
    method: Any = MISSING
    """What the network learns from: the labels, or what trained networks say."""
    backbone: Any = MISSING
    """The network; `backbone.weights` says what it starts from."""
    encoding: Any = MISSING
    """How labels become targets, and outputs answers; with it comes the loss."""
    datamodule: Any = MISSING
    """The data set; `datamodule.root` says where yours lies."""
    augmentation: Any = MISSING
    """How images are changed at random while training."""
    imbalance: Any = MISSING
    """What is done about rare classes."""
    optimizer: Any = MISSING
    """Which steps the weights take; `optimizer.lr` is the learning rate."""
    schedule: Any = MISSING
    """How the learning rate runs over the epochs."""
    fine_tuning: Any = MISSING
    """Which weights are trained, and from when on."""
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    """What Lightning's Trainer is told."""
    callbacks: CallbacksConfig = field(default_factory=CallbacksConfig)
    """Which checkpoints are kept, and when training ends."""
    logger: Any = None
    """Where curves are written; null or none: nowhere but into the record."""
    export: ExportConfig = field(default_factory=ExportConfig)
    """Whether phone files are part of the job."""
    format: Any = MISSING
    """The file format of what is exported."""
    quantization: Any = MISSING
    """Kinds of files that are exported, one or a list."""
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    """What a file of the network may cost at most, held against its untrained file before any training."""
    halving: HalvingConfig = field(default_factory=HalvingConfig)
    """Which points of a grid are stopped before their last epoch, by comparison with the others."""
    latency: Any = MISSING
    """Where exported files are timed, one or a list."""
    check: dict[str, Any] = field(default_factory=dict)
    """What else is asked of exported files: check=arm, or left out and nothing is."""
    paths: Any = MISSING
    """Folders: paths.runs, paths.data, paths.weights, paths.cache."""
    resolution: Annotated[int, Field(ge=1, le=8192)] | None = None
    """Side of the square input, of masks the shorter side, pixels; None takes the backbone's default."""
    width: float | None = None
    """Width multiplier; None takes the backbone's default."""
    batch_size: Annotated[int, Field(ge=2)] | None = None
    """Samples per step; None takes the backbone's default."""
    seed: Annotated[int, Field(ge=0, le=4_294_967_295)] = 0
    """Of the start, the order, the augmentation and dropout; never of the split."""
    num_stacked_seeds: Annotated[int, Field(ge=1)] = 1
    """How many seeds, from `seed` upwards, are trained at once in one process, each as by itself; for small networks."""
    fit: str = "fold"
    """fold: trained without one fold, which judges; all: on all data, as its folds were, once all of them are trained."""
    fold: Annotated[int, Field(ge=0)] = 0
    """Which fold is the test set; the validation set where the data has another test set or spares none."""
    drop_colour: bool = False
    """Train a network that takes colours out on a folder of coloured pictures all the same."""
    sweep_name: str = "adhoc"
    """Folder under paths.runs that the run's folder lies in."""
    prefetch: Annotated[int, Field(ge=0, le=100)] = 2
    """Batches augmented on a thread beside the training; 0 augments between the steps."""
    cache_on_device: bool | None = None
    """Whether all cells lie on the network's device; None: on a GPU, where they fit and nothing but it augments them."""
    autotune: Annotated[str, one_of("auto", "plain")] = "auto"
    """auto: a long training takes the precision, memory format and compiler that measure fastest here; plain: none of it."""
    overwrite: bool = False
    """Train again where a finished record says that it has been done."""
    retry_failed: bool = False
    """In a grid, try points again that failed before on the same data; a single run always tries."""
    trial: int | None = None
    """Number of the job in a search that prunes; set by hydra/sweeper=optuna."""


OF_A_RUN = ("run_folder", "run_name", "wandb_id")
"""What a logger may ask of the run; until one begins they stand for themselves, so that `--cfg job --resolve` can print."""


def register() -> None:
    """Makes the schemas known to Hydra, and what its files may ask of the machine."""
    OmegaConf.register_new_resolver("jobs_at_once", jobs_at_once, replace=True)
    for name in OF_A_RUN:
        if not OmegaConf.has_resolver(name):
            OmegaConf.register_new_resolver(name, lambda text=f"<{name}>": text)
    store = ConfigStore.instance()
    store.store(name="schema", node=TrainConfig)
    store.store(name="predict_schema", node=command_schemas.PredictConfig)
    store.store(name="cross_schema", node=command_schemas.CrossConfig)
    store.store(name="inspect_schema", node=command_schemas.InspectConfig)
    store.store(name="export_schema", node=command_schemas.ExportRunConfig)
    store.store(name="bench_schema", node=command_schemas.BenchConfig)
    store.store(name="score_schema", node=file_schemas.ScoreConfig)
    store.store(name="diff_schema", node=file_schemas.DiffConfig)
    store.store(name="ask_schema", node=file_schemas.AskConfig)
    store.store(name="web_schema", node=command_schemas.WebConfig)
    store.store(name="annotate_schema", node=command_schemas.AnnotateConfig)
    store.store(name="grade_schema", node=station_schemas.GradeConfig)
    store.store(name="retrain_schema", node=station_schemas.RetrainConfig)
    store.store(name="collect_schema", node=station_schemas.CollectConfig)
    store.store(name="station_api_schema", node=station_schemas.StationApiConfig)
    store.store(name="study_schema", node=command_schemas.StudyConfig)
    store.store(name="demo_schema", node=command_schemas.DemoConfig)
    store.store(name="quickstart_schema", node=command_schemas.QuickstartConfig)
