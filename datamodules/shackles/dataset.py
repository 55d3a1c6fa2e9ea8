"""A data set of rendered joints: pictures and numbers.csv, on all cores, going on where it was stopped."""

import csv
import os
from collections.abc import Iterator
from concurrent.futures import as_completed
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from filelock import FileLock
from PIL import Image
from tqdm import tqdm

from datamodules.base.errors import DataError
from datamodules.base.processes import fresh_processes
from datamodules.shackles import skies
from datamodules.shackles.scene import LIGHTS, Scene, Variation, draw, traced
from datamodules.shackles.surfaces import Map
from storage.whole_file import replaced

RENDERER_VERSION = 1
"""Raised when the same settings give other pictures."""
LEVELS = {
    "notx_nobg": (False, False, False),
    "notx_wbg": (False, True, False),
    "wtx_wbg": (True, True, False),
    "wbg_wtx_gm": (True, True, True),
}
"""Texture, background and geometry of the four published data sets (seed 004, section 3.4)."""
PANORAMAS = 24
COLUMNS = ("image", "wear", "source_id", "light", "surroundings", "bar", "azimuth", "elevation")


class Order(NamedTuple):
    """One picture to be rendered."""

    path: Path
    number: int
    seed: int
    side: int
    variation: Variation
    panoramas: tuple[Path, ...]


def render_shackles(
    root: Path, *, images: int, side: int, seed: int, variation: Variation, panoramas: Path | None = None,
    workers: int | None = None,
) -> None:  # fmt: skip
    """Renders `images/00000.jpg` … of side x side pixels and writes numbers.csv when all are there.

    Every picture depends on seed, its number, side and variation alone, so a stopped call goes on, and a longer data set begins with
    a shorter one.

    Args:
        panoramas: a folder of surroundings; None draws some, beside `root`.
        workers: processes; None: one per core.

    Raises DataError for impossible settings.
    """
    _check(images, side, variation, workers)
    (root / "images").mkdir(parents=True, exist_ok=True)
    with FileLock(root / ".rendering.lock"):
        around = panoramas_of(root.parent, panoramas) if variation.background else ()
        orders = [
            Order(root / "images" / f"{number:05}.jpg", number, seed, side, variation, around)
            for number in range(images)
        ]
        missing = [order for order in orders if not order.path.exists()]
        count = min(workers or len(os.sched_getaffinity(0)), max(len(missing), 1))
        bar = tqdm(_done(missing, count), total=len(missing), desc=f"rendering {len(missing)} joints", unit="picture",
                   leave=False, disable=None)  # fmt: skip
        for _ in bar:
            pass
        _write_numbers(root / "numbers.csv", orders)


def scene_of(order: Order) -> tuple[Scene, np.random.Generator]:
    """What a picture shows, and the generator that its textures and noise come from."""
    places, rest = np.random.SeedSequence((order.seed, order.number)).spawn(2)
    return draw(np.random.default_rng(places), order.variation, len(order.panoramas)), np.random.default_rng(rest)


def render(order: Order) -> None:
    """Writes one picture; under its final name only when it is whole."""
    scene, rng = scene_of(order)
    panorama = loaded(order.panoramas[scene.surroundings]) if order.panoramas else None
    picture = traced(scene, order.variation, panorama, order.side, rng)
    with replaced(order.path) as unfinished:
        Image.fromarray(picture).save(unfinished, quality=95)


@lru_cache(maxsize=PANORAMAS)
def loaded(path: Path) -> Map:
    """A panorama `(H, W, 3)`, drawn or given."""
    return np.load(path).astype(np.float32) if path.suffix == ".npy" else skies.read(path)


def _done(orders: list[Order], workers: int) -> Iterator[None]:
    if workers == 1:
        for order in orders:
            render(order)
            yield
        return
    with fresh_processes(workers) as pool:
        jobs = [pool.submit(render, order) for order in orders]
        try:
            for job in as_completed(jobs):
                job.result()
                yield
        finally:
            for job in jobs:
                job.cancel()


def panoramas_of(beside: Path, given: Path | None) -> tuple[Path, ...]:
    """Files of surroundings, drawn once for all data sets that lie here where none are given."""
    if given is not None:
        files = skies.found(given)
        for file in files:
            skies.read(file)
        return tuple(files)
    folder = beside / f".surroundings-v{RENDERER_VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    paths = tuple(folder / f"{number:02}.npy" for number in range(PANORAMAS))
    with FileLock(folder / ".lock"):
        missing = [(at, path) for at, path in enumerate(paths) if not path.exists()]
        for at, path in tqdm(missing, desc="drawing surroundings", unit="", leave=False, disable=None):
            with replaced(path) as unfinished:
                np.save(unfinished, skies.drawn(np.random.default_rng((RENDERER_VERSION, at))).astype(np.float16))
    return paths


def _write_numbers(path: Path, orders: list[Order]) -> None:
    with replaced(path) as unfinished, unfinished.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for order in orders:
            scene, _ = scene_of(order)
            azimuth, elevation, _ = scene.camera
            writer.writerow(
                (f"images/{order.path.name}", f"{scene.wear:.5f}", order.number, "partial" if scene.partial else "even",
                 scene.surroundings if order.panoramas else "", f"{scene.shape.bar:.4f}", f"{azimuth:.1f}", f"{elevation:.1f}")
            )  # fmt: skip


def _check(images: int, side: int, variation: Variation, workers: int | None) -> None:
    root = round(variation.samples**0.5)
    wrong = (
        (images < 1, f"images={images}: want at least 1"),
        (side < 32, f"size={side}: want at least 32 pixels"),
        (
            variation.samples < 1 or root * root != variation.samples,
            f"samples={variation.samples}: want a square number",
        ),
        (variation.light not in LIGHTS, f"light={variation.light}: want {', '.join(LIGHTS)}"),
        (variation.edge_px < 0, f"edge_px={variation.edge_px:g}: want 0 or more pixels"),
        (workers is not None and workers < 1, f"workers={workers}: want at least 1"),
    )
    for is_so, why in wrong:
        if is_so:
            raise DataError(f"datamodule.{why}")
