"""A folder that was graded earlier, as what new photos are held against."""

import json
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, TypeAdapter

from datamodules.base.errors import DataError
from datamodules.base.tables import Kind, Table
from station.drift import FIGURES, LEAST, Compared, Seen, said
from station.output_folder import SETTINGS
from storage.spreadsheet import as_written

FIGURE = Kind(TypeAdapter(Annotated[float, BeforeValidator(float), Field(allow_inf_nan=False)]), "a number")


def read_reference(folder: Path, by: str) -> list[Seen]:
    """The devices of an output folder of `python -m station grade`.

    Args:
        folder: see there.
        by: `PhotoGrader.digest` of what grades now: answers of another network differ though nothing else has.

    Raises DataError for a folder that is none, was graded by something else, or holds too few devices.

    """
    where = f"reference={folder}"
    try:
        settings = json.loads((folder / SETTINGS).read_bytes())
        graded_by = settings.get("by") if isinstance(settings, dict) else None
    except (OSError, ValueError):
        raise DataError(
            f"{where}: no folder that `python -m station grade photos=` has written; want its output"
        ) from None
    if graded_by != by:
        raise DataError(
            f"{where}: was graded by another network, other rules or an earlier gridlite; grade its photos again by this one"
        )
    path = folder / "devices.csv"
    found = [
        Seen(
            **{name: FIGURE.read(row, name, f"{path}, line {line}") for name in FIGURES}, grade=as_written(row["grade"])
        )
        for line, row in Table(path, (*FIGURES, "grade"))
    ]
    if len(found) < LEAST:
        raise DataError(f"{where}: holds {len(found)} devices; want {LEAST} at least")
    return found


def lines_of(compared: list[Compared], reference: Path, was: int, now: int, false_alarms: float) -> list[str]:
    """What has changed, as it is printed.

    Args:
        compared: see `station.drift.compare`; empty where there were too few devices.
        was, now: devices of the reference, and those that were graded.
        false_alarms: see there.

    """
    if not compared:
        return [
            f"against {reference}: too few devices to tell, {now} against {was}; want more, or more false_alarms than {false_alarms:.2g}"
        ]
    changed = [said(one) for one in compared if one.changed]
    about = f"against {reference}, {now} devices against {was}, false alarms {false_alarms:.2g}"
    return (
        [f"changed {about}: {'; '.join(changed)}"]
        if changed
        else [f"camera and stock have not changed that could be told {about}"]
    )
