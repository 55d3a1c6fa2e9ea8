"""True against given numbers as a picture."""

from pathlib import Path

import numpy as np
import pandas as pd

from storage.whole_file import replaced

DOT, LINE = "#0b5fff", "#8a8f98"


def draw_scatter(answers: pd.DataFrame, name: str, span: tuple[float, float], path: Path) -> None:
    """Given over true numbers beside the errors → a JPEG of 1200 x 500 pixels.

    Args:
        answers: with `number` and `given_number`, a row per image.
        name: what the numbers are.
        span: the ends of their range.

    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    true, given = answers.number.to_numpy(), answers.given_number.to_numpy()
    figure = Figure(figsize=(12, 5), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    left.plot(span, span, color=LINE, linewidth=1.2, label="given = true")
    left.plot(true, given, ".", color=DOT, alpha=0.5, markersize=5)
    left.set_xlim(*span)
    left.set_xlabel(f"true {name}")
    left.set_ylabel(f"given {name}")
    left.legend(frameon=False)
    error = given - true
    right.axvline(0, color=LINE, linewidth=1.2)
    right.hist(error, bins=min(60, max(10, len(error) // 4)), color=DOT, alpha=0.85)
    right.set_xlabel(f"given less true; mean of its size {np.abs(error).mean():.3g}")
    right.set_ylabel("images of the validation set")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    with replaced(path) as unfinished:
        figure.savefig(unfinished, pil_kwargs={"quality": 88})
