"""How far two sets of images lie apart in a network, layer by layer: is what was rendered like what is real?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Gap:
    """Distance of two sets of images at one layer."""

    layer: str
    mmd: float
    """Squared maximum mean discrepancy under the polynomial kernel, unbiased: 0 for sets of one kind, below it by chance."""
    low: float
    high: float
    """95 % of it over halves of both sets, drawn again and again."""
    p_value: float
    """How often sets whose members are shuffled lie as far apart."""
    told_apart: float
    """Balanced accuracy of a logistic regression on images that it has not seen; 0.5: it cannot tell."""

    @property
    def a_distance(self) -> float:
        """2 (1 - 2 error) (Ben-David et al. 2007): 0 where the sets cannot be told apart, 2 where they always can."""
        return max(0.0, 2 * (2 * self.told_apart - 1))


def gap_of(
    layer: str, one: Features, other: Features, sources: Sequence[str] | None = None, *, draws: int = 200, seed: int = 0
) -> Gap:
    """The gap between two sets of pooled features `(N, C)` and `(M, C)`.

    Channels are first brought to the same scale over both sets, so that layers compare. Bińkowski et al. 2018, section 4, for
    the kernel, Gretton et al. 2012 for the estimate and the test by shuffling.

    Args:
        sources: what each image comes from, `(N + M,)`, the first set's first: cells of one photo are shuffled, drawn and held
            out together. None: every image by itself.

    Raises ValueError for fewer than 4 sources in a set.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

    known = (
        np.arange(len(one) + len(other)) if sources is None else np.unique(np.asarray(sources), return_inverse=True)[1]
    )
    truth = np.repeat([0, 1], [len(one), len(other)])
    groups = 2 * known + truth  # a name may be in both sets
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    kinds = np.array([truth[each[0]] for each in members])
    counts = [int((kinds == kind).sum()) for kind in (0, 1)]
    if min(counts) < 4:
        raise ValueError(f"{counts[0]} and {counts[1]} images, or photos: want at least 4 in each set")
    rng = np.random.default_rng(seed)
    both = np.concatenate([one, other])
    spread = both.std(axis=0)
    both = (both - both.mean(axis=0)) / np.where(spread > 1e-12, spread, 1.0)
    kernel = (both @ both.T / both.shape[1] + 1) ** 3
    halves, shuffled = [], []

    def apart(chosen: npt.NDArray[np.intp], said: npt.NDArray[np.intp]) -> float:
        sides = [np.concatenate([members[group] for group in chosen[said == kind]]) for kind in (0, 1)]
        return mmd_squared(kernel, *sides)

    everything = np.arange(len(members))
    found = apart(everything, kinds)
    for _ in range(draws):
        half = [rng.choice(everything[kinds == kind], max(2, counts[kind] // 2), replace=False) for kind in (0, 1)]
        halves.append(apart(np.concatenate(half), kinds[np.concatenate(half)]))
        shuffled.append(apart(everything, rng.permutation(kinds)))
    folds = StratifiedGroupKFold(min(5, *counts), shuffle=True, random_state=seed)
    judge = LogisticRegression(C=0.1, class_weight="balanced", max_iter=1000)
    told = cross_val_predict(judge, both, truth, groups=groups, cv=folds)
    balanced = np.mean([np.mean(told[truth == kind] == kind) for kind in (0, 1)])
    low, high = np.percentile(halves, [2.5, 97.5])
    p_value = (1 + np.sum(np.array(shuffled) >= found)) / (1 + draws)
    return Gap(layer, float(found), float(low), float(high), float(p_value), float(balanced))


def mmd_squared(kernel: Features, mine: npt.NDArray[np.intp], others: npt.NDArray[np.intp]) -> float:
    """Unbiased estimate from a kernel matrix `(N, N)` and the indices of both sets (Gretton et al. 2012, equation 3)."""
    within = []
    for some in (mine, others):
        block = kernel[np.ix_(some, some)]
        within.append((block.sum() - np.trace(block)) / (len(some) * (len(some) - 1)))
    return float(within[0] + within[1] - 2 * kernel[np.ix_(mine, others)].mean())
