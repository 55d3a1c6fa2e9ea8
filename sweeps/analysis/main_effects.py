"""What a choice does, all else equal: paired differences between runs, with intervals over repetitions."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from metrics.figures import main_figure
from metrics.intervals import t_interval
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
        for choice in sorted(choices[1:], key=_natural):
            effect = paired_effect(runs, axes, axis, choice, against, figure)
            if effect is not None:
                effects.append(effect)
    return effects


def paired_effect(
    runs: pd.DataFrame, axes: list[str], axis: str, choice: str, against: str, figure: str
) -> Effect | None:
    """The mean difference of runs that are equal but for one axis; None where there are none.

    Runs that start pretrained are not held against runs that start at random: where there are no others, the effect has
    no figure and a note. Differences are first averaged within each repetition (seed and fold), so that points which share a split and a
    seed do not pass for independent ones.
    """
    others = [name for name in {*axes, *REPEATS, "initial_weights"} if name != axis and name in runs]
    difference = _differences(runs, others, axis, choice, against, figure)
    if not len(difference):
        across = _differences(
            runs, [name for name in others if name != "initial_weights"], axis, choice, against, figure
        )
        nan, note = float("nan"), "not compared: pretrained against random start"
        return Effect(axis, choice, against, figure, nan, nan, nan, 0, 0, note) if len(across) else None
    repeats = [name for name in REPEATS if name in others]
    means = difference.groupby(level=repeats).mean() if repeats else difference
    low, high = t_interval(means.to_numpy())
    return Effect(axis, choice, against, figure, float(means.mean()), low, high, len(difference), len(means))


def _differences(
    runs: pd.DataFrame, others: list[str], axis: str, choice: str, against: str, figure: str
) -> "pd.Series[float]":
    """Of runs that agree in the other columns, indexed by these; one of each where several agree."""
    keyed = runs.assign(**{name: runs[name].astype(str) for name in [*others, axis]})
    one, other = (keyed[keyed[axis] == value].set_index(others)[figure] for value in (choice, against))
    one, other = one[~one.index.duplicated()], other[~other.index.duplicated()]
    return (one - other).dropna()


def _natural(choice: str) -> tuple[int, float, str]:
    """Numbers by size, before words by letter."""
    try:
        return 0, float(choice), ""
    except ValueError:
        return 1, 0.0, choice
