"""What a method that was chosen among several, by the very answers that judge it, may be expected to give elsewhere."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from metrics.base import Figure
from metrics.intervals import resampled_sources

REPEATS = 500


def optimism(
    truth: Any,
    answers: Sequence[Any],
    chosen: int,
    source_ids: npt.NDArray[np.str_],
    main: Callable[[Any, Any], float],
    figures: dict[str, Figure],
) -> dict[str, float]:
    """How much better the chosen method's figures look for having been chosen by them.

    As Tsamardinos et al. 2018 correct cross validation by bootstrap, nothing is trained again: sources are drawn with
    replacement, the best method on those drawn is looked up and held against its figure on those not drawn. What a method that
    is fixed beforehand differs by between the two, a small sample's bias, is taken off.

    Args:
        truth: of N samples.
        answers: of each method, to the same samples.
        chosen: place of the chosen method.
        source_ids: `(N,)`.
        main: the figure that chooses, turned so that more is better.
        figures: those that are corrected.

    Returns:
        name → what is to be taken off the figure; 0 for a single method.

    """
    if len(answers) == 1:
        return dict.fromkeys(figures, 0.0)
    differences: dict[str, list[float]] = {name: [] for name in figures}
    for drawn in resampled_sources(source_ids, REPEATS):
        left = np.setdiff1d(np.arange(len(source_ids)), drawn)
        if not len(left):
            continue
        winner = int(np.argmax([main(truth[drawn], given[drawn]) for given in answers]))
        for name, figure in figures.items():
            won, fixed = (
                figure(truth[drawn], given[drawn]) - figure(truth[left], given[left])
                for given in (answers[winner], answers[chosen])
            )
            differences[name].append(won - fixed)
    return {name: float(np.nanmean(values)) for name, values in differences.items()}
