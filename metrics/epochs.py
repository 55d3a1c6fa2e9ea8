"""Figures that come from the course of a training."""

import numpy as np

from metrics.base import TaskMetrics


def epoch_metrics(history: list[dict[str, float]], metrics: TaskMetrics) -> dict[str, float]:
    """Of a record's `history`, an entry per epoch.

    `val/<main>_top10_mean` is the thesis's accuracy: the mean of the ten best epochs (section 4.2); `val/loss` is
    of the epoch with the best main figure, the first such; `val/best_epoch` counts from 0.
    """
    main = f"val/{metrics.main}"
    values = [row[main] for row in history]
    ranked = sorted(values, key=metrics.signed)
    best = values.index(ranked[-1])
    return {
        "val/best_epoch": best,
        "val/loss": history[best]["val/loss"],
        "val/last/loss": history[-1]["val/loss"],
        f"{main}_top10_mean": float(np.mean(ranked[-10:])),
        **{name: value for name, value in history[-1].items() if name.startswith("train/")},
    }
