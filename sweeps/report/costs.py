"""What a mistake costs, in the report: the matrix, and the recommended file by its own grades and by those of least expected cost."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from metrics.base import TaskMetrics
from metrics.cost import CostedGrading, least_cost
from metrics.intervals import bootstrap_interval
from sweeps.analysis.recommendation import Advice
from sweeps.records.run_record import read_record
from sweeps.report.asking import answered

Grades = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Priced:
    """One way to answer."""

    words: str
    cost: float
    low: float
    high: float
    missed_damage: float
    changed: float
    """Share of samples that it grades otherwise than the file does."""


@dataclass(frozen=True)
class Costs:
    """Ready to be written down."""

    words: str
    labels: list[str]
    matrix: list[list[float]]
    name: str
    how: str
    samples: int
    sources: int
    lines: list[Priced]


def costs_of(sweep: Path, advice: list[Advice], metrics: TaskMetrics) -> Costs | None:
    """Of the most accurate file that is recommended; None where nothing costs anything or its answers are not there."""
    if not isinstance(metrics, CostedGrading) or not advice:
        return None
    found = answered(sweep, advice[-1])
    if found is None:
        return None
    frame, how = found
    record = read_record(sweep / advice[-1].runs[0])
    labels, grades = frame.label.to_numpy(np.int64), frame.grade.to_numpy(np.int64)
    names = [str(one) for one in record["data"]["class_names"]]
    ways = {
        "the file's own grades": grades,
        "grades of least expected cost": least_cost(frame.probabilities.tolist(), metrics.matrix),
    }
    if "value" in record.get("baseline", {}):
        commonest = int(record["baseline"]["value"])
        ways[f"always {names[commonest]}, the commonest"] = np.full_like(labels, commonest)
    cheapest = int(metrics.matrix[labels].sum(axis=0).argmin())
    ways[f"always {names[cheapest]}, the cheapest of such in hindsight"] = np.full_like(labels, cheapest)
    sources = frame.source_id.to_numpy(str)
    lines = [_priced(words, labels, given, grades, sources, metrics) for words, given in ways.items()]
    about = (metrics.cost.words, names, metrics.matrix.tolist(), advice[-1].name, how)
    return Costs(*about, len(labels), len(np.unique(sources)), lines)


def _priced(
    words: str, labels: Grades, given: Grades, own: Grades, sources: npt.NDArray[np.str_], metrics: CostedGrading
) -> Priced:
    figure = metrics.figures["cost"]
    low, high = bootstrap_interval(labels, given, sources, {"cost": figure})["cost"]
    missed = metrics.figures["missed_damage"](labels, given)
    return Priced(words, figure(labels, given), low, high, missed, float(np.mean(given != own)))
