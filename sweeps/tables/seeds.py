"""A point trained with several seeds: means of its figures with Student's t intervals, and what was printed of it."""

from collections.abc import Hashable, Mapping
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import yaml

from metrics.figures import BOOKKEEPING, is_share, main_figure
from metrics.intervals import t_interval
from metrics.lookup import all_metrics
from sweeps.records.run_record import Status
from sweeps.tables.grouping import groups, mean, repeat
from sweeps.tables.published import PUBLISHED

OF_A_RUN = ("weights", "multiply_adds", "teacher_weights", "temperature", "soft_share")
"""Columns that are no axes and that a point's row is made of."""


def repeated_figures(table: pd.DataFrame) -> list[str]:
    """Figures whose mean over seeds is given, of the part that nothing was chosen by, where a sweep has one."""
    return list(dict.fromkeys(name for one in all_metrics() for name in one.repeated if name in table))


def repeated(runs: pd.DataFrame) -> pd.DataFrame:
    """A row per point of finished runs that differ in the seed alone, of which there are two or more.

    Columns: the axes, runs, weights, multiply_adds (of one image), compression (1 - weights over the teachers', seed 003, section 2.3.4), part, and per
    figure its mean, `_low`, `_high` (95 %, Student's t) and `_sd`; printed, printed_ci95 in the figure's own unit.

    Args:
        runs: as `table.collect` gives them.

    """
    done = runs[runs.status == Status.DONE] if len(runs) else runs
    if not len(done) or "seed" not in done or main_figure(done) not in done:
        return pd.DataFrame()
    axes = [str(name) for name in done if name not in {*BOOKKEEPING, "seed"} and "/" not in str(name)]
    keys = [*axes, *(name for name in ("fingerprint", "recipe") if name in done)]
    told = yaml.safe_load(PUBLISHED.read_text())["students"]
    rows = []
    names = list(dict.fromkeys(name for one in all_metrics() for name in one.repeated))
    known, seeds = done.notna().to_numpy(), done.seed.to_numpy(object)
    about = done[[name for name in OF_A_RUN if name in done]].to_dict("records")
    figures: dict[str, npt.NDArray[np.float64]] = {}
    for values, at in groups(done, keys):
        if not repeat(seeds[at]):
            continue
        counts = known[at].sum(axis=0).tolist()
        tested = _tested(tuple(name for name, count in zip(done, counts, strict=True) if count))
        whole = {name: count == len(at) for name, count in zip(done, counts, strict=True)}
        row: dict[str, Any] = {name: values[name] for name in axes} | {"runs": len(at)} | _weights(about[at[0]])
        row["part"] = "test" if whole.get(tested) else "val"
        for name in names:
            column = f"{row['part']}/{name}"
            if whole.get(column):
                if column not in figures:
                    figures[column] = done[column].to_numpy(float, na_value=np.nan)
                found = figures[column][at]
                low, high = t_interval(found)
                row |= {name: found.mean(), f"{name}_low": low, f"{name}_high": high, f"{name}_sd": found.std(ddof=1)}
        rows.append(row | _printed(row, about[at[0]], told))
    table = pd.DataFrame(rows)
    return table.assign(printed_ci95=np.nan) if "printed" in table and "printed_ci95" not in table else table


def pooled_over_seeds(folds: pd.DataFrame) -> pd.DataFrame:
    """A row per point and group of photos of those pooled over folds with two seeds or more, each seed's folds pooled first.

    Columns: the axes that differ, group, seeds, cells, and per figure its mean, `_low`, `_high` (95 %, Student's t over seeds:
    what another start and order would change, not what other photos would).

    Args:
        folds: as `table.pooled` gives them.

    """
    if not len(folds) or "seed" not in folds:
        return pd.DataFrame()
    figures = [str(name) for name in folds if f"{name}_low" in folds]
    told = {*figures, *(f"{name}_{end}" for name in figures for end in ("low", "high"))}
    keys = [str(name) for name in folds if name not in {*told, *BOOKKEEPING, "seed", "folds"}]
    rows = []
    seeds, numbers = folds.seed.to_numpy(object), {name: folds[name].to_numpy(float) for name in figures}
    for values, at in groups(folds, keys):
        if not repeat(seeds[at]):
            continue
        row = values | {"seeds": len(at)}
        for name, column in numbers.items():
            low, high = t_interval(column[at])
            row |= {name: mean(column[at]), f"{name}_low": low, f"{name}_high": high}
        rows.append(row)
    table = pd.DataFrame(rows)
    if not len(table):
        return table
    fixed = {"group", "seeds", "cells", *told}
    kept = [name for name in table if name in fixed or name == "backbone" or table[name].astype(str).nunique() > 1]
    return table[kept]


def shown_repeats(table: pd.DataFrame, whole: pd.DataFrame | None = None) -> pd.DataFrame:
    """The columns of `repeated` for people, shares in percent: some rows, with the axes in which those of the whole table differ."""
    whole = table if whole is None else whole
    own = list(table.columns[table.columns.get_loc("runs") :])
    axes = [name for name in table if name not in own and (name == "backbone" or whole[name].astype(str).nunique() > 1)]
    shown = table[axes].assign(runs=table.runs)
    for name, words in (("weights", "{:,.0f}"), ("multiply_adds", "{:,.0f}"), ("compression", "{:.2%}")):
        if name in whole and whole[name].notna().any():
            shown[name] = [words.format(value) if pd.notna(value) else "–" for value in table[name]]
    for name in repeated_figures(table):
        ends = zip(table[name], table[f"{name}_high"], strict=True)
        shown[name] = [repeat_text(name, mean, high) for mean, high in ends]
    if "printed" in table:
        shown["printed"] = [f"{100 * value:.2f}" if pd.notna(value) else "–" for value in table.printed]
    return shown


def repeat_text(name: str, mean: float, high: float) -> str:
    """Mean and half the interval: shares in percent, others in their unit; – where there is none."""
    if pd.isna(mean):
        return "–"
    return f"{100 * mean:.2f} ± {100 * (high - mean):.2f}" if is_share(name) else f"{mean:.4g} ± {high - mean:.2g}"


@cache
def _tested(columns: tuple[Hashable, ...]) -> str:
    """The main figure on the test set of runs that have these columns."""
    return main_figure(columns).replace("val/", "test/")


def _weights(run: Mapping[str, Any]) -> dict[str, float]:
    """Of the network, what it computes, and how much smaller it is than its teachers; not a number where records do not say."""
    own, counted, teachers = (float(run.get(name, np.nan)) for name in OF_A_RUN[:3])
    return {"weights": own, "multiply_adds": counted, "compression": 1 - own / teachers if teachers > 0 else np.nan}


def _printed(row: dict[str, Any], run: Mapping[str, Any], told: dict[str, Any]) -> dict[str, float]:
    """The accuracy that the thesis printed for this network on this data, as a share; nothing where it did not."""
    one = told["networks"].get(row.get("backbone"))
    if row.get("datamodule") != told["datamodule"] or one is None:
        return {}
    if pd.isna(run.get("soft_share")) or run.get("soft_share") == 0:
        return {"printed": one["alone"] / 100} if "alone" in one else _accuracy(one)
    heat = run.get("temperature")
    if heat == one.get("temperature"):
        return _accuracy(one)
    others = told["temperatures"] if row["backbone"] == told["temperatures_of"] else {}
    return {"printed": others[heat] / 100} if heat in others else {}


def _accuracy(one: dict[str, float]) -> dict[str, float]:
    return {"printed": one["accuracy"] / 100, "printed_ci95": one["ci95"] / 100}
