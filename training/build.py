"""From a resolved configuration to what it describes. torch is imported here, so this is called late."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf

from choices.settings import checked
from jobs.job import Job
from lightning_modules.backbones.spec import InitialWeights
from tasks.base import Task
from training.memory import keep_freed_memory
from training.unlabelled import unlabelled_of

if TYPE_CHECKING:
    from datamodules.base.samples import Samples
    from lightning_modules.backbones.base import Backbone
    from lightning_modules.base import TaskModule, TrainingSettings


NON_HEAD_KEYS = ("targets", "needs_ordered_classes", "output_per_class", "weights_in_head")
"""Keys of an encoding's node that say what it is for."""


def build_module(
    config: Mapping[str, Any] | DictConfig,
    start: InitialWeights,
    num_classes: int,
    *,
    ordered: bool = True,
    settings: "TrainingSettings | None" = None,
) -> "TaskModule":
    """Backbone, head and task of a configuration whose width is filled in; the seed is the caller's to set.

    Args:
        settings: of the training; a finished network needs none.

    """
    from lightning_modules.base import TrainingSettings
    from lightning_modules.networks.ensemble import EnsembleNetwork

    cfg = config if isinstance(config, DictConfig) else OmegaConf.create(dict(config))
    module = _module(cfg, start, num_classes, settings or TrainingSettings(ordered=ordered))
    if cfg.get("fit") == "ensemble":
        others = [_module(cfg, start, num_classes, module.settings).network for _ in range(1, cfg.datamodule.folds)]
        module.network = EnsembleNetwork([module.network, *others], module.head.mean_logits)
    return module


def _module(cfg: DictConfig, start: InitialWeights, num_classes: int, settings: "TrainingSettings") -> "TaskModule":
    head = partial_from_config(cfg.encoding, NON_HEAD_KEYS, "encoding")(num_classes=num_classes)
    task: Task = built("task", cfg.task)
    module = task.module(build_backbone(cfg, start), head, settings)
    if start.whole_network and start.path is not None and start.load_head:
        from lightning_modules.checkpoints import take_over_above

        take_over_above(module, start.path)
    return module


def build_backbone(cfg: DictConfig, start: InitialWeights) -> "Backbone":
    """The backbone of a configuration whose width is filled in."""
    backbone: Backbone = partial_from_config(cfg.backbone, ("spec", "weights"), "backbone")(
        width=cfg.width, start=start
    )
    if start.whole_network and start.path is not None:
        from lightning_modules.checkpoints import take_over_backbone

        take_over_backbone(backbone, start.path)
    return backbone


def built(group: str, node: DictConfig) -> Any:
    """What a choice's node describes. Raises SettingError for a setting that does not fit its target's annotations."""
    plain: dict[str, Any] = OmegaConf.to_container(node, resolve=True)  # type: ignore[assignment]
    checked(f"{group}.", get_object(plain["_target_"]), plain)
    return instantiate(node)


def partial_from_config(node: DictConfig, exclude: tuple[str, ...] = (), group: str = "") -> partial[Any]:
    """A node's target with its settings bound, ready for what only code can give it. Raises SettingError, as `built` does."""
    # resolved first: what a setting takes from elsewhere in the configuration is not to be had in a copy
    plain: dict[str, Any] = OmegaConf.to_container(node, resolve=True)  # type: ignore[assignment]
    kept = {key: value for key, value in plain.items() if key not in exclude}
    checked(f"{group}.", get_object(kept["_target_"]), kept)
    made: partial[Any] = instantiate(OmegaConf.create(kept), _partial_=True)
    return made


def build_data(cfg: DictConfig, samples: "Samples") -> Any:
    """Loaders over a data set at the configuration's resolution."""
    return samples.loaders(
        cfg.resolution,
        augmentation=built("augmentation", cfg.augmentation),
        imbalance=built("imbalance", cfg.imbalance),
        batch_size=cfg.batch_size,
        seed=cfg.seed,
        prefetch=cfg.prefetch,
        cache_on_device=cfg.cache_on_device,
    )


def build_parts(job: Job, samples: "Samples") -> tuple[Any, Any]:
    """Module and loaders of a run; the method may look at the data before the module is built."""
    from lightning_modules.base import TrainingSettings

    assert job.start is not None
    cfg = job.cfg
    keep_freed_memory()
    data = build_data(cfg, samples)
    unlabelled = unlabelled_of(cfg, samples)
    more = {} if unlabelled is None else {"unlabelled": unlabelled}
    distillation = built("method", cfg.method).prepare(cfg, samples, data, **more)
    settings = TrainingSettings(
        built("optimizer", cfg.optimizer), built("schedule", cfg.schedule), cfg.seed, built("fine_tuning", cfg.fine_tuning), samples.ordered,
        distillation,
    )  # fmt: skip
    module = build_module(cfg, job.start, len(samples.class_names), settings=settings)
    counts = torch.tensor(samples.counts()["train"], dtype=torch.float32)
    labelled = getattr(data, "learned", {}).get("pseudo_labels", {}).get("per_class", [])
    module.head.know_counts(counts + torch.tensor(labelled) if labelled else counts)
    return module, data
