"""What no training could use: settings that contradict each other, found before torch is imported."""

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from choices import names_of, read_choice
from jobs.launch_environment import wrong_processes
from lightning_modules.backbones.spec import BackboneSpec
from metrics.lookup import metrics_of
from sweeps.records.schema import KEPT

FITS = ("fold", "all", "ensemble")


def encodings_of(targets: str) -> list[str]:
    """The choices of conf/encoding for a kind of labels."""
    return [name for name in names_of("encoding") if targets in read_choice("encoding", name)["targets"]]


def tasks_of(targets: str) -> list[str]:
    """The choices of conf/task for a kind of labels."""
    return [name for name in names_of("task") if read_choice("task", name)["targets"] == targets]


def first_problem(cfg: DictConfig, spec: BackboneSpec) -> ValueError | None:
    """The first setting that no training could use; None where all are of use."""
    limits = (
        ("resolution", cfg.resolution, spec.stride, f"{spec.name} divides it by {spec.stride}"),
        ("batch_size", cfg.batch_size, 2, "batch normalisation has no spread over one sample"),
        ("trainer.max_epochs", cfg.trainer.max_epochs, 1, "nothing would be trained"),
        ("num_stacked_seeds", cfg.num_stacked_seeds, 1, "so many seeds at once"),
        *(
            [("callbacks.patience", cfg.callbacks.patience, 1, "epochs without a lower val/loss")]
            if cfg.callbacks.patience is not None
            else []
        ),
        ("trainer.devices", cfg.trainer.devices, 1, "a process each"),
        ("trainer.num_nodes", cfg.trainer.num_nodes, 1, "machines"),
    )
    for key, value, least, why in limits:
        if value < least:
            return ValueError(f"{key}={value}: want at least {least}: {why}")
    if cfg.callbacks.ships not in KEPT:
        return ValueError(f"callbacks.ships={cfg.callbacks.ships}: want {' or '.join(KEPT)}")
    if wrong := _wrong_fit(cfg):
        return ValueError(wrong)
    if not (cfg.callbacks.keep_best or cfg.callbacks.keep_last):
        return ValueError(
            "callbacks.keep_best=false, callbacks.keep_last=false: want one of them true: no checkpoint would be kept"
        )
    if wrong := wrong_processes(cfg):
        return ValueError(wrong)
    if spec.resolutions and cfg.resolution not in spec.resolutions:
        return ValueError(
            f"resolution={cfg.resolution}: {spec.name} is made for {', '.join(map(str, spec.resolutions))}"
        )
    encoding = HydraConfig.get().runtime.choices["encoding"]
    if cfg.task.targets not in cfg.encoding.targets:
        fitting, task = ", ".join(encodings_of(cfg.task.targets)), HydraConfig.get().runtime.choices["task"]
        return ValueError(
            f"encoding={encoding}: takes {' or '.join(cfg.encoding.targets)}, task={task} has {cfg.task.targets}; want "
            f"encoding={fitting}"
        )
    if cfg.encoding.get("needs_ordered_classes") and not cfg.datamodule.get("ordered", True):
        return ValueError(
            f"encoding={encoding}: datamodule.ordered=false says that the classes have no order; want one_hot, or "
            "datamodule.ordered=true and datamodule.class_names=[best,…,worst]"
        )
    return None


def _wrong_fit(cfg: DictConfig) -> str:
    """What speaks against fit, one line; empty where nothing does."""
    if cfg.fit not in FITS:
        return f"fit={cfg.fit}: want {', '.join(FITS[:-1])} or {FITS[-1]}"
    if cfg.fit == "fold":
        return ""
    choices = HydraConfig.get().runtime.choices
    if cfg.datamodule.get("folds") is None:
        return f"fit={cfg.fit}: datamodule={choices['datamodule']} has no folds to say what may be expected"
    if cfg.fit == "ensemble" and cfg.encoding.get("weights_in_head"):
        return f"fit=ensemble: encoding={choices['encoding']} has weights of its own in every fold, which have no mean; want another, or fit=all"
    if "teacher" in cfg.method:
        return f"fit={cfg.fit}: a teacher has been tested on some of the data; want method=supervised"
    if metrics_of(choices["task"]).chooses_thresholds:
        return f"fit={cfg.fit}: task={choices['task']} chooses its thresholds by a validation set, and there is none; want another task"
    if cfg.num_stacked_seeds > 1 or cfg.trainer.devices > 1 or cfg.trainer.num_nodes > 1:
        return f"fit={cfg.fit}: is one network in one process; want num_stacked_seeds=1, trainer.devices=1 and trainer.num_nodes=1"
    return ""
