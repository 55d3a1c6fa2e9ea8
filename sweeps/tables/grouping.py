"""Rows of a table that agree in some columns, without a table of their own for each group: thousands of groups take milliseconds."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Places = npt.NDArray[np.int64]


def groups(frame: pd.DataFrame, keys: Sequence[str]) -> Iterator[tuple[dict[str, Any], Places]]:
    """Per group, in the order of their first rows, its values of the keys and the places of its rows; a missing value is one as well."""
    if not len(frame):
        return
    if keys:
        number = frame.groupby(list(keys), dropna=False, sort=False).ngroup().to_numpy()
    else:
        number = np.zeros(len(frame), np.int64)
    order = np.argsort(number, kind="stable")
    places = np.split(order, np.flatnonzero(np.diff(number[order])) + 1)
    first = frame.iloc[[group[0] for group in places]]
    columns = [first[name].tolist() for name in keys]
    for at, group in enumerate(places):
        yield {name: column[at] for name, column in zip(keys, columns, strict=True)}, group


def mean(values: npt.NDArray[np.float64]) -> float:
    """As pandas has it: of the numbers that there are, NaN where there is none."""
    missing = np.isnan(values)
    count = len(values) - int(missing.sum())
    return float(np.where(missing, 0.0, values).sum() / count) if count else float("nan")


def repeat(values: npt.NDArray[Any]) -> bool:
    """Whether seeds, or folds, of a point are two or more and no two of them the same."""
    known = [value for value in values if not pd.isna(value)]
    return len(known) > 1 and len(set(known)) == len(known) and len(values) - len(known) < 2
