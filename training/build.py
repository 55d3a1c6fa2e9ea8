"""From a resolved configuration to what it describes. torch is imported here, so this is called late."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from hydra.utils import get_method, instantiate
from omegaconf import DictConfig, OmegaConf

from lightning_modules.backbones.spec import Start
from training.memory import keep_freed_memory

if TYPE_CHECKING:
    from datamodules.base.samples import Samples
    from lightning_modules.backbones.base import Backbone
    from lightning_modules.grading import GradingModule


NOT_THE_MODULES = ("samples", "monitor", "score", "files", "prepare", "teacher", "teacher_sha256", "temperatures")
"""Keys of a task's node that say how it is measured, exported and fed."""


def build_module(
    config: Mapping[str, Any] | DictConfig,
    start: Start,
    num_classes: int,
    *,
    ordered: bool = True,
    prepared: Mapping[str, Any] | None = None,
) -> "GradingModule":
    """Backbone, head and task of a configuration whose width is filled in; the seed is the caller's to set.

    Args:
        prepared: what `task.prepare` gave, in training; a finished network needs none of it.

    """
    cfg = config if isinstance(config, DictConfig) else OmegaConf.create(dict(config))
    head = factory(cfg.encoding, without=("task",))(num_classes=num_classes)
    backbone = build_backbone(cfg, start)
    optimizer, schedule = instantiate(cfg.optimizer), instantiate(cfg.schedule)
    tuning = instantiate(cfg.fine_tuning) if "fine_tuning" in cfg else None  # older records have none
    module: GradingModule = factory(cfg.task, without=NOT_THE_MODULES)(
        backbone, head, optimizer=optimizer, schedule=schedule, seed=cfg.seed, fine_tuning=tuning, ordered=ordered,
        **(prepared or {}),
    )  # fmt: skip
    if start.origin == "run" and start.path is not None and start.above:
        from lightning_modules.checkpoints import take_over_above

        take_over_above(module, start.path)
    return module


def build_backbone(cfg: DictConfig, start: Start) -> "Backbone":
    """The backbone of a configuration whose width is filled in."""
    backbone: Backbone = factory(cfg.backbone, without=("spec", "weights"))(width=cfg.width, start=start)
    if start.origin == "run" and start.path is not None:
        from lightning_modules.checkpoints import take_over_backbone

        take_over_backbone(backbone, start.path)
    return backbone


def factory(node: DictConfig, without: tuple[str, ...] = ()) -> partial[Any]:
    """A node's target with its settings bound, ready for what only code can give it."""
    # resolved first: what a setting takes from elsewhere in the configuration is not to be had in a copy
    plain: dict[str, Any] = OmegaConf.to_container(node, resolve=True)  # type: ignore[assignment]
    kept = OmegaConf.create({key: value for key, value in plain.items() if key not in without})
    made: partial[Any] = instantiate(kept, _partial_=True)
    return made


def build_data(cfg: DictConfig, samples: "Samples") -> Any:
    """Loaders over a data set at the configuration's resolution."""
    return samples.loaders(
        cfg.resolution,
        augmentation=instantiate(cfg.augmentation),
        imbalance=instantiate(cfg.imbalance),
        batch_size=cfg.batch_size,
        seed=cfg.seed,
        ahead=cfg.ahead,
        resident=cfg.resident,
    )


def build_parts(cfg: DictConfig, start: Start, samples: "Samples") -> tuple[Any, Any]:
    """Module and loaders of a run; `task.prepare` may name what looks at the data before the module is built."""
    keep_freed_memory()
    data = build_data(cfg, samples)
    prepared = get_method(cfg.task.prepare)(cfg, samples, data) if "prepare" in cfg.task else {}
    return build_module(cfg, start, len(samples.class_names), ordered=samples.ordered, prepared=prepared), data
