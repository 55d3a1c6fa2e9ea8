"""The pictures without labels that a configuration names, beside its data set. No torch."""

from pathlib import Path
from typing import TYPE_CHECKING

from hydra.utils import instantiate
from omegaconf import DictConfig

if TYPE_CHECKING:
    from datamodules.base.samples import Samples
    from datamodules.unlabelled.read import Unlabelled
    from tasks.base import Task


def unlabelled_of(cfg: DictConfig, samples: "Samples") -> "Unlabelled | None":
    """What `task.unlabelled` names; None where it names nothing. Raises DataError for a folder that cannot be used."""
    if not (given := cfg.task.get("unlabelled")):
        return None
    from datamodules.unlabelled.read import read_unlabelled  # half a second that most runs can spare

    task: Task = instantiate(cfg.task)
    root, own = Path(str(given)), cfg.datamodule.get("root")
    same = own is not None and root.resolve() == Path(str(own)).resolve()
    cache = Path(str(cfg.paths.cache))
    return read_unlabelled(root, samples, cfg.resolution, cache, task.find_outline, same_folder=same)
