"""Writes photos of real phones once more, each with damage that it never had, in the project's form."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from datamodules.base.pixels import resize
from datamodules.base.processes import fresh_processes
from datamodules.rendering.dataset import CELL_COLUMNS, PHOTO_COLUMNS, one_thread, published, workers_of, write_csv
from datamodules.rendering.geometry import CLASS_NAMES, COLS, ROWS, Damage
from datamodules.rendering.look import Look
from datamodules.rendering.painting import front_aspect, paint, seen_cells, soil
from datamodules.rendering.planning import DevicePlan, plan_devices, stream

KINDS = {"scratches": (1, 2), "cracks": (3, 4)}
"""What can be painted, and the grades that it brings."""
GRADE_SHARE = 0.115
"""Of the cells of a painted phone, for each grade: what is rare in photos is not rare here, and none gains on another."""
MOST_PX = 2000
"""Longest side of a front in a painted photo."""
QUALITY = 95
"""Of the JPEG files."""
_WHOLE_STREAM = 2**31 + 2


@dataclass(frozen=True)
class RealPhoto:
    """A photo to paint on: its file, device, kind, corners (4, 2) in pixels and grades (5, 3), -1 where not known."""

    path: Path
    name: str
    source_id: str
    kind: str
    corners: NDArray[np.float64]
    grades: NDArray[np.int64]


def both(real: NDArray[np.int64], added: NDArray[np.int64], seen: NDArray[np.bool_] | bool = True) -> NDArray[np.int64]:
    """Grades of cells with damage of their own and damage painted over it: the graver one. -1 where nobody can tell: two minor
    ones of the same kind may be a major one together, what has no grade gets one only by major cracks, and what was painted may
    not be `seen`.
    """
    result = np.maximum(real, added)
    result[(added > real) & np.logical_not(seen)] = -1
    result[(real == added) & np.isin(real, (1, 3))] = -1
    result[(real < 0) & (added < len(CLASS_NAMES) - 1)] = -1
    return result


def _shrunk(photo: NDArray[np.uint8], corners: NDArray[np.float64]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """RGB (h, w, 3) → BGR, with its corners; smaller where no cell of 400 pixels needs so many: a camera's 50 megapixels would
    take 5 GB of memory and a minute.
    """
    longest = float(np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1).max())
    factor = min(1.0, MOST_PX / longest)
    picture = np.ascontiguousarray(photo[..., ::-1])
    if factor == 1:
        return picture, corners
    size = max(1, round(photo.shape[1] * factor)), max(1, round(photo.shape[0] * factor))
    scale = np.array(size) / np.array([photo.shape[1], photo.shape[0]])
    return resize(picture, size), corners * scale


def _painted(photo: RealPhoto, plan: DevicePlan, copy: int, seed: int, folder: Path, look: Look) -> list[list[str]]:
    """Paints one copy of one photo into `folder`; its line of photos.csv and its lines of cells.csv."""
    from datamodules.images.decoding import decode

    before, corners = _shrunk(decode(photo.path), photo.corners)
    rng = stream(seed, plan.index)
    picture = paint(rng, before, corners, plan.damage, look)
    shown = seen_cells(before, picture, corners)
    picture = soil(rng, picture, corners)
    name = f"{Path(photo.name).with_suffix('').as_posix().replace('/', '__')}_p{copy}.jpg"
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise RuntimeError("OpenCV could not encode a JPEG picture")
    (folder / name).write_bytes(data.tobytes())
    height, width = picture.shape[:2]
    places = [f"{value:.2f}" for value in corners.ravel()]
    labels = both(photo.grades, plan.grades, shown)
    cells = [
        [name, str(row), str(col), "NA" if labels[row, col] < 0 else str(labels[row, col])]
        for row in range(ROWS)
        for col in range(COLS)
    ]
    return [[name, photo.source_id, photo.kind, str(width), str(height), *places], *cells]


def _finished(
    jobs: list[tuple[RealPhoto, DevicePlan, int]], seed: int, folder: Path, workers: int, look: Look
) -> Iterator[list[list[str]]]:
    if workers == 1:
        yield from (_painted(*job, seed, folder, look) for job in jobs)
        return
    with fresh_processes(workers, one_thread) as pool:
        futures = [pool.submit(_painted, *job, seed, folder, look) for job in jobs]
        try:
            for future in futures:
                yield future.result()
        finally:
            for future in futures:
                future.cancel()


def shares_of(kinds: Collection[str]) -> tuple[float, ...]:
    """Of cells per grade, where so many kinds of damage are painted."""
    grades = {grade for kind in kinds for grade in KINDS[kind]}
    return 1 - GRADE_SHARE * len(grades), *(GRADE_SHARE * (grade in grades) for grade in range(1, len(CLASS_NAMES)))


def plan_copies(
    aspects: list[float], damaged: float, seed: int, kinds: Collection[str] = tuple(KINDS)
) -> list[DevicePlan]:
    """A plan for each copy, empty ones for those that stay whole."""
    total, count = len(aspects), round(damaged * len(aspects))
    plans = [DevicePlan(at, aspect, Damage(), (True,)) for at, aspect in enumerate(aspects)]
    chosen = [int(at) for at in stream(seed, _WHOLE_STREAM).permutation(total)[:count]]
    if chosen:
        for at, plan in zip(
            chosen, plan_devices(count, count, seed, [aspects[at] for at in chosen], shares_of(kinds)), strict=True
        ):
            plans[at] = replace(plan, index=at)
    return plans


def paint_dataset(
    root: Path,
    photos: list[RealPhoto],
    *,
    copies: int,
    damaged: float,
    kinds: Collection[str] = tuple(KINDS),
    seed: int,
    look: Look,
    workers: int | None = None,
) -> None:
    """Paints `copies` of each photo into the new folder `root`: photos/, photos.csv, cells.csv.

    A share `damaged` of the copies gets damage of its own, over all of these as much of each grade of the `kinds`
    that are asked for (`KINDS`); all get dirt.
    The files depend on the photos, copies, damaged, kinds, seed and look alone, not on `workers` (processes; None: all cores). `root` appears only when everything is written.
    """
    count = workers_of(root, workers)
    order = [(photo, copy) for copy in range(copies) for photo in photos]
    plans = plan_copies([front_aspect(photo.corners) for photo, _ in order], damaged, seed, kinds)
    jobs = [(photo, plan, copy) for (photo, copy), plan in zip(order, plans, strict=True)]
    with published(root) as folder:
        (folder / "photos").mkdir()
        photo_rows, cell_rows = [], []
        bar = tqdm(total=len(jobs), desc=f"painting {len(jobs)} photos", unit="photo", leave=False, disable=None)
        with bar:
            for first, *cells in _finished(jobs, seed, folder / "photos", min(count, len(jobs)), look):
                photo_rows.append(first)
                cell_rows += cells
                bar.update()
        write_csv(folder / "cells.csv", list(CELL_COLUMNS), cell_rows)
        write_csv(folder / "photos.csv", list(PHOTO_COLUMNS), photo_rows)
