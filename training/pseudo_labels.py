"""Labels that a trained run is sure of, for pictures that have none (Lee 2013, "Pseudo-Label")."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from omegaconf import DictConfig
from pydantic import Field

from datamodules.base.joined import JoinedImages, learn_also
from datamodules.base.samples import Samples
from training.methods import Method, must_join
from training.teacher_logits import loaded_teachers, logits_of

if TYPE_CHECKING:
    from datamodules.unlabelled.read import Unlabelled

FEWEST = 20
"""Validation samples on which a threshold is chosen: of fewer, all may be right by chance."""
Probability = Annotated[float, Field(gt=0, lt=1)]


@dataclass(frozen=True)
class Accepted:
    """What a threshold accepts of the validation set."""

    threshold: float
    count: int
    """Samples whose confidence reaches it."""
    coverage: float
    """Their share."""
    accuracy: float
    """Share of right answers among them; not a number where there are none."""


@dataclass
class PseudoLabels(Method):
    """From the labels, and from what trained runs say of pictures without labels, where they are sure of it.

    Args:
        teacher: folders of runs, one or several; the probabilities of several are averaged.
        threshold: least confidence, the largest of a picture's probabilities, at which an answer becomes a label; `chosen`
            takes the lowest at which the accepted validation samples are right as often as `precision` says.
        precision: asked of the accepted validation samples where the threshold is chosen.

    """

    teacher: Any
    threshold: Probability | Literal["chosen"]
    precision: Probability

    takes_unlabelled: ClassVar[bool] = True
    needs_unlabelled: ClassVar[bool] = True

    def prepare(self, cfg: DictConfig, samples: Samples, data: Any, unlabelled: "Unlabelled | None" = None) -> None:
        """Puts the pictures that are accepted into the training set, with their labels.

        Raises RecordError for teachers of other classes, or that have seen what this run is measured on, and ValueError where
        no threshold reaches the precision, or no picture the threshold.
        """
        assert unlabelled is not None
        must_join(data, unlabelled)
        checkpoints, modules = loaded_teachers(cfg, samples)
        heads, cache = [module.head for module in modules], Path(str(cfg.paths.cache))
        val = data.arrays.parts == "val"
        chances = _probabilities(logits_of(checkpoints, modules, samples, cache)[val], heads)
        found = self.accepted(chances, np.asarray(data.arrays.labels)[val])
        given = _probabilities(logits_of(checkpoints, modules, unlabelled, cache), heads)
        sure = np.flatnonzero(given.max(axis=1) >= found.threshold)
        if not len(sure):
            raise ValueError(
                f"method.threshold={found.threshold:.3f}: of none of {len(given)} pictures without labels the teacher is so sure; want "
                "a lower one, or other pictures"
            )
        labels = given.argmax(axis=1)[sure].astype(np.int64)
        learn_also(data, JoinedImages((unlabelled.images(cfg.resolution), sure)), labels, None)
        counts = np.bincount(labels, minlength=given.shape[1])
        data.learned = {
            "unlabelled": unlabelled.record,
            "pseudo_labels": {
                "threshold": found.threshold, "chosen": self.threshold == "chosen", "val_count": found.count,
                "val_coverage": found.coverage, "val_accuracy": None if np.isnan(found.accuracy) else found.accuracy,
                "count": len(sure), "coverage": len(sure) / len(given), "per_class": counts.tolist(),
            },
        }  # fmt: skip
        data.told = _told(found, len(sure), counts, samples.class_names)

    def accepted(self, chances: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]) -> Accepted:
        """The threshold, and what it accepts of the validation set.

        Args:
            chances: probabilities `(V, K)`.
            labels: `(V,)`.

        Raises ValueError where no threshold reaches the precision.

        """
        sure, right = chances.max(axis=1), chances.argmax(axis=1) == labels
        if self.threshold != "chosen":
            return _at(float(self.threshold), sure, right)
        each = [_at(float(one), sure, right) for one in np.unique(sure)]
        enough = [one for one in each if one.count >= FEWEST]
        if not enough:
            raise ValueError(
                f"method.threshold=chosen: the validation set has {len(labels)} samples; want {FEWEST} and more, or a number such as "
                "method.threshold=0.9"
            )
        for one in enough:
            if one.accuracy >= self.precision:
                return one
        best = max(enough, key=lambda one: one.accuracy)
        raise ValueError(
            f"method.precision={self.precision:g}: no threshold reaches it on the validation set; the best, {best.threshold:.3f}, has "
            f"{best.accuracy:.3f} of {best.count} samples; want a better teacher, a lower precision, or a number such as "
            "method.threshold=0.9"
        )


def _at(threshold: float, sure: npt.NDArray[np.float64], right: npt.NDArray[np.bool_]) -> Accepted:
    taken = right[sure >= threshold]
    share = len(taken) / max(1, len(right))
    return Accepted(threshold, len(taken), share, float(taken.mean()) if len(taken) else float("nan"))


def _probabilities(logits: npt.NDArray[np.float32], heads: list[Any]) -> npt.NDArray[np.float64]:
    import torch

    from lightning_modules.distillation import softened

    return np.asarray(softened(torch.from_numpy(np.array(logits)), heads, 1.0).double().numpy())


def _told(found: Accepted, count: int, counts: npt.NDArray[np.int64], names: tuple[str, ...]) -> str:
    classes = ", ".join(f"{number} {name}" for name, number in zip(names, counts.tolist(), strict=True) if number)
    lacking = [name for name, number in zip(names, counts, strict=True) if not number]
    none = f", none of {', '.join(lacking)}" if lacking else ""
    return (
        f"method=pseudo_labels: threshold {found.threshold:.4f}, reached by {found.coverage:.0%} of the validation set, "
        f"{found.accuracy:.3f} of them right; {count} pictures get a label: {classes}{none}"
    )
