"""95 % intervals: over repetitions, and over resampled sources."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from metrics.figures import is_share
from metrics.resampling import counted, drawn_figures, source_counts

FEW_SOURCES = 6
"""So many at least are resampled: percentiles over fewer are narrower than they say."""
FEW_REPEATS = 500


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

    Fewer than `FEW_SOURCES` say too little of how sources differ to be resampled. A share then gets the exact binomial interval (Clopper
    and Pearson 1934) of as many answers as there are sources, as if each were right or wrong as a whole: shares cannot spread wider. It does so
    whatever the number of sources where every draw is 1, or 0. Other figures get Student's, from the spread of the draws.

    `figures` maps names to functions of (labels, grades).
    """
    sources = len(np.unique(source_ids))
    if sources < FEW_SOURCES:
        return _of_few(labels, grades, source_ids, figures, seed)
    if counted(figures, labels, grades):
        found = drawn_figures(labels, grades, source_ids, figures, source_counts(source_ids, repeats, seed))
        return {name: _percentiles(values, sources, share=is_share(name)) for name, values in found.items()}
    draws: dict[str, list[float]] = {name: [] for name in figures}
    for chosen in resampled_sources(source_ids, repeats, seed):
        for name, figure in figures.items():
            draws[name].append(figure(labels[chosen], grades[chosen]))
    return {name: _percentiles(np.array(values), sources, share=is_share(name)) for name, values in draws.items()}


def _of_few(
    labels: npt.NDArray[Any],
    grades: npt.NDArray[Any],
    source_ids: npt.NDArray[np.str_],
    figures: dict[str, Any],
    seed: int,
) -> dict[str, tuple[float, float]]:
    sources, found = len(np.unique(source_ids)), {}
    for name, figure in figures.items():
        value = float(figure(labels, grades))
        if is_share(name):
            found[name] = exact_interval(value, sources)
        else:
            chosen = resampled_sources(source_ids, FEW_REPEATS, seed)
            found[name] = student_interval(
                value, float(np.nanstd([figure(labels[at], grades[at]) for at in chosen])), sources
            )
    return found


def exact_interval(share: float, count: int) -> tuple[float, float]:
    """95 % interval of a share of `count` answers (Clopper and Pearson 1934), of a count that need not be whole; NaN, NaN of NaN."""
    from scipy.special import betaincinv

    if np.isnan(share):
        return float("nan"), float("nan")
    right = share * count
    low = 0.0 if right == 0 else float(betaincinv(right, count - right + 1, 0.025))
    return low, 1.0 if right == count else float(betaincinv(right + 1, count - right, 0.975))


def student_interval(value: float, spread: float, sources: int) -> tuple[float, float]:
    """95 % interval around a value, from the standard deviation of draws of so many sources; NaN, NaN of one, which has no spread."""
    if sources < 2:
        return float("nan"), float("nan")
    from scipy.special import stdtrit

    half = spread * np.sqrt(sources / (sources - 1)) * stdtrit(sources - 1, 0.975)
    return float(value - half), float(value + half)


def drawn_interval(
    draws: npt.NDArray[np.float64], value: float, sources: int, most: float = np.inf
) -> tuple[float, float]:
    """95 % interval of a difference, from its draws over resampled sources: percentiles, of few sources Student's; NaN, NaN of one.

    `most` is the largest that the difference can be.
    """
    known = draws[np.isfinite(draws)]
    if not len(known):
        return float("nan"), float("nan")
    if sources < FEW_SOURCES:
        low, high = student_interval(value, float(known.std()), sources)
        return max(low, -most), min(high, most)
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)


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
    if share and (values.min() == 1 or values.max() == 0):
        return exact_interval(float(values[0]), sources)
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
