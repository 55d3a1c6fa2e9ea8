"""The csv of a study beside its module: rows of finished trainings are appended, and skipped the next time."""

import csv
from collections.abc import Sequence
from pathlib import Path


def read_rows(path: Path) -> list[dict[str, str]]:
    """All rows, none where nothing is finished yet."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def append_rows(path: Path, rows: Sequence[dict[str, str]]) -> None:
    """Adds the rows of a training; the first ones give the names of the columns."""
    begun = path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        if not begun:
            writer.writeheader()
        writer.writerows(rows)
