"""The recommended file's share of cells that a person looks at, against the damage that passes: a curve, and what can be promised."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from metrics.base import TaskMetrics
from metrics.conformal import Answers, PromiseError, leave_one_out, promise
from sweeps.analysis.recommendation import Advice
from sweeps.records.answers import AnswersError, answers_of, say_left_out
from sweeps.records.run_record import read_record

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 620, 340, 62, 20, 16, 46
SHARES = (0.05, 0.1, 0.15, 0.2, 0.3)
"""Of damage that may pass: what the report asks of every file."""
MOST_POINTS, MOST_SOURCES = 300, 100
"""Of the curve; and with how many sources each is still judged by the threshold of the others."""


@dataclass(frozen=True)
class Line:
    """What one share of missed damage asks for, or why it cannot be promised."""

    most_missed: float
    refused: str = ""
    threshold: float = np.nan
    asked: float = np.nan
    others: tuple[float, float, float] | None = None
    """Missed on sources that did not set the threshold: mean over damaged sources, and its 95 % interval."""
    x: float = 0.0
    y: float = 0.0


@dataclass(frozen=True)
class Asking:
    """Ready to be written down; places in pixels."""

    name: str
    how: str
    curve: str
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    lines: list[Line]
    sources: int
    damaged_sources: int
    samples: int
    size: dict[str, int] = field(
        default_factory=lambda: {
            "width": WIDTH,
            "height": HEIGHT,
            "left": LEFT,
            "right": RIGHT,
            "top": TOP,
            "bottom": BOTTOM,
        }
    )


def asking_of(sweep: Path, advice: list[Advice], metrics: TaskMetrics) -> Asking | None:
    """Of the most accurate file that is recommended; None where its answers are no grades, have gone, or miss no damage at all."""
    best = advice[-1] if advice and metrics.asks else None
    if best is None or not best.kind:
        return None
    if not read_record(sweep / best.runs[0])["data"].get("ordered", True):
        return None
    found = answered(sweep, best)
    if found is None:
        return None
    answers = Answers.of(found[0])
    return drawn(best.name, answers, found[1]) if len(answers.damaged_sources) else None


def answered(sweep: Path, best: Advice) -> tuple[pd.DataFrame, str] | None:
    """A file's answers to the validation set of its run, or out of fold to all that the folds of a point have evaluated, and which of
    these; None where they are not there.
    """
    paths = [path for run in best.runs if (path := sweep / run / "export" / "predictions.parquet").is_file()]
    if not paths or not best.kind:
        return None
    frames = []
    try:
        for path in paths:
            rows = answers_of(path)
            rows = rows[rows.file == best.kind]
            part = "test" if len(paths) > 1 and (rows.part == "test").any() else "val"
            frames.append(rows[rows.part == part])
    except AnswersError as error:
        say_left_out(error)
        return None
    everything = pd.concat(frames).drop_duplicates("sample")
    several = everything["sample"].nunique() > frames[0]["sample"].nunique()
    return everything, f"out of fold over {len(frames)} runs, pooled" if several else "on the validation set"


def drawn(name: str, answers: Answers, how: str) -> Asking:
    """The curve over all thresholds, and SHARES on it."""
    scores = np.unique(np.append(answers.scores[answers.grades == 0], 0.0))
    thresholds = scores[np.unique(np.linspace(0, len(scores) - 1, MOST_POINTS).astype(int))]
    asked, missed = answers.asked(thresholds), answers.missed(thresholds)
    x_most, y_most = max(0.1, float(asked.max())), max(0.1, float(missed.max()))

    def place(share: float, passed: float) -> tuple[float, float]:
        across = LEFT + share / x_most * (WIDTH - LEFT - RIGHT)
        return across, TOP + (1 - passed / y_most) * (HEIGHT - TOP - BOTTOM)

    return Asking(
        name,
        how,
        " ".join("{:.1f},{:.1f}".format(*place(x, y)) for x, y in zip(asked, missed, strict=True)),
        [(place(tick, 0)[0], f"{100 * tick:.0f} %") for tick in _ticks(x_most)],
        [(place(0, tick)[1], f"{100 * tick:.0f} %") for tick in _ticks(y_most)],
        [_line(answers, share, place) for share in SHARES],
        len(np.unique(answers.source_ids)),
        len(answers.damaged_sources),
        len(answers.labels),
    )


def _line(answers: Answers, share: float, place: Callable[[float, float], tuple[float, float]]) -> Line:
    found = promise(answers, share, "")
    if "refused" in found:
        return Line(share, found["refused"])
    others = None
    if len(np.unique(answers.source_ids)) <= MOST_SOURCES:
        try:
            left = leave_one_out(answers, share)
            others = (float(left.missed.mean()), *left.interval())
        except PromiseError:  # without any one of them there are too few
            others = None
    x, y = place(found["asked"], found["missed"])
    return Line(share, "", found["threshold"], found["asked"], others, x, y)


def _ticks(most: float) -> list[float]:
    step = next(step for step in (0.02, 0.05, 0.1, 0.2) if most / step <= 7)
    return [float(tick) for tick in np.arange(0, most + 1e-9, step)]
