"""What torch says of the evaluated samples, and how a file is held against it; a task says what that means."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from datamodules.base.samples import Samples
from export.deployable import Deployable
from export.runtime import TfliteModel
from lightning_modules.inference import grade_images
from metrics.grading import grade_metrics

if TYPE_CHECKING:
    from lightning_modules.base import TrainedModule

FEW = 32
"""Images by which a converted file is held against torch."""


@dataclass(frozen=True)
class Scored(ABC):
    """A task's torch network on the val and test parts."""

    task: ClassVar[str]
    figure: ClassVar[str]
    """The metric that a file must not lose too much of."""
    outputs: ClassVar[str]
    """What a file answers, in words, for its metadata."""
    shipped: ClassVar[type[Deployable]]
    model: ClassVar[type[TfliteModel]]

    columns: pd.DataFrame
    """sample, source_id, group, part; a row per sample."""
    images: npt.NDArray[np.uint8]
    """`(N, H, W, 3)`."""

    measured: ClassVar[str] = "a probability"
    """What files are held against torch by, in words."""

    @property
    def span(self) -> float:
        """What a difference of answers is measured by; a task whose answers have a unit says its range."""
        return 1.0

    @classmethod
    @abstractmethod
    def by(cls, module: "TrainedModule", samples: Samples, resolution: int) -> "Scored":
        """By the trained module."""

    @property
    @abstractmethod
    def few(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
        """Places of some images, and torch's probabilities of them."""

    @abstractmethod
    def judge(self, model: TfliteModel, *, ordered: bool, most_lost: float) -> tuple[dict[str, Any], pd.DataFrame]:
        """Holds a file against torch and against the truth.

        Args:
            model: the file.
            ordered: whether the classes are grades.
            most_lost: a file that loses more of `figure` than this, on any part, is marked; 0 to 1.

        Returns:
            Of the file: agreement (share of answers that are torch's), max_probability_difference,
            mean_probability_difference, metrics per part as training has them, `<part>/<figure>_drop`, and marked, what it
            loses too much of; and its answers, a row per sample.

        """

    def compare(self, found: dict[str, dict[str, Any]], before: dict[str, float], most_lost: float) -> dict[str, Any]:
        """Metrics per part, with what is lost against torch's, `before`, of each part."""
        figures: dict[str, Any] = {}
        lost = []
        for part, metrics in found.items():
            drop = before[part] - metrics[self.figure]
            figures |= {f"{part}/{key}": value for key, value in metrics.items()}
            figures[f"{part}/{self.figure}_drop"] = drop
            if drop > most_lost:
                lost.append(f"{100 * drop:.1f} points of {part} {self.figure}")
        return figures | {"marked": f"loses {' and '.join(lost)} against torch" if lost else ""}


def evaluated(samples: Samples, resolution: int) -> tuple[pd.DataFrame, npt.NDArray[np.intp], npt.NDArray[np.uint8]]:
    """The table's rows of the evaluated parts, their places, and the images `(N, H, W, 3)`."""
    table = samples.table
    chosen = np.flatnonzero(np.isin(table.part.to_numpy(str), samples.evaluated))
    return table.iloc[chosen].reset_index(drop=True), chosen, samples.images(resolution)[chosen]


def in_batches(images: npt.NDArray[np.uint8], size: int = 64) -> Iterator[torch.Tensor]:
    """`(N, H, W, 3)` → `(B, 3, H, W)`, batch by batch."""
    return (torch.from_numpy(images[at : at + size]).permute(0, 3, 1, 2) for at in range(0, len(images), size))


def some(count: int) -> npt.NDArray[np.intp]:
    """At most FEW places of so many, always the same."""
    return np.random.default_rng(0).permutation(count)[:FEW]


@dataclass(frozen=True)
class GradeScores(Scored):
    """Cells and pictures that are graded; `columns` has the labels too."""

    task: ClassVar[str] = "grading"
    figure: ClassVar[str] = "accuracy"
    outputs: ClassVar[str] = "probabilities: float32, 1 x labels; grade: int32, index into labels"
    shipped: ClassVar[type[Deployable]] = Deployable
    model: ClassVar[type[TfliteModel]] = TfliteModel

    grades: npt.NDArray[np.int64]
    """`(N,)`."""
    probabilities: npt.NDArray[np.float64]
    """`(N, K)`."""

    @classmethod
    def by(cls, module: "TrainedModule", samples: Samples, resolution: int) -> "GradeScores":
        """As the base class has it."""
        table, _, images = evaluated(samples, resolution)
        grades, probabilities = grade_images(module, in_batches(images))
        return cls(table[["sample", "source_id", "group", "part", "label"]], images, grades, probabilities)

    @property
    def few(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
        """As the base class has it."""
        chosen = some(len(self.images))
        return chosen, self.probabilities[chosen]

    @cached_property
    def accuracy(self) -> dict[str, float]:
        """Torch's, per part."""
        right = self.columns.label.to_numpy() == self.grades
        return {part: float(right[self.columns.part == part].mean()) for part in self.columns.part.unique()}

    def judge(self, model: TfliteModel, *, ordered: bool, most_lost: float) -> tuple[dict[str, Any], pd.DataFrame]:
        """As the base class has it; of the answers grade and probabilities."""
        grades, probabilities = model.grade(self.images)
        change = np.abs(probabilities - self.probabilities)
        labels, parts = self.columns.label.to_numpy(), self.columns.part
        found = {}
        for part in parts.unique():
            here = (parts == part).to_numpy()
            found[part] = grade_metrics(
                labels[here], grades[here], probabilities[here].astype(np.float64), ordered=ordered
            )
        figures = {
            "agreement": float(np.mean(grades == self.grades)),
            "max_probability_difference": float(change.max()),
            "mean_probability_difference": float(change.mean()),
        } | self.compare(found, self.accuracy, most_lost)
        return figures, self.columns.assign(grade=grades, probabilities=list(probabilities))
