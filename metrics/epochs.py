"""Figures that come from the course of a training."""

import numpy as np

from metrics.base import TaskMetrics


def epoch_metrics(
    history: list[dict[str, float]], metrics: TaskMetrics, monitor: str, shipped: str
) -> dict[str, float]:
    """Of a record's `history`, an entry per epoch.

    Args:
        monitor: the figure by which best.ckpt was chosen, such as val/loss.
        shipped: best or last, the checkpoint whose figures stand without a prefix.

    `val/<headline>_top10_mean` is the thesis's accuracy: the mean of the ten best epochs (section 4.2); `val/best_epoch`,
    the first with the best monitored figure, counts from 0.
    """
    turned = [row[monitor] if metrics.direction_of(monitor) == "max" else -row[monitor] for row in history]
    best = turned.index(max(turned))
    losses = {"best": history[best]["val/loss"], "last": history[-1]["val/loss"]}
    other = "best" if shipped == "last" else "last"
    return {
        "val/best_epoch": best,
        "val/loss": losses[shipped],
        f"val/{other}/loss": losses[other],
        **{
            f"val/{name}_top10_mean": _of_ten_best(history, f"val/{name}", metrics)
            for name in metrics.headlines
            if f"val/{name}" in history[-1]
        },
        **{name: value for name, value in history[-1].items() if name.startswith("train/")},
    }


def _of_ten_best(history: list[dict[str, float]], name: str, metrics: TaskMetrics) -> float:
    ranked = sorted((row[name] for row in history), reverse=metrics.direction_of(name) == "max")
    return float(np.mean(ranked[:10]))
