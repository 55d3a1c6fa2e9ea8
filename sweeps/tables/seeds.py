"""A point trained with several seeds: means of its figures with Student's t intervals, and what was printed of it."""

from typing import Any

import numpy as np
import pandas as pd
import yaml

from metrics.figures import BOOKKEEPING, is_share, main_figure
from metrics.intervals import t_interval
from metrics.lookup import all_metrics
from sweeps.records.run_record import Status
from sweeps.tables.published import PUBLISHED


def repeated_figures(table: pd.DataFrame) -> list[str]:
    """Figures whose mean over seeds is given, of the part that nothing was chosen by, where a sweep has one."""
    return list(dict.fromkeys(name for one in all_metrics() for name in one.repeated if name in table))


def repeated(runs: pd.DataFrame) -> pd.DataFrame:
    """A row per point of finished runs that differ in the seed alone, of which there are two or more.

    Columns: the axes, runs, weights, compression (1 - weights over the teachers', seed 003, section 2.3.4), part, and per
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
    for values, group in done.groupby(keys, dropna=False, sort=False):
        if group.seed.nunique() < 2 or group.seed.duplicated().any():
            continue
        known = dict(zip(keys, values, strict=True))
        row: dict[str, Any] = {name: known[name] for name in axes} | {"runs": len(group)} | _weights(group)
        tested = main_figure(group.columns[group.notna().any()]).replace("val/", "test/")
        row["part"] = "test" if tested in group and group[tested].notna().all() else "val"
        for name in dict.fromkeys(name for one in all_metrics() for name in one.repeated):
            column = f"{row['part']}/{name}"
            if column in group and group[column].notna().all():
                found = group[column].to_numpy(float)
                low, high = t_interval(found)
                row |= {name: found.mean(), f"{name}_low": low, f"{name}_high": high, f"{name}_sd": found.std(ddof=1)}
        rows.append(row | _printed(row, group.iloc[0], told))
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
    for values, group in folds.groupby(keys, dropna=False, sort=False):
        if group.seed.nunique() < 2 or group.seed.duplicated().any():
            continue
        row: dict[str, Any] = dict(zip(keys, values, strict=True)) | {"seeds": len(group)}
        for name in figures:
            low, high = t_interval(group[name])
            row |= {name: group[name].mean(), f"{name}_low": low, f"{name}_high": high}
        rows.append(row)
    table = pd.DataFrame(rows)
    if not len(table):
        return table
    fixed = {"group", "seeds", "cells", *told}
    kept = [name for name in table if name in fixed or name == "backbone" or table[name].astype(str).nunique() > 1]
    return table[kept]


def shown_repeats(table: pd.DataFrame) -> pd.DataFrame:
    """The columns of `repeated` for people, shares in percent."""
    own = list(table.columns[table.columns.get_loc("runs") :])
    axes = [name for name in table if name not in own and (name == "backbone" or table[name].astype(str).nunique() > 1)]
    shown = table[axes].assign(runs=table.runs)
    for name in ("weights", "compression"):
        if table[name].notna().any():
            words = "{:,.0f}" if name == "weights" else "{:.2%}"
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


def _weights(group: pd.DataFrame) -> dict[str, float]:
    """Of the network, and how much smaller it is than its teachers; not a number where records do not say."""
    own, teachers = (float(group[name].iloc[0]) if name in group else np.nan for name in ("weights", "teacher_weights"))
    return {"weights": own, "compression": 1 - own / teachers if teachers > 0 else np.nan}


def _printed(row: dict[str, Any], run: "pd.Series[Any]", told: dict[str, Any]) -> dict[str, float]:
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
