"""Graders: what torch says of the evaluated samples, and how a file is held against it."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, override

import numpy as np
import numpy.typing as npt
import pandas as pd

from datamodules.base.samples import Samples
from export.comparison import FileComparison, evaluated, in_batches, some
from export.runtime import FileModel
from metrics.base import TaskMetrics
from metrics.grading import grade_metrics

if TYPE_CHECKING:
    from torch import Tensor

    from lightning_modules.base import TaskModule


DISTANCE = "distance"
"""The output of station files, see `export.formats.station`."""


class GradeModel(FileModel):
    """A file that grades: by its `grade`, where it has one, else by the largest probability."""

    outputs = ("probabilities",)
    axes = 2

    def grade(self, images: Iterable[npt.NDArray[np.uint8]]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Raw RGB images `(S, S, 3)` → grades `(N,)` and probabilities `(N, K)`."""
        found = self.measure(images)
        return found.grades, found.probabilities

    def measure(self, images: Iterable[npt.NDArray[np.uint8]]) -> "Measured":
        """Raw RGB images `(S, S, 3)` → all that the file says of them."""
        grades, probabilities, distances = [], [], []
        for given in self.named_answers(images):
            decided = given.get("grade", given["probabilities"])
            # files of format 1 name the class itself
            grades.append(int(decided) if decided.ndim == 0 else int(decided.argmax()))
            probabilities.append(given["probabilities"])
            distances.append(float(given[DISTANCE].item()) if DISTANCE in given else np.nan)
        found = np.array(distances, np.float64) if DISTANCE in self.backend.outputs else None
        return Measured(np.array(grades, np.int64), np.array(probabilities, np.float32), found)


class Measured(NamedTuple):
    """What a file says of N images."""

    grades: npt.NDArray[np.int64]
    """`(N,)`."""
    probabilities: npt.NDArray[np.float32]
    """`(N, K)`."""
    distances: npt.NDArray[np.float64] | None
    """From the pictures of training, `(N,)`; None of a file without that output (`metrics.unknown`)."""


def grade_answer(head: Any, logits: "Tensor") -> "dict[str, Tensor]":
    """Logits `(B, O)` → `probabilities` `(B, K)`, and `grade`, 1 at the grade, where that may not be the likeliest class."""
    decided = head.decision(logits)
    # first, for runtimes that show the first answer of a file
    return ({} if decided is None else {"grade": decided}) | {"probabilities": head.probabilities(logits)}


@dataclass(frozen=True)
class GradeComparison(FileComparison):
    """Cells and pictures that are graded; `columns` has the labels too."""

    outputs = "probabilities: float32, 1 x labels; grade, of ordinal encodings: float32, 1 x labels, 1 at the grade"
    model = GradeModel

    grades: npt.NDArray[np.int64]
    """By torch, `(N,)`."""
    probabilities: npt.NDArray[np.float64]
    """`(N, K)`."""
    ordered: bool
    """Whether the classes are grades."""

    @staticmethod
    @override
    def answer(head: Any, logits: "Tensor") -> "dict[str, Tensor]":
        return grade_answer(head, logits)

    @classmethod
    @override
    def by(cls, module: "TaskModule", samples: Samples, resolution: int) -> "GradeComparison":
        from lightning_modules.inference import grade_images

        table, _, images = evaluated(samples, resolution)
        grades, probabilities = grade_images(module, in_batches(images))
        columns = table[["sample", "source_id", "group", "part", "label"]]
        return cls(columns, images, grades, probabilities, samples.ordered)

    @property
    @override
    def few(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
        chosen = some(len(self.images))
        return chosen, self.probabilities[chosen]

    @cached_property
    def before(self) -> dict[str, dict[str, Any]]:
        """Torch's figures, per part."""
        return self._figures(self.grades, self.probabilities)

    @override
    def judge(
        self, model: GradeModel, metrics: TaskMetrics, *, most_lost: float
    ) -> tuple[dict[str, Any], pd.DataFrame]:
        """Of the answers grade and probabilities."""
        grades, probabilities, distances = model.measure(self.images)
        change = np.abs(probabilities - self.probabilities)
        found = self._figures(grades, probabilities.astype(np.float64))
        figures = {
            "agreement": float(np.mean(grades == self.grades)),
            "max_probability_difference": float(change.max()),
            "mean_probability_difference": float(change.mean()),
        } | self.compare(found, self.before, metrics, most_lost)
        answers = self.columns.assign(grade=grades, probabilities=list(probabilities))
        return figures, answers if distances is None else answers.assign(**{DISTANCE: distances})

    def _figures(
        self, grades: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64]
    ) -> dict[str, dict[str, Any]]:
        labels = self.columns.label.to_numpy()
        return self.by_part(
            lambda here: grade_metrics(labels[here], grades[here], probabilities[here], ordered=self.ordered)
        )
