"""What a choice does, all else equal: paired differences between runs, with intervals over repetitions."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from metrics.figures import main_figure
from metrics.intervals import t_interval
from sweeps.tables.grouping import groups
from sweeps.tables.naming import REPEATS


@dataclass(frozen=True)
class Effect:
    """One choice against another of the same axis."""

    axis: str
    choice: str
    against: str
    figure: str
    mean: float
    """Mean of the paired differences, choice less against."""
    low: float
    high: float
    """95 % interval over repetitions, Student's t; not a number with one repetition."""
    pairs: int
    """Runs that differ in this axis alone."""
    repetitions: int
    """Different (seed, fold) among the pairs."""
    note: str = ""
    """Why there is no figure."""
    changes: tuple[tuple[float, float], ...] = ()
    """Of each pair the figure of against, then of choice."""

    @property
    def verdict(self) -> str:
        """In words: higher, lower, within noise, that one repetition says nothing of noise, or why there is no figure."""
        if self.note:
            return self.note
        if np.isnan(self.low):
            return "one repetition: no interval"
        if self.low <= 0 <= self.high:
            return "within noise"
        return "higher" if self.mean > 0 else "lower"


def main_effects(runs: pd.DataFrame, axes: list[str], figure: str | None = None) -> list[Effect]:
    """Every choice of every axis against the axis's most frequent one (the first in the alphabet among equals).

    Args:
        runs: a row per finished run, with the axes, seed, fold, initial_weights and the figure as columns.
        axes: the columns that differ; seed and fold among them are passed over.
        figure: what is compared; None: the task's main figure.

    """
    figure = figure or main_figure(runs)
    effects = []
    for axis in axes:
        counts = runs[axis].astype(str).value_counts()
        choices = sorted(counts.index, key=lambda choice: (-counts[choice], _natural(choice)))
        if axis in REPEATS or len(choices) < 2:
            continue
        against = choices[0]
        alike, across = _tables(runs, axes, axis, figure)
        for choice in sorted(choices[1:], key=_natural):
            effect = _effect(alike, across, axis, choice, against, figure)
            if effect is not None:
                effects.append(effect)
    return effects


def paired_effect(
    runs: pd.DataFrame, axes: list[str], axis: str, choice: str, against: str, figure: str
) -> Effect | None:
    """The mean difference of runs that are equal but for one axis; None where there are none, see `_effect`."""
    return _effect(*_tables(runs, axes, axis, figure), axis, choice, against, figure)


Figures = dict[str, dict[int, tuple[tuple[Any, ...], float]]]
"""Choice → which of the points that are equal but for the axis → its repetition and its figure; of several runs the first."""


def _tables(runs: pd.DataFrame, axes: list[str], axis: str, figure: str) -> tuple[Figures, Figures]:
    """Of points with the same initial weights, and of all."""
    others = [name for name in {*axes, *REPEATS, "initial_weights"} if name != axis and name in runs]
    across = [name for name in others if name != "initial_weights"]
    return _by_choice(runs, others, axis, figure), _by_choice(runs, across, axis, figure)


def _by_choice(runs: pd.DataFrame, others: list[str], axis: str, figure: str) -> Figures:
    words = runs[[*others, axis]].astype(str)
    repeats = words[[name for name in REPEATS if name in others]].to_numpy(object)
    values, choices = runs[figure].to_numpy(float, na_value=np.nan), words[axis].to_numpy(object)
    found: Figures = {}
    for number, (_, at) in enumerate(groups(words, others)):
        for place in at:
            found.setdefault(choices[place], {}).setdefault(number, (tuple(repeats[place]), values[place]))
    return found


def _effect(alike: Figures, across: Figures, axis: str, choice: str, against: str, figure: str) -> Effect | None:
    """The mean difference of runs that are equal but for one axis; None where there are none.

    Runs that start pretrained are not held against runs that start at random: where there are no others, the effect has
    no figure and a note. Differences are first averaged within each repetition (seed and fold), so that points which share a split and a
    seed do not pass for independent ones.
    """
    changes = _changes(alike, choice, against)
    if not changes:
        nan, note = float("nan"), "not compared: pretrained against random start"
        known = _changes(across, choice, against)
        return Effect(axis, choice, against, figure, nan, nan, nan, 0, 0, note) if known else None
    difference = [(repetition, after - before) for repetition, before, after in changes]
    means = np.array([np.mean(values) for _, values in sorted(_by_repetition(difference).items(), key=str)])
    low, high = t_interval(means)
    pairs = tuple((before, after) for _, before, after in changes)
    return Effect(axis, choice, against, figure, float(means.mean()), low, high, len(pairs), len(means), changes=pairs)


def _changes(figures: Figures, choice: str, against: str) -> list[tuple[tuple[Any, ...], float, float]]:
    """Of each pair its repetition, the figure of against and that of choice."""
    one, other = figures.get(choice, {}), figures.get(against, {})
    pairs = ((one[number][0], float(other[number][1]), float(one[number][1])) for number in one if number in other)
    return [pair for pair in pairs if not np.isnan(pair[2] - pair[1])]


def _by_repetition(difference: list[tuple[tuple[Any, ...], float]]) -> dict[Any, list[float]]:
    """Where there are no repetitions every pair stands for itself."""
    found: dict[Any, list[float]] = {}
    for number, (repetition, gap) in enumerate(difference):
        found.setdefault(repetition or number, []).append(gap)
    return found


def _natural(choice: str) -> tuple[int, float, str]:
    """Numbers by size, before words by letter."""
    try:
        return 0, float(choice), ""
    except ValueError:
        return 1, 0.0, choice
