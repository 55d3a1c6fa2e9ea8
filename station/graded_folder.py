"""What `python -m station grade photos=` has written, and what people have corrected in it."""

import json
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from datamodules.base.errors import DataError
from datamodules.base.tables import Table
from datamodules.images.decoding import SUFFIXES
from datamodules.screens.device_rules import RuleSettings
from datamodules.screens.grid import Grid
from station.output_folder import SETTINGS
from station.results_log import ResultsLog
from storage.inside import leads_out
from storage.spreadsheet import as_written

CORRECTIONS = "corrections.json"


class _Grid(BaseModel):
    columns: Annotated[int, Field(ge=1, le=100)]
    rows: Annotated[int, Field(ge=1, le=100)]
    cell_px: Annotated[int, Field(ge=4, le=4000)]


class _Settings(BaseModel):
    photos: str
    network: str
    by: str
    device: str
    labels: Annotated[list[str], Field(min_length=1)]
    grid: _Grid
    rules: list[RuleSettings]


class CorrectedCell(BaseModel, extra="forbid"):
    """What a person has said of one cell, and what the network had said."""

    row: int
    col: int
    label: str
    before: str


class CorrectedPhoto(BaseModel, extra="forbid"):
    """What a person has said of one photo."""

    photo: str
    confirmed: bool
    """Whether the cells that are not corrected are right."""
    cells: list[CorrectedCell]


class Corrections(BaseModel, extra="forbid"):
    """A file that the contact sheet has saved."""

    graded_by: str
    annotator: Annotated[str, Field(min_length=1, max_length=60)]
    time: AwareDatetime
    photos: list[CorrectedPhoto]


class Graded(Protocol):
    """What photos are collected from; attributes as `GradedFolder` has them."""

    folder: Path
    base: Path
    network: str
    device: str
    labels: list[str]
    rules: list[RuleSettings]
    grid: Grid
    results: dict[str, dict[str, Any]]
    photos_of: dict[str, list[str]]


class GradedFolder:
    """An output folder of the station.

    Attributes:
        base: the folder that photos' names are relative to.
        network, device, labels, rules, grid: of what graded.
        results: photo → what was said of it, see `PhotoGrader.grade`.
        photos_of: device → its photos; the devices as the contact sheet has them, those to look at first.

    Raises DataError for a folder that is none.

    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.settings = _Settings.model_validate(json.loads((folder / SETTINGS).read_bytes()))
        except (OSError, ValueError) as error:
            raise DataError(
                f"graded={folder}: no folder that `python -m station grade photos=` of this gridlite has written; want its output"
                + (f" ({SETTINGS}: {error.errors()[0]['msg']})" if isinstance(error, ValidationError) else "")
            ) from None
        self.grid = Grid(**self.settings.grid.model_dump())
        self.base = Path(self.settings.photos)
        self.network, self.device = self.settings.network, self.settings.device
        self.labels, self.rules = self.settings.labels, self.settings.rules
        log = ResultsLog(folder / "results.jsonl", self.settings.by, self.grid, self.settings.labels)
        self.results = {name: one for name, one in log.read().items() if "refused" not in one}
        if odd := next(
            (name for name in self.results if leads_out(name) or Path(name).suffix.lower() not in SUFFIXES), None
        ):
            raise DataError(f"{folder / 'results.jsonl'}: photo {odd!r:.80}: no name of a photo within its folder")
        self.photos_of = self._devices()

    def _devices(self) -> dict[str, list[str]]:
        ranks: dict[str, tuple[float, float]] = {}
        photos: dict[str, dict[str, None]] = {}
        for _, row in Table(self.folder / "devices.csv", ("device", "ask", "unknown", "doubt")):
            marks = float(row["ask"] or 0) + float(row["unknown"] or 0)
            ranks[as_written(row["device"])] = (-marks, -float(row["doubt"]))
        for _, row in Table(self.folder / "cells.csv", ("device", "photo")):
            photos.setdefault(as_written(row["device"]), {})[as_written(row["photo"])] = None
        known = {name: [one for one in own if one in self.results] for name, own in photos.items()}
        return {
            name: known[name] for name in sorted(known, key=lambda name: ranks.get(name, (0.0, 0.0))) if known[name]
        }


def read_corrections(path: Path, graded: GradedFolder) -> Corrections:
    """What a person has corrected. Raises DataError for a file that is none, or that belongs to other grades."""
    try:
        found = Corrections.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"corrections={path}: cannot be read ({error.strerror})") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise DataError(
            f"corrections={path}: {where}: {first['msg']}; want the file that a contact sheet saves"
        ) from None
    if found.graded_by != graded.settings.by:
        raise DataError(
            f"corrections={path}: were made on the grades of another network; {graded.folder} was graded anew since"
        )
    for one in found.photos:
        _check(one, path, graded)
    return found


def _check(one: CorrectedPhoto, path: Path, graded: GradedFolder) -> None:
    where = f"corrections={path}: {one.photo}"
    if one.photo not in graded.results:
        raise DataError(f"{where}: {graded.folder} has no grades of it")
    cells = cells_of(graded.results[one.photo])
    for cell in one.cells:
        if (cell.row, cell.col) not in cells or cell.label not in graded.settings.labels:
            raise DataError(
                f"{where}: row {cell.row}, col {cell.col}, label {cell.label!r:.60}: want a cell of {graded.grid.columns} x "
                f"{graded.grid.rows} and one of {', '.join(graded.settings.labels)}"
            )


def cells_of(result: dict[str, Any]) -> dict[tuple[int, int], str]:
    """Row and column → the label that the network gave."""
    return {(cell["row"], cell["col"]): cell["label"] for cell in result["cells"]}


def chosen_photos(graded: Graded, corrections: Sequence[Corrections], most: int) -> list[str]:
    """The photos that were corrected, then those of the devices to look at first, `most` devices of these."""
    corrected = [one.photo for made in corrections for one in made.photos]
    queue = [names for names in graded.photos_of.values() if not set(names) <= set(corrected)][:most]
    return list(dict.fromkeys([*corrected, *(name for names in queue for name in names)]))


def when(made: Corrections) -> str:
    """The time of a correction, as annotations.csv has it."""
    return made.time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
