"""Figures over resampled sources: by counts, all draws at once, where a figure is made of counts, else draw by draw."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CountedFigure:
    """A figure of grades that depends on the confusion matrix alone; called with labels and grades, `(N,)` each."""

    figure: Callable[[npt.NDArray[np.int64], npt.NDArray[np.int64]], float]
    of_counts: Callable[[Numbers], Numbers]
    """Confusion matrices `(R, K, K)`, label by grade → the figure of each, `(R,)`; NaN where it has none."""

    def __call__(self, labels: npt.NDArray[np.int64], grades: npt.NDArray[np.int64]) -> float:
        """The figure of these samples."""
        return self.figure(labels, grades)


def source_counts(source_ids: npt.NDArray[np.str_], repeats: int, seed: int) -> npt.NDArray[np.int64]:
    """How often each source is drawn, `(repeats, sources)`, in the order of `np.unique`."""
    return _draws(len(np.unique(source_ids)), repeats, seed)


@lru_cache(32)
def _draws(sources: int, repeats: int, seed: int) -> npt.NDArray[np.int64]:
    rng = np.random.default_rng(seed)
    return np.stack([np.bincount(rng.integers(sources, size=sources), minlength=sources) for _ in range(repeats)])


def counted(figures: Mapping[str, Any], *arrays: npt.NDArray[Any]) -> bool:
    """Whether all of these figures of these labels and grades can be had from counts."""
    whole = all(array.ndim == 1 and np.issubdtype(array.dtype, np.integer) for array in arrays)
    return whole and all(isinstance(one, CountedFigure) for one in figures.values())


def drawn_figures(
    labels: npt.NDArray[np.int64], grades: npt.NDArray[np.int64], source_ids: npt.NDArray[np.str_],
    figures: Mapping[str, Any], draws: npt.NDArray[np.int64],
) -> dict[str, Numbers]:  # fmt: skip
    """Each figure over every draw `(R,)`, all at once. `draws`: as `source_counts` gives them."""
    size = int(max(labels.max(), grades.max())) + 1
    _, source = np.unique(source_ids, return_inverse=True)
    places = (source * size + labels) * size + grades
    counts = np.bincount(places, minlength=draws.shape[1] * size * size).reshape(draws.shape[1], -1)
    matrices = (draws @ counts).astype(float).reshape(len(draws), size, size)
    return {name: figure.of_counts(matrices) for name, figure in figures.items()}
