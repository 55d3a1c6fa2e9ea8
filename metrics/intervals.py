"""95 % intervals: over repetitions, and over resampled sources."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from metrics.figures import is_share
from metrics.resampling import counted, drawn_figures, source_counts


def t_interval(values: Any) -> tuple[float, float]:
    """95 % interval of the mean of few values; NaN, NaN for fewer than two."""
    values = np.asarray(values, float)
    if len(values) < 2:
        return float("nan"), float("nan")
    from scipy.special import stdtrit  # what scipy.stats.t asks; a second less to import

    spread = values.std(ddof=1) / np.sqrt(len(values)) * stdtrit(len(values) - 1, 0.975)
    return float(values.mean() - spread), float(values.mean() + spread)


def bootstrap_interval(
    labels: npt.NDArray[Any],
    grades: npt.NDArray[Any],
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
    if counted(figures, labels, grades):
        found = drawn_figures(labels, grades, source_ids, figures, source_counts(source_ids, repeats, seed))
        return {
            name: _percentiles(values, len(np.unique(source_ids)), share=is_share(name))
            for name, values in found.items()
        }
    draws: dict[str, list[float]] = {name: [] for name in figures}
    for chosen in resampled_sources(source_ids, repeats, seed):
        for name, figure in figures.items():
            draws[name].append(figure(labels[chosen], grades[chosen]))
    sources = len(np.unique(source_ids))
    return {name: _percentiles(np.array(values), sources, share=is_share(name)) for name, values in draws.items()}


def resampled_sources(source_ids: npt.NDArray[np.str_], repeats: int, seed: int = 0) -> Iterator[npt.NDArray[np.intp]]:
    """Places of the samples of as many sources as there are, drawn with replacement; once per repeat."""
    rng = np.random.default_rng(seed)
    _, source = np.unique(source_ids, return_inverse=True)
    places, counts = np.argsort(source, kind="stable"), np.bincount(source)
    starts = np.cumsum(counts) - counts
    for _ in range(repeats):
        drawn = rng.integers(len(counts), size=len(counts))
        sizes = counts[drawn]
        ends = np.cumsum(sizes)
        yield places[np.repeat(starts[drawn] - (ends - sizes), sizes) + np.arange(ends[-1])]


def _percentiles(values: npt.NDArray[np.float64], sources: int, *, share: bool) -> tuple[float, float]:
    values = values[~np.isnan(values)]  # a draw without damaged cells misses none of them
    if not len(values):
        return float("nan"), float("nan")
    least = 0.025 ** (1 / sources)
    if share and values.min() == 1:
        return least, 1.0
    if share and values.max() == 0:
        return 0.0, 1 - least
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
