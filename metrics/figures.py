"""Which figures a run is judged by: what its training is about decides, and is seen from the names in its record."""

import math
from collections.abc import Hashable, Iterable

MAIN = ("val/accuracy", "val/dice", "val/r2")
"""One of these is in every record: grades are judged by accuracy, masks by Dice, numbers by R², each the higher the better."""
SHOWN = (
    "val/accuracy", "val/off_by_one", "val/macro_f1", "test/accuracy", "test/macro_f1",
    "val/dice", "val/dice_pooled", "val/iou", "val/subset_accuracy", "val/label_accuracy", "test/dice", "test/dice_pooled",
    "test/subset_accuracy", "val/mae", "val/rmse", "val/r2", "val/epochs_to_leave_plateau", "test/mae", "test/rmse", "test/r2",
)  # fmt: skip
"""What tables show, in this order, of what there is."""
BOOKKEEPING = (
    "run", "status", "error", "seconds", "updated", "later_error_at", "weights", "teacher_weights", "fingerprint", "recipe",
    "temperature", "soft_share",
)  # fmt: skip
"""Columns of a sweep's table that are neither axes nor figures."""


def main_figure(names: Iterable[Hashable]) -> str:
    """The figure that chooses among epochs and points; val/accuracy where there is none yet."""
    known = set(names)
    return next((name for name in MAIN if {name, name.replace("val/", "val/last/")} & known), MAIN[0])


UNIT = ("mae", "rmse", "bias", "error_p95")
"""Figures in the numbers' own unit; the others are shares, or counts."""


def is_share(name: str) -> bool:
    """Whether a figure lies from 0 to 1 and is told in points or percent; R² may lie below 0."""
    return plain(name) not in (*UNIT, "r2", "epochs_to_leave_plateau", "best_epoch")


def figure_text(name: str, value: float | None) -> str:
    """A figure as tables show it: shares with three decimals, numbers with four digits, epochs whole; – where there is none."""
    if value is None or math.isnan(value):
        return "–"
    short = plain(name)
    return f"{value:.0f}" if "epoch" in short else f"{value:.4g}" if short in UNIT else f"{value:.3f}"


def plain(name: str) -> str:
    """`val/dice` → `dice`."""
    return name.rpartition("/")[2]


def mixed_starts(starts: Iterable[str]) -> bool:
    """Whether some runs started at random and some did not: their figures do not compare."""
    known = set(starts) - {""}
    return "random" in known and len(known) > 1
