"""A photo of a phone → its cells' grades → the device's grade."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from datamodules.base.pixels import resize
from datamodules.images.decoding import decode
from datamodules.screens.grid import Grid, check_corners, cut_cells
from station.picture import FORMATS, draw_grades
from storage.whole_file import replaced
from tasks.grading import RunGrader, grader_of


class GradingError(ValueError):
    """A photo that cannot be graded, or rules that cannot be followed; one line."""


@dataclass(frozen=True)
class Rule:
    """A device's grade where at least `cells` cells have a label among `of`."""

    grade: str
    cells: int
    of: tuple[str, ...]


def read_rules(rules: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> list[Rule]:
    """Rules from their settings. Raises GradingError for a label that the file does not give, or an unknown key."""
    found = []
    for number, settings in enumerate(rules, 1):
        try:
            rule = Rule(str(settings["grade"]), int(settings["cells"]), tuple(map(str, settings["of"])))
        except (KeyError, TypeError, ValueError) as error:
            raise GradingError(
                f"rule {number}: {error}: want grade, cells (a number) and of (a list of labels)"
            ) from None
        if unknown := set(rule.of) - set(labels):
            raise GradingError(
                f"rule {number}: of={', '.join(sorted(unknown))}: the file's labels are {', '.join(labels)}"
            )
        found.append(rule)
    return found


def device_grade(cells: Sequence[str], rules: Sequence[Rule]) -> str:
    """The grade of the first rule that holds for the cells' labels. Raises GradingError where none does."""
    for rule in rules:
        if sum(label in rule.of for label in cells) >= rule.cells:
            return rule.grade
    raise GradingError("no rule holds; end with one that wants 0 cells")


def grade_photo(
    photo: Path,
    network: Path,
    rules: Sequence[Mapping[str, Any]],
    corners: Sequence[float] | None = None,
    picture: Path | None = None,
) -> dict[str, Any]:
    """Grades every cell of a photographed phone.

    Args:
        photo: an image file.
        network: an exported file, or the folder of a run, which grades by torch; trained on the cells of phones.
        rules: see conf/rules.
        corners: x and y of four corners in pixels, clockwise from the start of the upper short side; None finds them.
        picture: a file for the photo with its cells coloured, see `station.picture`.

    Returns:
        photo, file, corners (4 × 2), cells (row, col, label, grade, probabilities, in the grid's order), grade (the
        device's), seconds (outline, cells and networks, from the read picture on).

    Raises GradingError, DataError, FileError, or OutlineError where no phone was found that can be trusted.

    """
    grader = grader_of(network)
    settings = grader.preprocessing.get("grid")
    if not settings:
        raise GradingError(f"{network}: grades whole pictures, not the cells of a phone; predict.py uses it")
    grid = Grid(settings["columns"], settings["rows"], settings["cell_px"])
    followed = read_rules(rules, grader.labels)
    if picture is not None and picture.suffix.lower() not in FORMATS:
        raise GradingError(f"picture={picture}: want a name that ends in {' or '.join(FORMATS)}")
    if isinstance(grader, RunGrader):
        _ = grader.module  # whose loading is no part of the time
    pixels = decode(photo)
    began = time.perf_counter()
    quad = _given(corners, pixels.shape[1], pixels.shape[0]) if corners is not None else _found(pixels, grid)
    side = grader.resolution
    grades, probabilities = grader.grade(
        np.stack([resize(cell, (side, side)) for cell in cut_cells(pixels, quad, grid)])
    )
    seconds = time.perf_counter() - began
    names = [grader.labels[grade] for grade in grades]
    found = {
        "photo": str(photo),
        "file": str(network),
        "corners": [[round(float(x), 1), round(float(y), 1)] for x, y in quad],
        "cells": [
            {"row": at // grid.columns, "col": at % grid.columns, "label": names[at], "grade": int(grades[at]),
             "probabilities": {name: round(float(share), 5)
                               for name, share in zip(grader.labels, probabilities[at], strict=True)}}
            for at in range(grid.cells)
        ],
        "grade": device_grade(names, followed),
        "seconds": round(seconds, 4),
    }  # fmt: skip
    if picture is not None:
        with replaced(picture) as unfinished:
            draw_grades(pixels, found, grader.labels, grid).save(unfinished, FORMATS[picture.suffix.lower()])
    return found


def _found(picture: npt.NDArray[np.uint8], grid: Grid) -> npt.NDArray[np.float64]:
    from datamodules.screens.outline import from_upper_side
    from export.outline.find import find

    return from_upper_side(find(picture).corners, short=grid.columns <= grid.rows)


def _given(corners: Sequence[float], width: int, height: int) -> npt.NDArray[np.float64]:
    if len(corners) != 8:
        raise GradingError(f"corners: {len(corners)} numbers; want x and y of four corners")
    quad = np.asarray(corners, np.float64).reshape(4, 2)
    try:
        check_corners(quad, width, height, tolerance_px=0.25 * max(width, height))
    except ValueError as error:
        raise GradingError(f"corners: {error}") from None
    return quad
