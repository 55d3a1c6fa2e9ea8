"""From the labels of a device's cells to the device's grade, and why."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from datamodules.screens.device_rules import Rule


class GradingError(ValueError):
    """A photo that cannot be graded, or rules that cannot be followed; one line."""


class Verdict(NamedTuple):
    """Of a device."""

    grade: str
    reason: str
    """The cells for which the rule holds, such as "major cracks in 2 cells"; of the last rule all cells."""


def device_grade(cells: Sequence[str], rules: Sequence[Rule]) -> Verdict:
    """What the first rule that holds for the cells' labels says. Raises GradingError where none does."""
    for rule in rules:
        if sum(label in rule.of for label in cells) >= rule.cells:
            return Verdict(rule.grade, _reason(cells, rule.of))
    raise GradingError("no rule holds; end with one that wants 0 cells")


def _reason(cells: Sequence[str], of: Sequence[str]) -> str:
    counts = Counter(cells)
    named = [(label, counts[label]) for label in of if counts[label]] or counts.most_common()
    return ", ".join(f"{label} in {count} cell{'s' if count > 1 else ''}" for label, count in named)


def other_grade(
    shares: npt.NDArray[np.float64], labels: Sequence[str], rules: Sequence[Rule], grade: str, draws: int = 2000
) -> float:
    """The chance that a device's grade is another one, were each cell's label drawn by its probabilities, apart from the others.

    Args:
        shares: probabilities `(cells, K)`.
        labels: K names.
        rules: one of them holds whatever is drawn.
        grade: the device's.
        draws: seeded: the same probabilities give the same chance, to 0.01.

    """
    edges = np.cumsum(shares, axis=1)
    edges /= edges[:, -1:]
    thrown = np.random.default_rng(0).random((draws, len(shares), 1))
    drawn = (thrown >= edges).sum(axis=2).clip(0, len(labels) - 1)
    same, open_ = np.zeros(draws, bool), np.ones(draws, bool)
    for rule in rules:
        among = np.array([label in rule.of for label in labels])
        holds = open_ & (among[drawn].sum(axis=1) >= rule.cells)
        same |= holds & (rule.grade == grade)
        open_ &= ~holds
    return float(1 - same.mean())
