"""Writes the masks of a rendered data set beside its photos, which are not rendered again."""

import os
from functools import partial
from pathlib import Path

from tqdm import tqdm

from datamodules.base.errors import DataError
from datamodules.base.tables import Table
from datamodules.rendering.dataset import PLAIN, by_device, photo_name, photo_row, published
from datamodules.rendering.look import Look
from datamodules.rendering.masks import MASK_CLASSES, photo_masks
from datamodules.rendering.planning import DevicePlan, plan_devices
from datamodules.rendering.scene import frame_of, make_device
from datamodules.screens.mask_files import FOLDER, write_classes, write_masks


def mask_device(plan: DevicePlan, seed: int, folder: Path, look: Look) -> int:
    """Writes the masks of all photos of one device into `folder`; returns how many."""
    device = make_device(plan, seed, look)
    for number in range(len(plan.dark)):
        masks = photo_masks(device, plan, number, seed, look)
        write_masks((folder / photo_name(plan.index, number)).with_suffix(".png"), masks)
    return len(plan.dark)


def render_masks(
    root: Path, *, devices: int, photos: int, seed: int = 0, look: Look = PLAIN, workers: int | None = None
) -> None:
    """Writes `masks/` into the folder `root` that `render_dataset` has made with the same settings; whole or not at all.

    Args:
        root: the folder.
        devices, photos, seed, look: as `render_dataset` was given them.
        workers: processes; None: one for each core.

    Raises DataError where the folder holds other photos than these settings give.

    """
    plans = plan_devices(devices, photos, seed)
    _check_same(root, plans, seed, look)
    count = workers if workers is not None else len(os.sched_getaffinity(0))
    with (
        published(root / FOLDER) as folder,
        tqdm(total=photos, desc=f"drawing {photos} masks", unit="photo", leave=False, disable=None) as bar,
    ):
        write_classes(folder, MASK_CLASSES)
        for done in by_device(partial(mask_device, seed=seed, folder=folder, look=look), plans, min(count, devices)):
            bar.update(done)


def _check_same(root: Path, plans: list[DevicePlan], seed: int, look: Look) -> None:
    """Raises DataError where photos.csv does not say what these plans give."""
    wanted = [
        photo_row(plan, number, *frame_of(plan, number, seed, look))
        for plan in plans
        for number in range(len(plan.dark))
    ]
    there = [list(row.values()) for _, row in Table(root / "photos.csv", ("photo",))]
    if there != wanted:
        raise DataError(
            f"{root / 'photos.csv'}: other photos than devices={len(plans)}, photos={len(wanted)}, render_seed={seed} give, so their "
            "masks are not known; want the settings that they were rendered with, or datamodule.root=null"
        )
