"""Regressors: what torch answers to the evaluated images, and how a file is held against it."""

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
from metrics.regression import number_metrics

if TYPE_CHECKING:
    from torch import Tensor

    from lightning_modules.base import TaskModule

SAME = 0.01
"""Of the range: answers that lie nearer count as the same."""


class NumberModel(FileModel):
    """A file that answers with a number."""

    outputs = ("number",)
    axes = 1

    def numbers(self, images: Iterable[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float64]:
        """Raw RGB images `(H, W, 3)` → numbers in their unit `(N,)`."""
        return np.array([number for (number,) in self.answers(images)], np.float64)

    @override
    def probabilities(self, images: Iterable[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
        """The numbers, `(N, 1)`."""
        return np.asarray(self.numbers(images)[:, None], np.float32)

    @staticmethod
    @override
    def change(before: npt.NDArray[np.float32], after: npt.NDArray[np.float32]) -> float:
        """The mean absolute difference of two sets of numbers, as a share of how far the first ones spread."""
        return float(np.abs(after - before).mean() / max(float(np.ptp(before)), 1e-12))


def number_answer(head: Any, logits: "Tensor") -> "dict[str, Tensor]":
    """Logits `(B, 1)` → `number` in its unit, float `(B,)`."""
    return {"number": head.decode(logits)[:, 0]}


@dataclass(frozen=True)
class NumberComparison(FileComparison):
    """Pictures that are answered with a number; `columns` has number and band too."""

    outputs = "number: float32, 1"
    model = NumberModel
    measured = "a number, as a share of its range"

    given: npt.NDArray[np.float64]
    """By torch, `(N,)`."""
    range: float
    """High less low of the numbers, in their unit."""
    bands: int

    @property
    @override
    def span(self) -> float:
        return self.range

    @staticmethod
    @override
    def answer(head: Any, logits: "Tensor") -> "dict[str, Tensor]":
        return number_answer(head, logits)

    @classmethod
    @override
    def by(cls, module: "TaskModule", samples: Samples, resolution: int) -> "NumberComparison":
        from heads.scalar import ScalarHead
        from lightning_modules.inference import predict_numbers

        table, _, images = evaluated(samples, resolution)
        head = module.head
        assert isinstance(head, ScalarHead)
        columns = table[["sample", "source_id", "group", "part", "number"]].assign(band=table.label)
        given = predict_numbers(module, in_batches(images))
        return cls(columns, images, given, head.high - head.low, len(samples.class_names))

    @property
    @override
    def few(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
        """Numbers `(n, 1)`."""
        chosen = some(len(self.images))
        return chosen, self.given[chosen, None]

    @cached_property
    def before(self) -> dict[str, dict[str, Any]]:
        """Torch's figures, per part."""
        return self._figures(self.given)

    @override
    def judge(
        self, model: NumberModel, metrics: TaskMetrics, *, most_lost: float
    ) -> tuple[dict[str, Any], pd.DataFrame]:
        """Answers are the same that differ by less than SAME of the range, and differences are shares of it. Of the answers
        given_number and span.
        """
        given = model.numbers(self.images)
        change = np.abs(given - self.given) / self.span
        figures = {
            "agreement": float(np.mean(change < SAME)),
            "max_probability_difference": float(change.max()),
            "mean_probability_difference": float(change.mean()),
        } | self.compare(self._figures(given), self.before, metrics, most_lost)
        return figures, self.columns.assign(given_number=given, span=self.span)

    def _figures(self, given: npt.NDArray[np.float64]) -> dict[str, dict[str, Any]]:
        numbers, bands = self.columns.number.to_numpy(), self.columns.band.to_numpy()
        return self.by_part(lambda here: number_metrics(numbers[here], given[here], bands[here], self.bands))
