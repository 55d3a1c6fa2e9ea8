"""Learning curves of one run as a picture."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from metrics.base import TaskMetrics
from metrics.figures import figure_text
from storage.whole_file import replaced

TRAIN, VAL = "#8a8f98", "#0b5fff"


def draw_curves(
    history: list[dict[str, float]], metrics: TaskMetrics, title: str, path: Path, baseline: float | None = None
) -> None:
    """Loss and what the task follows, of train and val per epoch → a PNG of 1200 x 500 pixels.

    Args:
        history: a record's `history`: epoch, train/loss, train/accuracy, val/loss, val/accuracy.
        baseline: what the answer that looks at no picture comes to on the validation set; drawn as a line.

    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(12, 5), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=12, x=0.01, ha="left")
    epochs = [int(row["epoch"]) + 1 for row in history]
    for axes, name in zip(figure.subplots(1, 2), ("loss", metrics.curve), strict=True):
        for part, colour in (("train", TRAIN), ("val", VAL)):
            values = [row.get(f"{part}/{name}") for row in history]
            axes.plot(epochs, values, color=colour, marker=".", label=part)
        if name == "loss":
            axes.set_ylim(bottom=0)
        else:
            _mark(axes, history, metrics, epochs, baseline)
        axes.set_xlabel("epoch")
        axes.set_ylabel(metrics.title(name))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
        axes.legend(frameon=False)
    with replaced(path) as unfinished:
        figure.savefig(unfinished)


def _mark(
    axes: Any, history: list[dict[str, float]], metrics: TaskMetrics, epochs: list[int], baseline: float | None
) -> None:
    """The best epoch, the baseline, and where the drawing ends."""
    name, rising = f"val/{metrics.curve}", metrics.curve_direction == "max"
    best = (max if rising else min)(range(len(history)), key=lambda row: history[row][name])
    value = history[best][name]
    axes.plot(epochs[best], value, "o", color=VAL, markerfacecolor="white", markersize=9)
    axes.annotate(
        f"best {figure_text(name, value)}",
        (epochs[best], value),
        (0, 9),
        textcoords="offset points",
        ha="center",
        color=VAL,
    )
    if baseline is not None:
        axes.axhline(baseline, color="#c0392b", linestyle=":", linewidth=1.2, label=metrics.constant_answer)
    if metrics.curve in metrics.own_unit:
        axes.set_ylim(0, 1.15 * max(baseline or 0, *(row[name] for row in history[len(history) // 10 :])))
    else:
        axes.set_ylim(0, 1.05)


def read_epochs(path: Path) -> list[dict[str, str]]:
    """Rows of a `metrics.csv` as they stand; none where there is no such file."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@contextmanager
def kept_epochs(
    path: Path, *, go_on: bool, history: Callable[[], Sequence[Mapping[str, float]]] = lambda: ()
) -> Iterator[None]:
    """Where a run goes on, puts earlier rows above those that the logger writes inside, which starts its file anew.

    Rows of epochs that had a checkpoint but no row yet when the run was killed are made of `history`, asked at the end: a mapping for
    each epoch from the first on.
    """
    earlier = read_epochs(path) if go_on else []
    try:
        yield
    finally:
        _join_epochs(path, earlier, history() if go_on else ())


def _join_epochs(path: Path, earlier: list[dict[str, str]], history: Sequence[Mapping[str, float]]) -> None:
    later = read_epochs(path)
    first = min((int(row["epoch"]) for row in later if row.get("epoch")), default=None)
    before = [row for row in earlier if row.get("epoch") and (first is None or int(row["epoch"]) < first)]
    known = {int(row["epoch"]) for row in before}
    until = len(history) if first is None else min(first, len(history))
    lost = [epoch for epoch in range(until) if epoch not in known]
    before += [{"epoch": str(epoch)} | {name: str(value) for name, value in history[epoch].items()} for epoch in lost]
    rows = sorted(before, key=lambda row: int(row["epoch"])) + later
    if len(rows) == len(later):
        return
    with replaced(path) as unfinished, unfinished.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)), restval="")
        writer.writeheader()
        writer.writerows(rows)
