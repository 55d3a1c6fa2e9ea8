"""How a network learns: from the labels, or from what trained networks say as well. A choice of conf/method, for any task."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from omegaconf import DictConfig

from datamodules.base.joined import learn_also
from datamodules.base.samples import Samples
from training.teacher_logits import Floats, loaded_teachers, logits_of

if TYPE_CHECKING:
    from datamodules.unlabelled.read import Unlabelled
    from lightning_modules.distillation import Distillation


class Method:
    """What all have in common."""

    takes_unlabelled: ClassVar[bool] = False
    """Whether it has a use for pictures without labels."""
    needs_unlabelled: ClassVar[bool] = False
    """Whether it is of no use without them."""

    def prepare(
        self, cfg: DictConfig, samples: Samples, data: Any, unlabelled: "Unlabelled | None" = None
    ) -> "Distillation | None":
        """Puts beside a datamodule's samples what else is learned from; what teachers ask of the logits, or None.

        What a record shall say of it is put into `data.learned`.
        """
        return None


@dataclass
class Supervised(Method):
    """From the labels alone."""


@dataclass
class TeacherTraining(Method):
    """From trained runs: what they say of the same pictures, softened by a temperature.

    Args:
        teacher: folders of runs, one or several.
        temperature, soft_share, loss: see `Distillation`; temperature `learned` is the one that fits the validation set best.

    Raises ValueError for settings that fit nothing.

    """

    teacher: Any
    temperature: float | str
    soft_share: float
    loss: str
    temperatures: Any = None
    """By backbone, for settings to refer to."""

    takes_unlabelled: ClassVar[bool] = True

    def __post_init__(self) -> None:
        learned = self.temperature == "learned"
        if not learned and (isinstance(self.temperature, str) or not self.temperature > 0):
            raise ValueError(f"method.temperature={self.temperature}: want a number above 0, or learned")
        if not 0 <= self.soft_share <= 1:
            raise ValueError(f"method.soft_share={self.soft_share:g}: want 0 to 1")

    def prepare(
        self, cfg: DictConfig, samples: Samples, data: Any, unlabelled: "Unlabelled | None" = None
    ) -> "Distillation":
        """Puts teachers' logits beside a datamodule's training samples, or where it keeps none, the teachers themselves to be asked.

        Pictures without labels join the training set; they learn from the teachers alone. Raises RecordError for teachers of
        other classes, or that have seen what this run is measured on.
        """
        from lightning_modules.distillation import Distillation

        must_join(data, unlabelled)
        checkpoints, modules = loaded_teachers(cfg, samples)
        told: dict[str, Any] = {"soft_share": self.soft_share, "loss": self.loss,
                                "weights": sum(one.numel() for module in modules for one in module.parameters())}  # fmt: skip
        heads = [module.head for module in modules]
        if not getattr(data, "keeps_teacher_logits", False):
            temperature = 1.0 if self.temperature == "learned" else self.temperature
            return Distillation(heads, temperature=float(temperature), networks=modules, **told)
        cache = Path(str(cfg.paths.cache))
        logits = logits_of(checkpoints, modules, samples, cache)
        temperature = self.temperature if self.temperature != "learned" else _calibrated(data.arrays, logits, heads)
        if unlabelled is None:
            data.arrays = replace(data.arrays, teacher_logits=logits)
        else:
            every = np.concatenate([logits, logits_of(checkpoints, modules, unlabelled, cache)])
            none = np.full(len(unlabelled.kept), -1, np.int64)
            learn_also(data, unlabelled.images(cfg.resolution), none, every)
            data.learned = {"unlabelled": unlabelled.record}
        return Distillation(heads, temperature=float(temperature), **told)


def must_join(data: Any, unlabelled: "Unlabelled | None") -> None:
    """Raises ValueError for pictures without labels beside a data set that nothing can be put behind."""
    if unlabelled is not None and not getattr(data, "keeps_teacher_logits", False):
        raise ValueError(
            f"task.unlabelled={unlabelled.root}: {type(data).__name__} takes no pictures without labels; want a data set of cells or "
            "pictures with a class each"
        )


def _calibrated(arrays: Any, logits: Floats, heads: list[Any]) -> float:
    import torch

    from lightning_modules.distillation import calibrated

    val = arrays.parts == "val"
    return calibrated(torch.from_numpy(logits[val]), torch.from_numpy(np.array(arrays.labels[val])), heads)
