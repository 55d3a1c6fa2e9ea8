"""Writes a rendered data set: photos, photos.csv and cells.csv in the project's form."""

import csv
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from datamodules.base.processes import fresh_processes
from datamodules.rendering.geometry import CLASS_NAMES, COLS, ROWS
from datamodules.rendering.grade_rule import GradeRule
from datamodules.rendering.look import Look
from datamodules.rendering.planning import DevicePlan, plan_devices, stream
from datamodules.rendering.raster import Size
from datamodules.rendering.scene import make_device, render_photo
from storage.whole_file import replaced

CORNERS = ("tl", "tr", "br", "bl")
PHOTO_COLUMNS = (
    "photo",
    "source_id",
    "kind",
    "width",
    "height",
    *(f"{a}_{c}" for c in CORNERS for a in "xy"),
)
CELL_COLUMNS = ("photo", "row", "col", "label")
_NOISE_STREAM = 2**31 + 1
PLAIN = Look()
USUAL = GradeRule()


def photo_name(device: int, number: int) -> str:
    """File name of photo `number` of a device."""
    return f"dev{device:02d}_{number}.jpg"


def photo_row(plan: DevicePlan, number: int, size: Size, corners: NDArray[np.float32]) -> list[str]:
    """The line of photos.csv for photo `number`, its size (h, w) and its corners (4, 2)."""
    kind = "dark" if plan.dark[number] else "lit"
    texts = [f"{value:.1f}" for value in corners.ravel()]
    sizes = [str(size[1]), str(size[0])]
    return [photo_name(plan.index, number), f"dev{plan.index:02d}", kind, *sizes, *texts]


def render_device(plan: DevicePlan, seed: int, folder: Path, look: Look = PLAIN) -> list[list[str]]:
    """Renders all photos of one device into `folder`; returns their lines of photos.csv."""
    device = make_device(plan, seed, look)
    rows = []
    for number in range(len(plan.dark)):
        photo = render_photo(device, plan, number, seed, look)
        (folder / photo_name(plan.index, number)).write_bytes(photo.data)
        rows.append(photo_row(plan, number, photo.size, photo.corners))
    return rows


def noisy_labels(labels: NDArray[np.int64], share: float, seed: int) -> NDArray[np.int64]:
    """Moves exactly round(share * n) of the labels (n,) to a neighbouring class, as annotators would."""
    rng = stream(seed, _NOISE_STREAM)
    moved = labels.copy()
    chosen = rng.permutation(len(labels))[: round(share * len(labels))]
    step = rng.choice([-1, 1], len(chosen))
    top = len(CLASS_NAMES) - 1
    step = np.where(moved[chosen] == 0, 1, np.where(moved[chosen] == top, -1, step))
    moved[chosen] += step
    return moved


def cell_rows(
    plans: list[DevicePlan], seed: int, label_noise: float, rule: GradeRule = USUAL
) -> tuple[list[str], list[list[str]]]:
    """Header and lines of cells.csv; the true label is kept beside the label when there is label noise."""
    places = [
        [photo_name(p.index, n), str(r), str(c)]
        for p in plans
        for n in range(len(p.dark))
        for r in range(ROWS)
        for c in range(COLS)
    ]
    true = np.concatenate([np.tile(rule.grades(p.damage).ravel(), len(p.dark)) for p in plans])
    if label_noise == 0:
        return list(CELL_COLUMNS), [[*place, str(t)] for place, t in zip(places, true, strict=True)]
    given = noisy_labels(true, label_noise, seed)
    rows = [[*place, str(g), str(t)] for place, g, t in zip(places, given, true, strict=True)]
    return [*CELL_COLUMNS, "true_label"], rows


def write_csv(path: Path, header: list[str], rows: list[list[str]]) -> None:
    """Comma-separated lines under a header, ended as Unix does."""
    with replaced(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def one_thread() -> None:
    """OpenCV works on one core: the processes share them."""
    cv2.setNumThreads(1)


def by_device[Made](make: Callable[[DevicePlan], Made], plans: list[DevicePlan], workers: int) -> Iterator[Made]:
    """What `make`, which a process can be sent, gives for each device, in the order of the plans."""
    if workers == 1:
        threads = cv2.getNumThreads()
        one_thread()
        try:
            yield from map(make, plans)
        finally:
            cv2.setNumThreads(threads)
        return
    with fresh_processes(workers, one_thread) as pool:
        jobs = [pool.submit(make, plan) for plan in plans]
        try:
            for job in jobs:
                yield job.result()
        finally:
            for job in jobs:
                job.cancel()


def _alive(pid: str) -> bool:
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def published(root: Path) -> Iterator[Path]:
    """A temporary sibling of `root` that becomes `root` if the block succeeds and vanishes if it does not.

    What earlier renders left behind is removed, but not the folder of a render that is still running.
    """
    root.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{root.name}.rendering-"
    for stale in root.parent.glob(f"{prefix}*"):
        if not _alive(stale.name.removeprefix(prefix)):
            shutil.rmtree(stale, ignore_errors=True)
    folder = root.parent / f"{prefix}{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
        folder.rename(root)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def workers_of(root: Path, workers: int | None) -> int:
    """How many processes write into `root`; None: one for each core. Raises FileExistsError or ValueError."""
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise FileExistsError(f"{root} is there already: remove it or choose another folder")
    count = workers if workers is not None else len(os.sched_getaffinity(0))
    if count < 1:
        raise ValueError(f"workers={workers}: must be at least 1, or None for all cores")
    return count


def render_dataset(
    root: Path,
    *,
    devices: int = 61,
    photos: int = 224,
    seed: int = 0,
    label_noise: float = 0.0,
    look: Look = PLAIN,
    rule: GradeRule = USUAL,
    workers: int | None = None,
) -> None:
    """Renders a data set of damaged phones into the new folder `root`: photos/, photos.csv, cells.csv.

    The files depend on devices, photos, seed, label_noise (share of cells whose label moves to a
    neighbouring class), `look` and `rule` (of the grades) alone, not on `workers` (processes; None: all cores). `root` appears only when
    everything is written. Raises FileExistsError if `root` is there and not empty, ValueError for impossible
    numbers.
    """
    count = workers_of(root, workers)
    if not 0 <= label_noise <= 1:
        raise ValueError(f"label_noise={label_noise}: must be a share from 0 to 1")
    plans = plan_devices(devices, photos, seed)
    with published(root) as folder:
        (folder / "photos").mkdir()
        header, rows = cell_rows(plans, seed, label_noise, rule)
        write_csv(folder / "cells.csv", header, rows)
        photo_rows: list[list[str]] = []
        with tqdm(total=photos, desc=f"rendering {photos} photos", unit="photo", leave=False, disable=None) as bar:
            make = partial(render_device, seed=seed, folder=folder / "photos", look=look)
            for done in by_device(make, plans, min(count, devices)):
                photo_rows += done
                bar.update(len(done))
        write_csv(folder / "photos.csv", list(PHOTO_COLUMNS), photo_rows)
