"""Damage as geometry in device coordinates, and the grade that each cell of the 3 x 5 grid gets from it.

Device coordinates: x in [0, 3] to the right, y in [0, 5] downwards, so that one unit is one cell and cell
(row r, col c) is the square [c, c+1] x [r, r+1]. Grades come from these lines alone, never from pixels.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

ROWS, COLS = 5, 3
CLASS_NAMES = (
    "no damage",
    "minor scratches",
    "major scratches",
    "minor cracks",
    "major cracks",
)
CELL_DIAGONAL = float(np.sqrt(2.0))

SCRATCH_VISIBLE = 0.04
"""Scratch length in a cell, in cell diagonals, from which it counts as scratched (real data's README)."""
SCRATCH_MAJOR = 0.32
"""Scratch length in a cell, in cell diagonals, from which scratches are major (real data's README)."""
CRACK_VISIBLE = 0.06
"""Crack length in a cell, in cell diagonals, from which the cell counts as cracked."""
CRACK_REACH = 0.06
"""Half width, in cells, of the strip that a crack covers: one straight line never fills a third of a cell."""
CRACK_MAJOR_COVER = 1.0 / 3.0
"""Share of a cell covered by crack strips and crushed glass from which cracks are major."""
CRUSH_VISIBLE = 0.01
"""Share of a cell that is crushed glass from which the cell counts as cracked, whatever the lines."""

_RASTER = 50  # cover is counted on 50 x 50 points a cell: 0.02 cells apart, a third of CRACK_REACH

Points = NDArray[np.float64]
Segments = NDArray[np.float64]
Grid = NDArray[np.float64]


@dataclass(frozen=True)
class Stroke:
    """One scratch or crack line: `points` (n, 2) in device coordinates, `width` in pixels of a 300-pixel cell,
    `strength` 0..1 as the contrast relative to the strongest line of its kind.
    """

    points: Points
    width: float
    strength: float


@dataclass(frozen=True)
class Damage:
    """Everything that is broken on one device, the same in all its photos.

    `dashes` (m, 2, 2) are short fine fissures, too many to be strokes; `crushes` are polygons (k, 2) of
    powdered glass; all in device coordinates.
    """

    scratches: tuple[Stroke, ...] = ()
    cracks: tuple[Stroke, ...] = ()
    dashes: Segments = field(default_factory=lambda: np.zeros((0, 2, 2)))
    crushes: tuple[Points, ...] = ()


def segments_of(strokes: tuple[Stroke, ...]) -> Segments:
    """Straight pieces (m, 2, 2) of all strokes: [piece, start or end, x or y]."""
    pieces = [np.stack([s.points[:-1], s.points[1:]], axis=1) for s in strokes]
    return np.concatenate(pieces) if pieces else np.zeros((0, 2, 2))


def length_per_cell(segments: Segments) -> Grid:
    """Length (5, 3) of the segments (m, 2, 2) inside each cell, in cell sides; off the device nothing counts.

    Exact: every segment is cut where it crosses a grid line, and each part belongs to the cell of its middle.
    """
    lengths = np.zeros((ROWS, COLS))
    if not len(segments):
        return lengths
    start, step = segments[:, 0], segments[:, 1] - segments[:, 0]
    cuts = [np.zeros((len(segments), 1)), np.ones((len(segments), 1))]
    for axis, count in ((0, COLS), (1, ROWS)):
        move = np.where(np.abs(step[:, axis]) < 1e-12, np.inf, step[:, axis])
        at = (np.arange(count + 1)[None] - start[:, axis, None]) / move[:, None]
        cuts.append(np.clip(at, 0.0, 1.0))
    t = np.sort(np.concatenate(cuts, axis=1), axis=1)
    middle = start[:, None] + step[:, None] * ((t[:, 1:] + t[:, :-1]) / 2)[..., None]
    part = np.diff(t, axis=1) * np.linalg.norm(step, axis=1)[:, None]
    col, row = (
        np.floor(middle[..., 0]).astype(int),
        np.floor(middle[..., 1]).astype(int),
    )
    inside = (col >= 0) & (col < COLS) & (row >= 0) & (row < ROWS)
    np.add.at(lengths, (row[inside], col[inside]), part[inside])
    return lengths


def _cell_means(mask: NDArray[np.uint8]) -> Grid:
    shares = mask.reshape(ROWS, _RASTER, COLS, _RASTER).mean(axis=(1, 3))
    return np.asarray(shares, dtype=np.float64)


def crushed_share(crushes: tuple[Points, ...]) -> Grid:
    """Share (5, 3) of each cell inside the polygons of crushed glass."""
    return _cell_means(_fill(np.zeros((ROWS * _RASTER, COLS * _RASTER), np.uint8), crushes))


def crack_cover(segments: Segments, crushes: tuple[Points, ...]) -> Grid:
    """Share (5, 3) of each cell within CRACK_REACH of a crack segment or inside crushed glass."""
    mask = np.zeros((ROWS * _RASTER, COLS * _RASTER), np.uint8)
    lines = list(np.round(segments * _RASTER).astype(np.int32))
    cv2.polylines(mask, lines, False, 1, thickness=round(2 * CRACK_REACH * _RASTER))
    return _cell_means(_fill(mask, crushes))


def _fill(mask: NDArray[np.uint8], polygons: tuple[Points, ...]) -> NDArray[np.uint8]:
    for polygon in polygons:
        cv2.fillPoly(mask, [np.round(polygon * _RASTER).astype(np.int32)], 1)
    return mask


def scratch_grades(scratches: tuple[Stroke, ...]) -> NDArray[np.int64]:
    """Grades (5, 3) in {0, 1, 2} from scratches alone."""
    share = length_per_cell(segments_of(scratches)) / CELL_DIAGONAL
    return (share >= SCRATCH_VISIBLE).astype(np.int64) + (share >= SCRATCH_MAJOR)


def crack_grades(damage: Damage) -> NDArray[np.int64]:
    """Grades (5, 3) in {0, 3, 4} from cracks and crushed glass alone."""
    segments = np.concatenate([segments_of(damage.cracks), damage.dashes])
    cracked = length_per_cell(segments) / CELL_DIAGONAL >= CRACK_VISIBLE
    cracked |= crushed_share(damage.crushes) >= CRUSH_VISIBLE
    major = crack_cover(segments, damage.crushes) > CRACK_MAJOR_COVER
    return np.where(cracked, np.where(major, 4, 3), 0).astype(np.int64)


def grades(damage: Damage) -> NDArray[np.int64]:
    """Grade (5, 3) of every cell, 0..4 in the order of CLASS_NAMES; cracks beat scratches."""
    return np.maximum(crack_grades(damage), scratch_grades(damage.scratches))
