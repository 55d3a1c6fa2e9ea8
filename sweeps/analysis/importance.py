"""How much of the differences between runs each axis accounts for."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestRegressor

FEWEST_RUNS = 12
MOST_RUNS = 1000
TREES, SHUFFLES = 100, 10


@dataclass(frozen=True)
class Importance:
    """Of all axes."""

    axes: list[tuple[str, float, float]]
    """Name, share of the sum (0 to 1) and its standard deviation over shufflings; the most important first."""
    explained: float
    """R² of the forest on runs that its trees have not seen: near 0 where the axes say nothing of the figure."""
    runs: int


def importance(runs: pd.DataFrame, axes: list[str], figure: str) -> Importance | None:
    """Permutation importance of the axes in a random forest (Breiman 2001, as scikit-learn has both).

    The forest is fitted to the figure of the runs, by the axes as they are, numbers by their size and words as a choice each; the
    importance of an axis is by how much R² falls when its values are shuffled among the runs. Unlike paired effects it sees what
    axes do together, and says nothing of a direction.

    Args:
        runs: a row per finished run.
        axes: columns that differ between them, seed and fold included: what these account for is noise, or the pictures.
        figure: column.

    Returns:
        None for fewer than FEWEST_RUNS runs or than two axes that differ; of more than MOST_RUNS a sample is taken.

    """
    known = runs[runs[figure].notna()] if figure in runs else runs.head(0)
    axes = [axis for axis in axes if axis in known and known[axis].astype(str).nunique() > 1]
    if len(known) < FEWEST_RUNS or len(axes) < 2:
        return None
    from sklearn.ensemble import RandomForestRegressor

    known = known.sample(min(len(known), MOST_RUNS), random_state=0)
    worth = known[figure].to_numpy(float)
    columns = {axis: _numbers(known[axis]) for axis in axes}
    forest = RandomForestRegressor(TREES, oob_score=True, random_state=0)
    forest.fit(np.concatenate(list(columns.values()), axis=1), worth)
    falls = _falls(forest, columns, worth)
    means, total = falls.mean(axis=1), max(float(falls.mean(axis=1).clip(0).sum()), 1e-12)
    order = np.argsort(-means)
    shares = [(axes[at], max(0.0, float(means[at])) / total, float(falls[at].std()) / total) for at in order]
    return Importance(shares, float(forest.oob_score_), len(known))


def _numbers(values: pd.Series) -> npt.NDArray[np.float64]:
    """`(N, 1)` for numbers, `(N, choices)` of 0 and 1 for words."""
    plain = pd.to_numeric(values, errors="coerce")
    if plain.notna().all():
        return plain.to_numpy(np.float64)[:, None]
    return pd.get_dummies(values.astype(str)).to_numpy(np.float64)


def _falls(
    forest: "RandomForestRegressor", columns: dict[str, npt.NDArray[np.float64]], worth: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """By how much R² falls, `(axes, SHUFFLES)`: all columns of an axis are shuffled together."""
    rng = np.random.default_rng(0)
    spread = float(((worth - worth.mean()) ** 2).sum()) or 1.0

    def r2(table: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Of each of the tables that lie one above the other."""
        given = forest.predict(table).reshape(-1, len(worth))
        return np.asarray(1 - ((worth - given) ** 2).sum(axis=1) / spread, np.float64)

    plain = np.concatenate(list(columns.values()), axis=1)
    ends = np.cumsum([values.shape[1] for values in columns.values()])
    falls = []
    for end, values in zip(ends, columns.values(), strict=True):
        many = np.tile(plain, (SHUFFLES, 1))  # one call for all of them: most of its time is spent before the first row
        for at in range(SHUFFLES):
            rows = slice(at * len(worth), (at + 1) * len(worth))
            many[rows, end - values.shape[1] : end] = values[rng.permutation(len(worth))]
        falls.append(r2(plain)[0] - r2(many))
    return np.array(falls)
