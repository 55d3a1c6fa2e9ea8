"""What a report shows of each of the best runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from metrics.base import TaskMetrics
from sweeps.records.run_record import Record, read_record
from sweeps.report.curves import best_first
from sweeps.report.sections import embedded
from sweeps.tables.naming import REPEATS, called

MOST_DETAILS = 6
"""Runs of which confusion and mistakes are shown, the best ones."""


@dataclass(frozen=True)
class Detail:
    """One of the best runs."""

    name: str
    value: float
    """Its main figure."""
    class_names: list[str]
    metrics: dict[str, Any]
    """Its record's figures of the validation set, by their names without the part."""
    test: dict[str, Any]
    """The same of the test set; empty where there is none."""
    scatter: str
    """Data address of numbers.jpg, true against given numbers; empty where the run has none."""
    mistakes: list[dict[str, Any]]
    picture: str
    """Data address of its worst mistakes; empty where the run has none."""
    in_photos: str
    """Data address of the photographs that they were cut from, in the same order; empty where they are no part of any."""


def details_of(sweep: Path, done: pd.DataFrame, axes: list[str], metrics: TaskMetrics) -> list[Detail]:
    """The best runs of a sweep."""
    main = f"val/{metrics.main}"
    if main not in done:
        return []
    found = []
    for _, run in best_first(done, metrics).head(MOST_DETAILS).iterrows():
        record = read_record(sweep / run.run)
        own, tested = (_of_part(record, part) for part in ("val", "test"))
        picture = sweep / run.run / "mistakes.jpg"
        mistakes = record.get("mistakes", []) if picture.exists() else []
        found.append(
            Detail(
                f"{called(run, axes)} " + ", ".join(f"{name} {run[name]}" for name in REPEATS if name in axes),
                run[main],
                record.get("data", {}).get("class_names", []),
                own,
                tested,
                embedded(drawn) if (drawn := sweep / run.run / "numbers.jpg").exists() else "",
                mistakes,
                embedded(picture) if mistakes else "",
                embedded(photos)
                if mistakes and (photos := picture.with_name("mistakes_in_photos.jpg")).exists()
                else "",
            )
        )
    return found


def _of_part(record: Record, part: str) -> dict[str, Any]:
    """The figures of a part by their plain names; those of another checkpoint stand under `best/…`."""
    return {
        name[len(part) + 1 :]: value for name, value in record.get("metrics", {}).items() if name.startswith(f"{part}/")
    }
