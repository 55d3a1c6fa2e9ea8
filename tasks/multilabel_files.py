"""Files that give a picture any number of labels: what torch says of the evaluated images, and how a file is held against it."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, override

import numpy as np
import numpy.typing as npt
import pandas as pd

from datamodules.base.samples import Samples
from export.comparison import FileComparison, evaluated, in_batches, some
from export.runtime import FileModel
from metrics.base import TaskMetrics
from metrics.multilabel import best_thresholds, label_metrics

if TYPE_CHECKING:
    from torch import Tensor

    from lightning_modules.base import TaskModule


class LabelModel(FileModel):
    """A file that answers with a probability for each label."""

    outputs = ("probabilities",)
    axes = 2

    @override
    def probabilities(self, images: Iterable[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
        """`(N, K)`."""
        return np.array([chances for (chances,) in self.answers(images)], np.float32)


@dataclass(frozen=True)
class LabelComparison(FileComparison):
    """Pictures with any number of labels; `columns` has these too."""

    outputs = "probabilities: float32, 1 x labels; a label is given above its threshold"
    model = LabelModel

    chances: npt.NDArray[np.float64]
    """By torch, `(N, K)`."""

    @staticmethod
    @override
    def answer(head: Any, logits: "Tensor") -> "dict[str, Tensor]":
        return {"probabilities": head.probabilities(logits)}

    @classmethod
    @override
    def by(cls, module: "TaskModule", samples: Samples, resolution: int) -> "LabelComparison":
        from lightning_modules.multilabel import label_probabilities

        table, _, images = evaluated(samples, resolution)
        columns = table[["sample", "source_id", "group", "part", "labels"]]
        return cls(columns, images, label_probabilities(module, in_batches(images)))

    @cached_property
    def truth(self) -> npt.NDArray[np.bool_]:
        """`(N, K)`."""
        return np.array(self.columns.labels.tolist()) > 0

    @cached_property
    def thresholds(self) -> list[float]:
        """Of each label, chosen by torch's answers to the validation set; the file's are the same."""
        val = (self.columns.part == "val").to_numpy()
        return best_thresholds(self.truth[val], self.chances[val])

    @property
    @override
    def cuts(self) -> list[float]:
        return self.thresholds

    @override
    def of_rows(self, places: npt.NDArray[np.intp]) -> "LabelComparison":
        """With the thresholds of the whole validation set."""
        fewer = super().of_rows(places)
        fewer.__dict__["thresholds"] = self.thresholds
        return fewer

    @property
    @override
    def described(self) -> dict[str, Any]:
        return {"thresholds": self.thresholds}

    @property
    @override
    def few(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
        chosen = some(len(self.images))
        return chosen, self.chances[chosen]

    @cached_property
    def before(self) -> dict[str, dict[str, Any]]:
        """Torch's figures, per part."""
        return self._figures(self.chances)

    @override
    def judge(
        self, model: LabelModel, metrics: TaskMetrics, *, most_lost: float
    ) -> tuple[dict[str, Any], pd.DataFrame]:
        """Agreement is over labels. Of the answers probabilities and given."""
        chances = model.probabilities(self.images).astype(np.float64)
        change = np.abs(chances - self.chances)
        given, torch_given = (one > np.array(self.thresholds) for one in (chances, self.chances))
        figures = {
            "agreement": float(np.mean(given == torch_given)),
            "max_probability_difference": float(change.max()),
            "mean_probability_difference": float(change.mean()),
        } | self.compare(self._figures(chances), self.before, metrics, most_lost)
        return figures, self.columns.assign(probabilities=list(chances), given=list(given.astype(np.int64)))

    def _figures(self, chances: npt.NDArray[np.float64]) -> dict[str, dict[str, Any]]:
        return self.by_part(lambda here: label_metrics(self.truth[here], chances[here], self.thresholds))
