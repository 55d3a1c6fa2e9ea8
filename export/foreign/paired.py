"""Two files' answers to the same pictures: figures of each, and differences with intervals over resampled sources."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from metrics.figures import is_share
from metrics.grading import GradingMetrics
from metrics.intervals import drawn_interval
from metrics.resampling import drawn_figures, source_counts
from sweeps.tables.console import print_fitting

REPEATS = 2000
MISSED = "missed_damage"


@dataclass(frozen=True)
class Difference:
    """A figure of one part."""

    part: str
    figure: str
    old: float
    new: float
    low: float
    """95 % bootstrap over sources of new less old, paired; `high` its other end. NaN with one source."""
    high: float

    @property
    def loss(self) -> float:
        """How much worse the new file is, above 0 where it is."""
        gain = self.new - self.old
        return gain if GradingMetrics().direction_of(self.figure) == "min" else -gain


def compared(rows: pd.DataFrame, *, ordered: bool) -> list[Difference]:
    """Every figure of every part.

    Args:
        rows: source_id, part, label, old, new; a row per picture, places of classes.
        ordered: whether the classes are grades: the first is the best, all others are damage.

    """
    metrics = GradingMetrics()
    found = []
    for part, here in rows.groupby("part", sort=False):
        labels, sources = here.label.to_numpy(np.int64), here.source_id.to_numpy(str)
        answers = [here[name].to_numpy(np.int64) for name in ("old", "new")]
        figures = metrics.table_columns(ordered)
        draws = source_counts(sources, REPEATS, 0)
        before, after = (drawn_figures(labels, one, sources, figures, draws) for one in answers)
        for name, figure in figures.items():
            old, new = (float(figure(labels, one)) for one in answers)
            if np.isnan(old):
                continue
            low, high = drawn_interval(
                after[name] - before[name], new - old, draws.shape[1], most=1 if is_share(name) else np.inf
            )
            found.append(Difference(str(part), name, old, new, low, high))
    return found


def worse(found: Sequence[Difference], max_loss: float) -> list[str]:
    """In what the new file may not replace the old one: it misses more damage, or loses more than `max_loss` of a figure."""
    complaints = []
    for one in found:
        if one.figure == MISSED and one.loss > 0:
            complaints.append(f"misses more damage on {one.part} ({one.old:.3f} to {one.new:.3f})")
        elif one.figure in ("accuracy", "macro_f1") and one.loss > max_loss + 1e-12:
            name = GradingMetrics().title(one.figure)
            complaints.append(f"loses {one.loss:.3f} of {name} on {one.part}, more than max_loss={max_loss:g}")
    return complaints


def print_comparison(found: Sequence[Difference], rows: pd.DataFrame, old: str, new: str) -> None:
    """Agreement, a row per figure, and the damage that each file misses."""
    console = Console(width=None if Console().is_terminal else 160)
    table = Table("part", "figure", old, new, "difference", "95 %")
    for one in found:
        interval = "–" if np.isnan(one.low) else f"[{one.low:+.3f}, {one.high:+.3f}]"
        title = GradingMetrics().title(one.figure)
        table.add_row(one.part, title, f"{one.old:.3f}", f"{one.new:.3f}", f"{one.new - one.old:+.3f}", interval)
    print_fitting(console, table)
    for part, here in rows.groupby("part", sort=False):
        same, sources = float((here.old == here.new).mean()), here.source_id.nunique()
        line = f"{part}: {len(here)} pictures of {sources} sources, {100 * same:.1f} % answered alike"
        damaged = here[here.label > 0]
        if len(damaged) and any(one.figure == MISSED and one.part == part for one in found):
            line += (
                f"; missed damage {int((damaged.old == 0).sum())} and {int((damaged.new == 0).sum())} of {len(damaged)}"
            )
        print(line)
