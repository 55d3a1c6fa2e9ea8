"""A photo of a phone → its cells' grades → the grade that these give."""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from datamodules.base.errors import DataError
from datamodules.base.pixels import Image, resize
from datamodules.images.decoding import decode
from datamodules.screens.device_rules import check_that_one_holds, read_rules, rules_of
from datamodules.screens.grid import Grid, cell_outlines, check_corners, rectify, split_cells
from datamodules.screens.screen_size import Size, screen_of
from export.outline.find import where as outline_file
from metrics.conformal import asks
from metrics.cost import Cost, least_cost
from metrics.unknown import are_unknown
from station.damage import DamageMarker, Marks
from station.device_grade import GradingError, device_grade
from station.drift import shot_of
from station.likeness import look_of
from station.picture import FORMATS, draw_grades
from storage.whole_file import replaced, sha256_of
from tasks.grading import FileGrader, RunGrader, grader_of

VERSION = 5
"""Of what a photo is graded by; raised when the same network would say something else of the same photo."""
MARKS_VERSION = 2
"""The same of what is marked; without a network for it nothing changes."""

Corners = npt.NDArray[np.float64]


class Graded(NamedTuple):
    """What a photo shows."""

    found: dict[str, Any]
    """See `PhotoGrader.grade`; plain values."""
    phone: Image
    """Straightened, `(rows · cell_px, columns · cell_px, 3)`."""
    marks: Marks | None = None
    """Where it is damaged; None where no network was asked."""


class PhotoGrader:
    """Grades photos by one network and one set of rules.

    Args:
        network: an exported file, or the folder of a run, which grades by torch; trained on the cells of phones.
        rules: as in conf/profile; None: those that the network carries.
        least_cell_px: a phone whose cells are smaller in the photo is refused; None: half of what the network looks at.
        threads: that the networks compute with.
        cost: of wrong grades, as `metrics.cost.Cost.read` takes it; a cell then gets the grade of least expected cost in place of the
            network's own. None: its own.
        damage: a network that marks damage pixel by pixel, see `station.damage`; None: none.
        screen_mm: width and height of the device's front, by which damage is told in millimetres; None: as the network carries it.

    Raises CostError, GradingError or DataError, or what `tasks.grading.grader_of` raises.

    """

    def __init__(
        self,
        network: Path,
        rules: Sequence[Mapping[str, Any]] | None = None,
        least_cell_px: int | None = None,
        threads: int = 2,
        cost: Any = None,
        damage: Path | None = None,
        screen_mm: Size | None = None,
    ) -> None:
        self.network, self.threads = network, threads
        self.grader = grader_of(network, threads=threads)
        settings = self.grader.preprocessing.get("grid")
        if not settings:
            raise GradingError(f"{network}: grades whole pictures, not the cells of a phone; predict.py uses it")
        self.grid = Grid(settings["columns"], settings["rows"], settings["cell_px"])
        self.labels = list(self.grader.labels)
        self.device = str((self.grader.profile or {}).get("device", "phone"))
        try:
            self.rules = rules_of(self.grader.profile, self.labels) if rules is None else read_rules(rules, self.labels)
            check_that_one_holds(self.rules, self.labels, self.grid.cells)
            screen_mm = screen_mm or screen_of(self.grader.profile)
        except DataError as error:
            raise GradingError(f"{network}: {error}") from None
        self.marker = None if damage is None else DamageMarker(damage, self.grid, threads, screen_mm)
        self.cost = None if cost is None else Cost.read(cost).matrix(len(self.labels))
        said = self.grader.described.get("ask") if isinstance(self.grader, FileGrader) else None
        self.promise: dict[str, Any] | None = said if said and said.get("threshold") is not None else None
        """Whom to ask, where the file says so (`metrics.conformal.promise`)."""
        self.unknown = self.grader.unknown
        """From which distance on a cell looks like nothing in training, where the file says so (`metrics.unknown`)."""
        self.least_cell_px = self.grader.resolution / 2 if least_cell_px is None else least_cell_px

    def load(self) -> None:
        """Loads what would be loaded with the first photo."""
        if isinstance(self.grader, RunGrader):
            _ = self.grader.module

    @property
    def graded_by(self) -> Path:
        """The file whose weights grade."""
        return self.grader.checkpoint if isinstance(self.grader, RunGrader) else self.network

    @cached_property
    def digest(self) -> str:
        """16 hex digits over all that decides what is said of a photo, but for the photo."""
        rules = [[rule.grade, rule.cells, *rule.of] for rule in self.rules]
        parts = [
            VERSION,
            sha256_of(self.graded_by),
            sha256_of(outline_file()),
            rules,
            self.least_cell_px,
            None if self.cost is None else self.cost.tolist(),
            *([] if self.marker is None else [self.marker.digest, MARKS_VERSION, self.marker.screen_mm]),
        ]
        return hashlib.blake2b(json.dumps(parts).encode(), digest_size=8).hexdigest()

    def grade(self, photo: str, pixels: Image, corners: Sequence[float] | None = None) -> Graded:
        """Grades every cell of a photo.

        Args:
            photo: what it is called in the answer.
            pixels: `(H, W, 3)`, RGB.
            corners: x and y of four corners in pixels, clockwise from the start of the upper short side; None finds them.

        Returns:
            The phone, and of it photo, file, outline (found or given), corners (4 × 2), cells (row, col, label, grade, ask, unknown, distance, marked, own_grade,
            probabilities, in the grid's order; own_grade is the network's, whatever a mistake costs; ask: whether a person should look; unknown:
            whether it looks like nothing in training; both, and the distance, None where the file does not say; marked: see `Marks.told`, None without a network for it), grade and reason (of the device by this photo), look (see `station.likeness`), shot (see `station.drift`), seconds (outline,
            cells and networks, from the read picture on).

        Raises GradingError, or OutlineError where no phone was found that can be trusted.

        """
        began = time.perf_counter()
        quad = self._found(pixels) if corners is None else _given(corners, pixels.shape[1], pixels.shape[0])
        self._check_size(quad)
        phone = rectify(pixels, quad, self.grid)
        grades, probabilities, distances = self.answers(phone)
        marks = None if self.marker is None else self.marker.marks(phone)
        outlines = cell_outlines(quad, self.grid)
        seconds = time.perf_counter() - began
        unsure, own = asks(self.promise, grades, probabilities), grades
        strange = are_unknown(self.unknown, distances)
        if self.cost is not None:
            grades = least_cost(probabilities, self.cost)
            unsure = (grades == 0) & (unsure | (own > 0))  # what the promise is of passes by the network's own grades
        names = [self.labels[grade] for grade in grades]
        verdict = device_grade(names, self.rules)
        found = {
            "photo": photo,
            "file": str(self.network),
            "outline": "found" if corners is None else "given",
            "corners": [[round(float(x), 1), round(float(y), 1)] for x, y in quad],
            "cells": [
                {"row": at // self.grid.columns, "col": at % self.grid.columns, "label": names[at], "grade": int(grades[at]),
                 "ask": bool(unsure[at]) if self.promise else None, "unknown": None if strange is None else bool(strange[at]),
                 "marked": None if marks is None else marks.told(at, outlines[at]),
                 "distance": None if strange is None or distances is None else round(float(distances[at]), 3), "own_grade": int(own[at]),
                 "probabilities": {name: round(float(share), 5)
                                   for name, share in zip(self.labels, probabilities[at], strict=True)}}
                for at in range(self.grid.cells)
            ],
            "grade": verdict.grade,
            "reason": verdict.reason,
            "look": look_of(phone, self.grid),
            "shot": shot_of(phone, pixels, quad),
            "seconds": round(seconds, 4),
        }  # fmt: skip
        return Graded(found, phone, marks)

    def answers(self, phone: Image) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any] | None]:
        """A straightened phone → its cells' grades `(cells,)`, probabilities `(cells, K)` and distances `(cells,)`, None of most files."""
        side = self.grader.resolution
        cells = np.stack([resize(cell, (side, side)) for cell in split_cells(phone, self.grid)])
        return self.grader.measure(cells) if isinstance(self.grader, FileGrader) else (*self.grader.grade(cells), None)

    def _found(self, picture: Image) -> Corners:
        from datamodules.screens.outline import from_upper_side
        from export.outline.find import find

        return from_upper_side(find(picture, self.threads).corners, short=self.grid.columns <= self.grid.rows)

    def _check_size(self, quad: Corners) -> None:
        top, right, bottom, left = np.hypot(*(np.roll(quad, -1, axis=0) - quad).T)
        cell = min((top + bottom) / 2 / self.grid.columns, (left + right) / 2 / self.grid.rows)
        if cell < self.least_cell_px:
            raise GradingError(
                f"too small: a cell of the phone is {cell:.0f} px in the photo; want at least {self.least_cell_px:g} (least_cell_px), "
                f"the network looks at {self.grader.resolution}"
            )


def grade_photo(
    photo: Path,
    network: Path,
    rules: Sequence[Mapping[str, Any]] | None = None,
    corners: Sequence[float] | None = None,
    picture: Path | None = None,
    least_cell_px: int | None = None,
    cost: Any = None,
    damage: Path | None = None,
    screen_mm: Size | None = None,
) -> dict[str, Any]:
    """`PhotoGrader.grade` for one image file; its pixels are read first, and the network is loaded.

    Args:
        photo: an image file.
        network, rules, corners, least_cell_px, cost, damage, screen_mm: see `PhotoGrader`.
        picture: a file for the photo with its cells coloured and damage outlined, see `station.picture`.

    Raises DataError and FileError as well.

    """
    by = PhotoGrader(network, rules, least_cell_px, cost=cost, damage=damage, screen_mm=screen_mm)
    if picture is not None and picture.suffix.lower() not in FORMATS:
        raise GradingError(f"picture={picture}: want a name that ends in {' or '.join(FORMATS)}")
    by.load()
    pixels = decode(photo)
    found, _, marks = by.grade(str(photo), pixels, corners)
    if picture is not None:
        with replaced(picture) as unfinished:
            draw_grades(pixels, found, by.labels, by.grid, marks).save(unfinished, FORMATS[picture.suffix.lower()])
    return found


def _given(corners: Sequence[float], width: int, height: int) -> Corners:
    if len(corners) != 8:
        raise GradingError(f"corners: {len(corners)} numbers; want x and y of four corners")
    quad = np.asarray(corners, np.float64).reshape(4, 2)
    try:
        check_corners(quad, width, height, tolerance_px=0.25 * max(width, height))
    except ValueError as error:
        raise GradingError(f"corners: {error}") from None
    return quad
