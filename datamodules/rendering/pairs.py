"""A sheet of photos before and after damage was painted on them."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from datamodules.base.errors import DataError
from datamodules.rendering.geometry import CLASS_NAMES, COLS, ROWS, Damage
from datamodules.rendering.look import Look
from datamodules.rendering.painted import KINDS, shares_of
from datamodules.rendering.painting import front_aspect, paint, seen_cells, soil
from datamodules.rendering.planning import plan_devices, stream
from datamodules.rendering.scene import make_device, render_photo
from datamodules.screens.grid import Grid, rectify
from datamodules.screens.photo_folder import checked_corners, read_photo_folder

Picture = NDArray[np.uint8]
GAP = 12
SHOWN = Look(damage=2)
"""As conf/datamodule/painted_screens.yaml has it."""
TINTS = ((70, 200, 90), (250, 210, 60), (250, 140, 40), (240, 80, 80), (200, 40, 160))
"""Of each grade, red, green, blue."""


def fronts_in(root: Path, count: int, seed: int) -> list[tuple[Picture, NDArray[np.float64]]]:
    """Up to `count` photos (h, w, 3) of the set in `root` with their corners (4, 2), of as many devices as there are.

    Raises DataError for a set that cannot be read, or has ready-cut cells alone.
    """
    from datamodules.images.decoding import decode

    folder = read_photo_folder(root, Grid(COLS, ROWS), len(CLASS_NAMES), labelled=False)
    if folder.ready_cut:
        raise DataError(f"{root}: ready-cut cells; want photos/ and corners")
    turn: dict[str, int] = {}
    order = []
    for at in np.random.default_rng(seed).permutation(len(folder.photos)):
        source = folder.photos[at].source_id
        turn[source] = turn.get(source, 0) + 1
        order.append((turn[source], int(at)))
    found = []
    for _, at in sorted(order)[:count]:
        photo = decode(folder.files[at])
        height, width = photo.shape[:2]
        found.append((photo, checked_corners(folder.photos[at], width, height, folder.files[at])))
    return found


def clean_fronts(count: int, seed: int) -> list[tuple[Picture, NDArray[np.float64]]]:
    """Rendered photos of phones without damage, their screens off, with their corners."""
    found = []
    for plan in plan_devices(count, count, seed):
        clean = replace(plan, damage=Damage(), dark=(True,))
        photo = render_photo(make_device(clean, seed, Look()), clean, 0, seed, Look())
        found.append((np.asarray(Image.open(BytesIO(photo.data))), photo.corners.astype(np.float64)))
    return found


def pair_sheet(out: Path, root: Path | None = None, *, count: int = 8, height: int = 520, seed: int = 0) -> None:
    """Writes a PNG of `count` phones, straightened, `height` pixels each: above as photographed, below with painted damage, dirt and
    a dot in each cell that it gives a grade to. The photos are those of the set in `root`; None: rendered ones of whole phones.
    """
    fronts = clean_fronts(count, seed) if root is None else fronts_in(root, count, seed)
    plans = plan_devices(
        len(fronts), len(fronts), seed, [front_aspect(corners) for _, corners in fronts], shares_of(KINDS)
    )
    columns = []
    for (photo, corners), plan in zip(fronts, plans, strict=True):
        rng, before = stream(seed, plan.index), photo[..., ::-1].copy()
        picture = paint(rng, before, corners, plan.damage, SHOWN)
        grades = np.where(seen_cells(before, picture, corners), plan.grades, 0)
        picture = soil(rng, picture, corners)[..., ::-1]
        width = round(height / front_aspect(corners))
        pair = [_front(one, corners, (width, height)) for one in (photo, picture.copy())]
        columns.append((pair, grades))
    sheet = Image.new("RGB", (GAP + sum(pair[0].width + GAP for pair, _ in columns), 2 * height + 3 * GAP), "white")
    left = GAP
    for pair, grades in columns:
        for row, one in enumerate(pair):
            sheet.paste(_lined(one, grades) if row else one, (left, GAP + row * (height + GAP)))
        left += pair[0].width + GAP
    out.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(out)


def _front(photo: Picture, corners: NDArray[np.float64], size: tuple[int, int]) -> Image.Image:
    straight = rectify(photo, corners, Grid(COLS, ROWS, size[1] // ROWS))
    return Image.fromarray(straight).resize(size, Image.Resampling.LANCZOS)


def _lined(front: Image.Image, grades: NDArray[np.int64]) -> Image.Image:
    """A dot in each damaged cell's corner, in the colour of its grade."""
    pen = ImageDraw.Draw(front)
    wide, high = front.width / COLS, front.height / ROWS
    for row, col in np.argwhere(grades > 0):
        x, y = (col + 0.1) * wide, (row + 0.07) * high
        pen.ellipse((x - 4, y - 4, x + 5, y + 5), fill=TINTS[int(grades[row, col])], outline="white")
    return front
