"""How much a file may lose against torch on the validation set, as `export.max_accuracy_drop` says."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from export.comparison import FileComparison
from metrics.base import TaskMetrics


@dataclass(frozen=True)
class Bound:
    """Asked while a file is made. Of a network that was trained on all data there is no validation set: there agreement counts.

    Attributes:
        torch_says: of all evaluated samples.
        rows: places of those that it is judged by; none of the test set is among them.
        metrics: of the task.
        most_lost: of the task's main figure, or of the share of answers that are torch's.
        on_validation: whether it is the former.

    """

    torch_says: FileComparison
    rows: npt.NDArray[np.intp]
    metrics: TaskMetrics
    most_lost: float
    on_validation: bool

    @classmethod
    def of(cls, torch_says: FileComparison, metrics: TaskMetrics, most_lost: float) -> Self | None:
        """By the validation set, without one by what else is no test set; None where there is nothing."""
        part = torch_says.columns.part.to_numpy(str)
        rows = np.flatnonzero(part == "val")
        kept = rows if len(rows) else np.flatnonzero(part != "test")
        return cls(torch_says, kept, metrics, most_lost, len(rows) > 0) if len(kept) else None

    @cached_property
    def comparison(self) -> FileComparison:
        """Of those samples."""
        says = self.torch_says
        return says if len(self.rows) == len(says.columns) else says.of_rows(self.rows)

    def lost(self, data: bytes) -> float:
        """What a file loses; below zero where it is better than torch."""
        figures, _ = self.comparison.judge(self.comparison.model(data), self.metrics, most_lost=self.most_lost)
        return float(
            figures[f"val/{self.metrics.drop_figure}_drop"] if self.on_validation else 1 - figures["agreement"]
        )

    def words(self, lost: float) -> str:
        """`1.2 points of val accuracy`."""
        if not self.on_validation:
            return f"{100 * lost:.1f} points of agreement"
        figure = self.metrics.drop_figure
        return (
            f"{lost:.3g} of val {figure}"
            if figure in self.metrics.own_unit
            else f"{100 * lost:.1f} points of val {figure}"
        )
