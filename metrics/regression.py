"""Figures of merit of numbers: N samples."""

from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
HALF = 0.5
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
        val/constant_mae, that of always answering the median of the train part, which costs the least; and
        val/epochs_to_leave_plateau, the first epoch, counted from 1, whose val/mae is below half of it; None where no epoch's is.

    """
    constant = float(np.abs(val - np.median(train)).mean())
    left = next((at for at, row in enumerate(history, 1) if row["val/mae"] < HALF * constant), None)
    return {"val/constant_mae": constant, "val/epochs_to_leave_plateau": left}
