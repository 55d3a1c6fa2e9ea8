"""A sheet of the renderer's factors: the same damaged cells under each of them, a row each."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

from datamodules.rendering.geometry import CLASS_NAMES, COLS, ROWS
from datamodules.rendering.look import Look
from datamodules.rendering.planning import DevicePlan, plan_devices
from datamodules.rendering.scene import make_device, render_photo
from datamodules.screens.grid import Grid, cut_cells

ROWS_SHOWN = {
    "as it is": Look(),
    "light=0": Look(light=0),
    "moire=0": Look(moire=0),
    "moire=3": Look(moire=3),
    "reflections=0": Look(reflections=0),
    "reflections=3": Look(reflections=3),
    "blur=0": Look(blur=0),
    "blur=3": Look(blur=3),
    "damage=0.5": Look(damage=0.5),
    "damage=2": Look(damage=2),
    "shards=false": Look(shards=False),
}


def factor_sheet(out: Path, *, columns: int = 8, side: int = 150, seed: int = 0) -> None:
    """Writes a PNG with a row of `columns` cells of `side` pixels for each factor; damaged cells of different devices."""
    plans = plan_devices(4 * columns, 4 * columns, seed)
    wanted = [grade for grade in (4, 1, 3, 2) for _ in range(2)]
    chosen: list[tuple[DevicePlan, int]] = []
    for at in range(columns):
        grade = wanted[at % len(wanted)]
        plan = next(one for one in plans if (one.grades == grade).any() and one not in [plan for plan, _ in chosen])
        chosen.append((plan, int(np.flatnonzero(plan.grades.ravel() == grade)[0])))
    left, gap = 130, 4
    sheet = Image.new("RGB", (left + columns * (side + gap), 24 + len(ROWS_SHOWN) * (side + gap)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    for column, (plan, cell) in enumerate(chosen):
        named = CLASS_NAMES[int(plan.grades.ravel()[cell])]
        pen.text((left + column * (side + gap), 2), named, fill="#444", font=ImageFont.load_default(14))
    for row, (name, look) in enumerate(tqdm(ROWS_SHOWN.items(), desc="rendering", leave=False, disable=None)):
        top = 24 + row * (side + gap)
        pen.text((8, top + side // 2 - 8), name, fill="black", font=font)
        for column, (plan, cell) in enumerate(chosen):
            # every other phone dark, every other lit, so that all factors show
            shown = replace(plan, dark=(column % 2 == 1,))
            photo = render_photo(make_device(shown, seed, look), shown, 0, seed, look)
            picture = np.asarray(Image.open(BytesIO(photo.data)))
            cells = cut_cells(picture, photo.corners.astype(np.float64), Grid(COLS, ROWS, 300))
            small = cv2.resize(cells[cell], (side, side), interpolation=cv2.INTER_AREA)
            sheet.paste(Image.fromarray(small), (left + column * (side + gap), top))
    out.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(out)
