"""Regressors: what torch answers to the evaluated images, and how a file is held against it."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from datamodules.base.samples import Samples
from export.deployable import Deployable, NumberDeployable
from export.runtime import NumberModel, TfliteModel
from export.scores import Scored, evaluated, in_batches, some
from heads.scalar import ScalarHead
from lightning_modules.inference import read_off
from metrics.regression import number_metrics

if TYPE_CHECKING:
    from lightning_modules.base import TrainedModule

SAME = 0.01
"""Of the range: answers that lie nearer count as the same."""


@dataclass(frozen=True)
class NumberScores(Scored):
    """Pictures that are answered with a number; `columns` has number and band too."""

    task: ClassVar[str] = "regression"
    figure: ClassVar[str] = "r2"
    outputs: ClassVar[str] = "number: float32, 1"
    shipped: ClassVar[type[Deployable]] = NumberDeployable
    model: ClassVar[type[TfliteModel]] = NumberModel

    measured: ClassVar[str] = "a number, as a share of its range"

    given: npt.NDArray[np.float64]
    """By torch, `(N,)`."""
    range: float
    """High less low of the numbers, in their unit."""
    bands: int

    @property
    def span(self) -> float:
        """The range."""
        return self.range

    @classmethod
    def by(cls, module: "TrainedModule", samples: Samples, resolution: int) -> "NumberScores":
        """As the base class has it."""
        table, _, images = evaluated(samples, resolution)
        head = cast(ScalarHead, module.head)
        columns = table[["sample", "source_id", "group", "part", "number"]].assign(band=table.label)
        given = read_off(module, in_batches(images))
        return cls(columns, images, given, head.high - head.low, len(samples.class_names))

    @property
    def few(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
        """As the base class has it; numbers `(n, 1)`."""
        chosen = some(len(self.images))
        return chosen, self.given[chosen, None]

    @cached_property
    def r2(self) -> dict[str, float]:
        """Torch's, per part."""
        return {part: metrics["r2"] for part, metrics in self._metrics(self.given).items()}

    def judge(self, model: TfliteModel, *, ordered: bool, most_lost: float) -> tuple[dict[str, Any], pd.DataFrame]:
        """As the base class has it; answers are the same that differ by less than SAME of the range, and differences are
        shares of it. Of the answers given_number and span.
        """
        given = cast(NumberModel, model).numbers(self.images)
        change = np.abs(given - self.given) / self.span
        figures = {
            "agreement": float(np.mean(change < SAME)),
            "max_probability_difference": float(change.max()),
            "mean_probability_difference": float(change.mean()),
        } | self.compare(self._metrics(given), self.r2, most_lost)
        return figures, self.columns.assign(given_number=given, span=self.span)

    def _metrics(self, given: npt.NDArray[np.float64]) -> dict[str, dict[str, Any]]:
        found = {}
        for part in self.columns.part.unique():
            here = (self.columns.part == part).to_numpy()
            rows = self.columns[here]
            found[part] = number_metrics(rows.number.to_numpy(), given[here], rows.band.to_numpy(), self.bands)
        return found
