"""What no training could use: settings that contradict each other, found before torch is imported."""

from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig

from choices import names_of, read_choice
from datamodules.base.errors import DataError
from jobs.launch_environment import wrong_processes
from lightning_modules.backbones.spec import BackboneSpec

if TYPE_CHECKING:
    from choices import names_of, read_choice
from datamodules.base.samples import Samples


def encodings_of(cfg: DictConfig) -> list[str]:
    """The choices of conf/encoding that are for its task."""
    task = cfg.task.get("samples", "grading")
    return [name for name in names_of("encoding") if read_choice("encoding", name).get("task", "grading") == task]


def samples_of(cfg: DictConfig) -> "Samples":
    """The configured data set, checked. Raises DataError, also where the task has no use for it."""
    samples: Samples = instantiate(cfg.datamodule).load()
    choices = HydraConfig.get().runtime.choices
    if samples.task != cfg.task.get("samples", "grading"):
        raise DataError(
            f"datamodule={choices['datamodule']}: is for task={samples.task}, not for task={choices['task']}"
        )
    samples.must_fit(cfg.resolution, cfg.backbone.spec.get("stride", 32))
    return samples


def _problem(cfg: DictConfig, spec: BackboneSpec) -> ValueError | None:
    """The first setting that no training could use."""
    limits = (
        ("resolution", cfg.resolution, spec.stride, f"{spec.name} divides it by {spec.stride}"),
        ("batch_size", cfg.batch_size, 2, "batch normalisation has no spread over one sample"),
        ("trainer.max_epochs", cfg.trainer.max_epochs, 1, "nothing would be trained"),
        ("stack", cfg.stack, 1, "so many seeds at once"),
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
    if wrong := wrong_processes(cfg):
        return ValueError(wrong)
    if spec.resolutions and cfg.resolution not in spec.resolutions:
        return ValueError(
            f"resolution={cfg.resolution}: {spec.name} is made for {', '.join(map(str, spec.resolutions))}"
        )
    if cfg.task.get("mixup") and cfg.datamodule.get("severity") is False and cfg.datamodule.copies:
        return ValueError(
            f"task.mixup={cfg.task.mixup}: cells that may be of several grades (datamodule.severity=false) cannot be blended; want 0"
        )
    choices = HydraConfig.get().runtime.choices
    encoding, task = choices["encoding"], choices["task"]
    if (meant := cfg.encoding.get("task", "grading")) != cfg.task.get("samples", "grading"):
        fitting = ", ".join(encodings_of(cfg))
        return ValueError(f"encoding={encoding}: is for task={meant}, not for task={task}; want encoding={fitting}")
    if not cfg.datamodule.get("ordered", True) and encoding != "one_hot":
        return ValueError(
            f"encoding={encoding}: datamodule.ordered=false says that the classes have no order; want one_hot, or "
            "datamodule.ordered=true and datamodule.class_names=[best,…,worst]"
        )
    return None
