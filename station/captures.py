"""Photos graded on the phone page or over HTTP, and the files that these have saved of them, as a folder to collect from."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from datamodules.base.errors import DataError
from datamodules.base.tables import same_name
from datamodules.images.decoding import SUFFIXES
from datamodules.screens.device_rules import RuleSettings
from datamodules.screens.grid import Grid
from station.graded_folder import CorrectedCell, CorrectedPhoto, Corrections

_Pair = Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], Field(min_length=2, max_length=2)]


class _Cell(BaseModel):
    row: Annotated[int, Field(ge=0, lt=100)]
    col: Annotated[int, Field(ge=0, lt=100)]
    label: str
    corrected: bool
    probabilities: dict[str, float]
    before: str | None = None
    """The network's own answer where it is not the likeliest, as the API has it."""


class _Saved(BaseModel):
    """What the phone page has saved of one photo, or the API has kept: there with a device's name, and who corrected it when."""

    photo: str
    device: str | None = None
    annotator: str | None = None
    time: AwareDatetime | None = None
    file: str
    corners: Annotated[list[_Pair], Field(min_length=4, max_length=4)]
    cells: Annotated[list[_Cell], Field(min_length=1)]


class Captures:
    """A folder of photos with the files that the phone page has saved beside them.

    Attributes: as `station.graded_folder.GradedFolder` has them; each photo is a device of its own.

    Raises DataError for a folder without such a file, for a file that is none, and for files of different networks.

    """

    device, rules = "phone", list[RuleSettings]()

    def __init__(self, folder: Path) -> None:
        self.folder = self.base = folder
        files = sorted(folder.glob("*.json")) if folder.is_dir() else []
        self._saved = {path: _read(path) for path in files}
        if not files:
            raise DataError(f"graded={folder}: no .json in it that the phone page has saved beside its photos")
        first = next(iter(self._saved.values()))
        self.network, self.labels = first.file, list(first.cells[0].probabilities)
        self.grid = Grid(1 + max(cell.col for cell in first.cells), 1 + max(cell.row for cell in first.cells))
        places = [divmod(at, self.grid.columns) for at in range(self.grid.cells)]
        self.results: dict[str, dict[str, Any]] = {}
        for path, one in self._saved.items():
            wrong = [list(cell.probabilities) for cell in one.cells if list(cell.probabilities) != self.labels]
            if one.file != self.network or wrong or [(cell.row, cell.col) for cell in one.cells] != places:
                raise DataError(
                    f"{path}: was graded by {one.file}, {files[0]} by {self.network}; want files of one network in a folder"
                )
            self.results[self._photo(one, path)] = {
                "corners": one.corners,
                "cells": [_before(cell) for cell in one.cells],
            }
        surest = {name: min(max(cell.probabilities.values()) for cell in one.cells)
                  for name, one in zip(self.results, self._saved.values(), strict=True)}  # fmt: skip
        self.photos_of: dict[str, list[str]] = {}
        for name, one in sorted(zip(self.results, self._saved.values(), strict=True), key=lambda pair: surest[pair[0]]):
            self.photos_of.setdefault(one.device or Path(name).stem, []).append(name)

    def _photo(self, one: _Saved, path: Path) -> str:
        """Beside the file, whatever folder a browser says that it came from."""
        name = same_name(one.photo).rpartition("/")[2]
        if Path(name).suffix.lower() not in SUFFIXES or not (self.folder / name).is_file():
            raise DataError(f"{path}: is of {name}, which is not beside it; want photos and .json files in one folder")
        return name

    @property
    def unsigned(self) -> bool:
        """Whether a correction does not say who made it."""
        return any(one.annotator is None and any(cell.corrected for cell in one.cells) for one in self._saved.values())

    def corrections(self, annotator: str) -> list[Corrections]:
        """The cells that were corrected on the page; what was not touched is no statement."""
        return [
            Corrections(
                graded_by="", annotator=one.annotator or annotator, time=one.time or datetime.fromtimestamp(path.stat().st_mtime, UTC),
                photos=[CorrectedPhoto(photo=self._photo(one, path), confirmed=False, cells=[
                    CorrectedCell(row=cell.row, col=cell.col, label=cell.label, before=_before(cell)["label"]) for cell in one.cells if cell.corrected
                ])],
            )
            for path, one in self._saved.items() if any(cell.corrected for cell in one.cells)
        ]  # fmt: skip


def _before(cell: _Cell) -> dict[str, Any]:
    """The cell with the network's own answer."""
    return {
        "row": cell.row,
        "col": cell.col,
        "label": cell.before or max(cell.probabilities, key=lambda name: cell.probabilities[name]),
    }


def _read(path: Path) -> _Saved:
    try:
        return _Saved.model_validate(json.loads(path.read_bytes()))
    except (OSError, ValueError) as error:
        why = (
            f"{'.'.join(map(str, error.errors()[0]['loc']))}: {error.errors()[0]['msg']}"
            if isinstance(error, ValidationError)
            else "no JSON"
        )
        raise DataError(f"{path}: {why}; want what the phone page saves of a photo") from None


def check_labels(captures: Captures, corrections: Sequence[Corrections]) -> None:
    """Raises DataError for a correction to a label that the network does not have."""
    for made in corrections:
        for one in made.photos:
            if odd := next((cell.label for cell in one.cells if cell.label not in captures.labels), None):
                raise DataError(
                    f"{captures.folder}: {one.photo}: label {odd!r:.60}: want one of {', '.join(captures.labels)}"
                )
