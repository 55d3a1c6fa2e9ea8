"""A composed configuration as one point of the grid: its defaults filled in, its hash, its folder. No torch here."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from choices import names_of
from datamodules.base.errors import DataError
from jobs.config_hash import config_hash, excluded_keys
from jobs.initial_weights import initial_weights_of
from jobs.teachers import identity, teachers_of
from jobs.validation import first_problem
from lightning_modules.backbones.spec import BackboneSpec, InitialWeights, ModelError, WeightsError
from metrics.base import TaskMetrics
from metrics.lookup import metrics_of
from sweeps.records.run_record import RecordError

FIRST = ("backbone", "backbone.model", "width", "resolution", "encoding", "augmentation", "imbalance", "fold", "seed")
"""What a folder's name begins with: long names are cut."""


@dataclass(frozen=True)
class Job:
    """What one job is, before anything runs."""

    cfg: DictConfig
    """The composed configuration, defaults filled in: what `train.py` hands on."""
    config: dict[str, Any]
    """The same as plain values, without the logger: what the record keeps."""
    hash: str
    """64 hex digits over what changes the result."""
    axes: dict[str, Any]
    """Choices and scalars by which tables tell runs apart."""
    folder: Path
    spec: BackboneSpec
    start: InitialWeights | None
    not_applicable: str = ""
    """Why the point cannot exist, empty where it can."""
    problem: ValueError | None = None
    """What is wrong with the point, one line; None where nothing is."""

    @property
    def identity(self) -> dict[str, Any]:
        """What the run's record says of it from the first moment."""
        start = self.start and {**self.start.identity, "padding": self.start.padding,
                                "mean": list(self.start.mean), "std": list(self.start.std), "eps": self.start.eps}  # fmt: skip
        return {
            "config": self.config,
            "config_hash": self.hash,
            "axes": self.axes,
            **({"choices": self.choices} if self.choices else {}),
            "main_figure": f"val/{self.metrics.main}",
            "direction": self.metrics.direction,
            "seed": self.config["seed"],
            "overrides": OmegaConf.to_container(HydraConfig.get().overrides.task, resolve=False),
            "initial_weights": start or {},
        }

    @property
    def choices(self) -> dict[str, str]:
        """Choices of conf/ that its axes call otherwise: of a library's network they have the network's name."""
        return {"backbone": self.spec.library} if self.spec.library else {}

    @property
    def metrics(self) -> TaskMetrics:
        """How its answers are judged."""
        return metrics_of(self.axes["task"])

    @property
    def title(self) -> str:
        """The point in words, for pictures."""
        axes = self.axes
        origin = self.start.origin if self.start else ""
        shape = f"{axes['backbone']} {axes['width']:g} at {axes['resolution']} px"
        return f"{shape}, {axes['encoding']}, {axes['datamodule']} fold {axes['fold']}, seed {axes['seed']}, initial weights {origin}"


def make_job(cfg: DictConfig) -> Job:
    """Fills in the backbone's defaults (also in `cfg`), finds the start and names the folder.

    A point that is wrong still gets a folder, so that its record can say what is wrong.
    """
    spec, unknown = _spec(cfg)
    cfg.width = spec.default_width if cfg.width is None else cfg.width
    cfg.resolution = spec.default_resolution if cfg.resolution is None else cfg.resolution
    cfg.batch_size = spec.default_batch_size if cfg.batch_size is None else cfg.batch_size
    metrics = metrics_of(str(HydraConfig.get().runtime.choices["task"]))
    cfg.callbacks.monitor = cfg.callbacks.monitor or f"val/{metrics.main}"
    exists = cfg.width in spec.widths
    widths = ", ".join(f"{width:g}" for width in spec.widths)
    reason = "" if exists else f"width={cfg.width:g}: {spec.name} comes at {widths}"
    problem = unknown or first_problem(cfg, spec)
    start: InitialWeights | None = None
    if exists and problem is None:
        try:
            start = initial_weights_of(cfg, spec)
        except (WeightsError, RecordError) as error:
            problem = error
    plain = _plain(cfg)
    if "teacher" in cfg.method and problem is None:
        try:
            plain["method"]["teacher_sha256"] = identity(teachers_of(cfg))
        except RecordError as error:
            problem = error
    unlabelled = cfg.task.get("unlabelled")
    if unlabelled and problem is None:
        from datamodules.unlabelled.pictures import content_digest  # half a second that most runs can spare

        try:
            plain["method"]["unlabelled_sha256"] = content_digest(Path(str(unlabelled)))
        except DataError as error:
            problem = error
    digest = config_hash(plain, HydraConfig.get().runtime.choices, start)
    return Job(cfg, plain, digest, _axes(cfg, spec), _folder(cfg, digest), spec, start, reason, problem)


def _spec(cfg: DictConfig) -> tuple[BackboneSpec, ModelError | None]:
    """What is known of the backbone, in `cfg` too where its library has been asked; and what is wrong with the network named there."""
    spec = BackboneSpec.from_config(OmegaConf.to_container(cfg.backbone.spec, resolve=True))  # type: ignore[arg-type]
    if not spec.library:
        return spec, None
    from lightning_modules.backbones.timm_models import spec_of  # seconds, torch among them

    try:
        spec = spec_of(str(cfg.backbone.model), spec, cfg.resolution)
    except ModelError as error:
        return replace(spec, name=str(cfg.backbone.model)), error
    cfg.backbone.spec = spec.plain
    return spec, None


def fold_hash(job: Job, fold: int) -> str:
    """The configuration hash of the same job, trained without one of its folds."""
    cfg = job.cfg.copy()
    cfg.update({"fit": "fold", "fold": fold})
    return config_hash(_plain(cfg), HydraConfig.get().runtime.choices, job.start)


def _plain(cfg: DictConfig) -> dict[str, Any]:
    kept = OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "logger"])
    return OmegaConf.to_container(kept, resolve=True)  # type: ignore[return-value]


def changes_result(cfg: DictConfig, key: str, value: str = "") -> bool:
    """Whether a setting of the command line can change what a run comes to."""
    free = excluded_keys(cfg.datamodule) - {"backbone.weights"}
    return (key, value) != ("trainer", "ddp") and not any(key == one or key.startswith(f"{one}.") for one in free)


def _overrides(cfg: DictConfig) -> list[tuple[str, str]]:
    # as they are written: what names a run by ${seed} or ${fold} is one choice for all of them
    given: list[str] = OmegaConf.to_container(HydraConfig.get().overrides.task, resolve=False)  # type: ignore[assignment]
    pairs = [override.lstrip("+~").partition("=") for override in given]
    # a choice at a place of its own, quantization@format.station.quantizations.int8, is one of its group
    named = [(key.partition("@")[0], _unquoted(value)) for key, equals, value in pairs if equals]
    return [pair for pair in named if changes_result(cfg, *pair)]


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value


def _axes(cfg: DictConfig, spec: BackboneSpec) -> dict[str, Any]:
    choices = HydraConfig.get().runtime.choices
    groups = {name: choice for name, choice in choices.items() if name in cfg and changes_result(cfg, name)}
    groups.pop("callbacks", None)
    groups |= {"trainer": "default"} if choices.get("trainer") == "ddp" else {}
    if spec.library:  # two of them shall not bear one name
        groups["backbone"] = f"{spec.library} {spec.name}" if spec.name in names_of("backbone") else spec.name
    scalars = {name: cfg[name] for name in ("resolution", "width", "batch_size", "seed", "fold")}
    others: dict[str, Any] = {"fit": cfg.fit} if cfg.fit != "fold" else {}
    others |= {
        key: value for key, value in _overrides(cfg) if "." in key and not (spec.library and key == "backbone.model")
    }
    # as it is written: a pattern that names a teacher by ${fold} is one choice for all folds
    if teacher := OmegaConf.to_container(cfg.method, resolve=False).get("teacher"):  # type: ignore[union-attr]
        names = [teacher] if isinstance(teacher, str) else list(teacher)
        others["method.teacher"] = ", ".join(Path(str(name)).name for name in names)
    if unlabelled := OmegaConf.to_container(cfg.task, resolve=False).get("unlabelled"):  # type: ignore[union-attr]
        others["task.unlabelled"] = Path(str(unlabelled)).name
    return {**groups, **scalars, **others}


def _folder(cfg: DictConfig, digest: str) -> Path:
    sweep = Path(str(cfg.paths.runs)) / str(cfg.sweep_name)
    existing = sorted(sweep.glob(f"*-{digest[:8]}"))
    if existing:
        return existing[0]
    # No = or comma: the folder's name has to pass as a value on a later command line.
    words = _overrides(cfg)
    if cfg.get("num_stacked_seeds", 1) > 1:
        words = [pair for pair in words if pair[0] != "seed"] + [("seed", str(cfg.seed))]
    named = sorted(words, key=lambda pair: FIRST.index(pair[0]) if pair[0] in FIRST else len(FIRST))
    joined = "+".join(f"{key.rpartition('.')[2]}-{Path(value).name}" for key, value in named)
    readable = "".join(c if c.isalnum() or c in "+._-" else "_" for c in joined) or "defaults"
    return sweep / f"{readable[:120]}-{digest[:8]}"
