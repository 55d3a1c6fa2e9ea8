"""Figures of merit of numbers: N samples."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, override

import numpy as np
import numpy.typing as npt

from metrics.base import Figure, TaskMetrics

if TYPE_CHECKING:
    import pandas as pd

Numbers = npt.NDArray[np.float64]
BEATEN, HALVED = 0.9, 0.5
"""Of the error of a constant answer, below which a training has left the plateau."""


def number_metrics(true: Numbers, given: Numbers, bands: npt.NDArray[np.int64], count: int) -> dict[str, Any]:
    """Everything that a record says of one part, in the numbers' unit.

    Args:
        true, given: `(N,)`.
        bands: into which of `count` bands each true number falls, `(N,)`.
        count: of bands.

    Returns:
        mae (mean absolute error), rmse (root of the mean squared error), r2 (coefficient of determination), bias (mean of
        given less true), error_p95 (95th percentile of the absolute error); per_band lists of mae, bias (None for an empty
        band) and support.

    """
    error = given - true
    here = [error[bands == band] for band in range(count)]
    return {
        "mae": mae(true, given),
        "rmse": rmse(true, given),
        "r2": r2(true, given),
        "bias": float(error.mean()),
        "error_p95": float(np.percentile(np.abs(error), 95)),
        "per_band": {
            "mae": [float(np.abs(one).mean()) if len(one) else None for one in here],
            "bias": [float(one.mean()) if len(one) else None for one in here],
            "support": [len(one) for one in here],
        },
    }


def mae(true: Numbers, given: Numbers) -> float:
    """Mean absolute error."""
    return float(np.abs(given - true).mean())


def rmse(true: Numbers, given: Numbers) -> float:
    """Root of the mean squared error."""
    return float(np.sqrt(np.square(given - true).mean()))


def r2(true: Numbers, given: Numbers) -> float:
    """Coefficient of determination; 0 for always answering the mean, 1 for no error; 0 where all numbers are equal."""
    spread = np.square(true - true.mean()).sum()
    return float(1 - np.square(given - true).sum() / spread) if spread else 0.0


def plateau(train: Numbers, val: Numbers, history: list[dict[str, float]]) -> dict[str, float | None]:
    """How long a training answered alike whatever it saw (seed 004, chapter 6: up to 120 epochs near 0.22, or all of them).

    Args:
        train, val: the parts' true numbers.
        history: a record's, with `val/mae`.

    Returns:
        val/constant_mae, that of always answering the median of the training set, which costs the least;
        val/epochs_to_beat_constant, the first epoch, counted from 1, whose val/mae is below nine tenths of it: it has left the plateau;
        val/epochs_to_halve_constant, the first below half of it. None where no epoch's is.

    """
    constant = float(np.abs(val - np.median(train)).mean())

    def first_below(share: float) -> int | None:
        return next((at for at, row in enumerate(history, 1) if row["val/mae"] < share * constant), None)

    return {
        "val/constant_mae": constant,
        "val/epochs_to_beat_constant": first_below(BEATEN),
        "val/epochs_to_halve_constant": first_below(HALVED),
    }


def median_baseline(train: Numbers, true: Numbers) -> dict[str, float]:
    """MAE, RMSE and R² of always answering the median of the training set, `(N,)`, on another part, `(M,)`."""
    given = np.full_like(true, np.median(train))
    return {"mae": mae(true, given), "rmse": rmse(true, given), "r2": r2(true, given)}


class RegressionMetrics(TaskMetrics):
    """Each sample gets a number."""

    main = "r2"
    titles: ClassVar[Mapping[str, str]] = {"r2": "R²", "mae": "MAE", "rmse": "RMSE"}
    columns = ("val/mae", "val/rmse", "val/r2", "val/epochs_to_halve_constant", "test/mae", "test/rmse", "test/r2")
    headlines = ("mae",)
    file_columns = ("mae", "r2")
    compared = ("val/r2",)
    repeated = ("mae", "rmse", "r2")
    crossed = ("mae", "rmse", "r2", "bias")
    own_unit = frozenset({"mae", "rmse", "bias", "error_p95"})
    unbounded = frozenset({"r2"})
    epoch_figures = ("loss", "mae", "rmse", "r2")
    curve = "mae"
    curve_direction = "min"
    answers = "numbers"
    constant_answer = "always the median"
    beyond_baseline = ("mae",)
    drop_figure = "r2"
    drop_unit = "hundredths of the range by which MAE has risen"
    figures: ClassVar[Mapping[str, Figure]] = {"mae": mae, "rmse": rmse, "r2": r2}
    pooled_files = ("mae", "rmse", "r2")

    @override
    def truth_and_answers(self, frame: "pd.DataFrame") -> tuple[Any, Any]:
        return frame.number.to_numpy(np.float64), frame.given_number.to_numpy(np.float64)

    @override
    def with_constant(self, frame: "pd.DataFrame", value: Any) -> "pd.DataFrame":
        return frame.assign(given_number=float(value))

    @override
    def worth(self, frame: "pd.DataFrame") -> npt.NDArray[np.float64]:
        return np.asarray(-np.abs(frame.given_number - frame.number) / frame.span, np.float64)

    @override
    def same(self, frame: "pd.DataFrame") -> None:
        return None

    @override
    def mistake_text(self, mistake: Mapping[str, Any], class_names: Sequence[str]) -> str:
        return f"{mistake['number']:.3g} taken for {mistake['given']:.3g}"
