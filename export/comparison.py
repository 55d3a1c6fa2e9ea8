"""What torch says of the evaluated samples, and how a file is held against it; a task says what that means."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from datamodules.base.samples import Samples
from export.runtime import FileModel
from metrics.base import TaskMetrics

if TYPE_CHECKING:
    from torch import Tensor

    from lightning_modules.base import TaskModule

FEW = 32
"""Images by which a converted file is held against torch."""


@dataclass(frozen=True)
class FileComparison(ABC):
    """A task's torch network on the validation and test sets."""

    outputs: ClassVar[str]
    """What a file answers, in words, for its metadata."""
    model: ClassVar[type[FileModel]]
    """How a file is called."""

    columns: pd.DataFrame
    """sample, source_id, group, part; a row per sample."""
    images: npt.NDArray[np.uint8]
    """`(N, H, W, 3)`."""

    measured: ClassVar[str] = "a probability"
    """What files are held against torch by, in words."""

    @staticmethod
    @abstractmethod
    def answer(head: Any, logits: "Tensor") -> "dict[str, Tensor]":
        """A head and logits → the file's outputs by name, in torch."""

    @property
    def span(self) -> float:
        """What a difference of answers is measured by; a task whose answers have a unit says its range."""
        return 1.0

    @property
    def cuts(self) -> list[float] | None:
        """Above which probability an answer is a yes, one for each label or for all; None where the largest of them counts."""
        return None

    @classmethod
    @abstractmethod
    def by(cls, module: "TaskModule", samples: Samples, resolution: int) -> "FileComparison":
        """By the trained module."""

    @property
    @abstractmethod
    def few(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
        """Places of some images, and torch's probabilities of them."""

    @property
    def described(self) -> dict[str, Any]:
        """What the metadata of its files says beside what all files say."""
        return {}

    @abstractmethod
    def judge(self, model: Any, metrics: TaskMetrics, *, most_lost: float) -> tuple[dict[str, Any], pd.DataFrame]:
        """Holds a file against torch and against the truth.

        Args:
            model: the file, a `model`.
            metrics: of the task.
            most_lost: a file whose main figure is worse by more than this, on any part, is marked.

        Returns:
            Of the file: agreement (share of answers that are torch's), max_probability_difference,
            mean_probability_difference, metrics per part as training has them, `<part>/<drop figure>_drop`, and marked, what it
            loses too much of; and its answers, a row per sample.

        """

    def of_rows(self, places: npt.NDArray[np.intp]) -> Self:
        """The same of some of the samples: of whatever has a row for each, these rows.

        Held against the truth they are right; differences from torch that a task takes from the `few` are not.
        """
        whole = len(self.columns)
        own: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, pd.DataFrame):
                own[field.name] = value.iloc[places].reset_index(drop=True)
            elif isinstance(value, np.ndarray) and len(value) == whole:
                own[field.name] = value[places]
        return replace(self, **own)

    def compare(
        self,
        found: dict[str, dict[str, Any]],
        before: dict[str, dict[str, Any]],
        metrics: TaskMetrics,
        most_lost: float,
    ) -> dict[str, Any]:
        """Figures per part, with what is lost against torch's, `before`, of each part."""
        main, lost = metrics.drop_figure, []
        figures: dict[str, Any] = {}
        for part, own in found.items():
            drop = float(metrics.signed(before[part][main]) - metrics.signed(own[main]))
            figures |= {f"{part}/{key}": value for key, value in own.items()}
            figures[f"{part}/{main}_drop"] = drop
            if drop > most_lost:
                amount = f"{drop:.3g}" if main in metrics.own_unit else f"{100 * drop:.1f} points"
                lost.append(f"{amount} of {part} {main}")
        return figures | {"marked": f"loses {' and '.join(lost)} against torch" if lost else ""}

    def by_part(self, figures: Callable[[npt.NDArray[np.bool_]], dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """What `figures` says of the rows of each part."""
        parts = self.columns.part
        return {part: figures((parts == part).to_numpy()) for part in parts.unique()}


def evaluated(samples: Samples, resolution: int) -> tuple[pd.DataFrame, npt.NDArray[np.intp], npt.NDArray[np.uint8]]:
    """The table's rows of the evaluated parts, their places, and the images `(N, H, W, 3)`."""
    table = samples.table
    chosen = np.flatnonzero(np.isin(table.part.to_numpy(str), samples.evaluated))
    return table.iloc[chosen].reset_index(drop=True), chosen, samples.images(resolution)[chosen]


def in_batches(images: npt.NDArray[np.uint8], size: int = 64) -> "Iterator[Tensor]":
    """`(N, H, W, 3)` → `(B, 3, H, W)`, batch by batch."""
    import torch

    return (torch.from_numpy(images[at : at + size]).permute(0, 3, 1, 2) for at in range(0, len(images), size))


def some(count: int) -> npt.NDArray[np.intp]:
    """At most FEW places of so many, always the same."""
    return np.random.default_rng(0).permutation(count)[:FEW]
