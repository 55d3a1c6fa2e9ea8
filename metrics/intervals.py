"""95 % intervals: over repetitions, and over resampled sources."""

from typing import Any

import numpy as np
import numpy.typing as npt

from metrics.figures import is_share
from metrics.grading import Grades


def t_interval(values: Any) -> tuple[float, float]:
    """95 % interval of the mean of few values; NaN, NaN for fewer than two."""
    values = np.asarray(values, float)
    if len(values) < 2:
        return float("nan"), float("nan")
    from scipy import stats  # 0.7 seconds, which a command that shows no interval can spare

    spread = stats.sem(values) * stats.t.ppf(0.975, len(values) - 1)
    return float(values.mean() - spread), float(values.mean() + spread)


def bootstrap_interval(
    labels: Grades,
    grades: Grades,
    source_ids: npt.NDArray[np.str_],
    figures: dict[str, Any],
    *,
    repeats: int = 2000,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """95 % percentile intervals over resampled sources: cells of one device are not independent.

    Where every draw of a share is 1, or 0, there is nothing to resample: the interval is then the exact binomial one (Clopper and
    Pearson 1934) of as many right, or wrong, answers as there are sources.

    `figures` maps names to functions of (labels, grades).
    """
    rng = np.random.default_rng(seed)
    _, source = np.unique(source_ids, return_inverse=True)
    members = [np.flatnonzero(source == number) for number in range(source.max() + 1)]
    draws: dict[str, list[float]] = {name: [] for name in figures}
    for _ in range(repeats):
        chosen = np.concatenate([members[number] for number in rng.integers(len(members), size=len(members))])
        for name, figure in figures.items():
            draws[name].append(figure(labels[chosen], grades[chosen]))
    return {name: _percentiles(values, len(members), share=is_share(name)) for name, values in draws.items()}


def _percentiles(values: list[float], sources: int, *, share: bool) -> tuple[float, float]:
    values = [value for value in values if not np.isnan(value)]  # a draw without damaged cells misses none of them
    if not values:
        return float("nan"), float("nan")
    least = 0.025 ** (1 / sources)
    if share and min(values) == 1:
        return least, 1.0
    if share and max(values) == 0:
        return 0.0, 1 - least
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
