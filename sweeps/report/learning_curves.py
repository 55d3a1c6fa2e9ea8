"""Learning curves of one run as a picture."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from metrics.figures import main_figure, plain

TRAIN, VAL = "#8a8f98", "#0b5fff"


def draw_curves(history: list[dict[str, float]], title: str, path: Path, majority: float | None = None) -> None:
    """Loss and accuracy, Dice or MAE, of train and val per epoch → a PNG of 1200 x 500 pixels.

    Args:
        history: a record's `history`: epoch, train/loss, train/accuracy, val/loss, val/accuracy.
        majority: val accuracy of always giving the commonest label, of numbers the MAE of the median; drawn as a line.

    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(12, 5), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=12, x=0.01, ha="left")
    epochs = [int(row["epoch"]) + 1 for row in history]
    main = plain(main_figure(history[0]))
    followed = "mae" if main == "r2" else main  # which training knows too
    for axes, name in zip(figure.subplots(1, 2), ("loss", followed), strict=True):
        for part, colour in (("train", TRAIN), ("val", VAL)):
            values = [row.get(f"{part}/{name}") for row in history]
            axes.plot(epochs, values, color=colour, marker=".", label=part)
        _mark(axes, name, history, epochs, majority)
        axes.set_xlabel("epoch")
        axes.set_ylabel(name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
        axes.legend(frameon=False)
    figure.savefig(path)


def _mark(axes: Any, name: str, history: list[dict[str, float]], epochs: list[int], majority: float | None) -> None:
    if name == "loss":
        axes.set_ylim(bottom=0)
        return
    choose = min if name == "mae" else max
    best = choose(range(len(history)), key=lambda row: history[row][f"val/{name}"])
    value = history[best][f"val/{name}"]
    axes.plot(epochs[best], value, "o", color=VAL, markerfacecolor="white", markersize=9)
    axes.annotate(
        f"best {value:.3g}" if name == "mae" else f"best {value:.3f}",
        (epochs[best], value), (0, 9), textcoords="offset points", ha="center", color=VAL,
    )  # fmt: skip
    if majority is not None:
        told = "always the median" if name == "mae" else "commonest label"
        axes.axhline(majority, color="#c0392b", linestyle=":", linewidth=1.2, label=told)
    if name == "mae":
        axes.set_ylim(0, 1.15 * max(majority or 0, *(row[f"val/{name}"] for row in history[len(history) // 10 :])))
    else:
        axes.set_ylim(0, 1.05)


def read_epochs(path: Path) -> list[dict[str, str]]:
    """Rows of a `metrics.csv` as they stand; none where there is no such file."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@contextmanager
def kept_epochs(path: Path, *, go_on: bool) -> Iterator[None]:
    """Where a run goes on, puts earlier rows above those that the logger writes inside, which starts its file anew."""
    earlier = read_epochs(path) if go_on else []
    try:
        yield
    finally:
        _join_epochs(path, earlier)


def _join_epochs(path: Path, earlier: list[dict[str, str]]) -> None:
    later = read_epochs(path)
    first = min((int(row["epoch"]) for row in later if row.get("epoch")), default=None)
    rows = [row for row in earlier if row.get("epoch") and (first is None or int(row["epoch"]) < first)] + later
    if len(rows) == len(later):
        return
    unfinished = path.with_suffix(".part")
    with unfinished.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)), restval="")
        writer.writeheader()
        writer.writerows(rows)
    unfinished.replace(path)
