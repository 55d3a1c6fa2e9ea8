"""A graded photo as a picture: each cell in the colour of its grade, and what the colours mean."""

import colorsys
import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from datamodules.base.pixels import resize
from datamodules.masks.contours import COLOURS
from datamodules.screens.grid import Grid, cell_outlines
from station.damage import Marks

FORMATS = {".jpg": "JPEG", ".png": "PNG", ".jpeg": "JPEG"}
"""How a picture's name may end."""
LONGEST = 1200
"""Side of the photo, pixels."""
THUMBNAIL_CELL = 72
"""Side of a cell on a contact sheet, pixels."""
PANEL = 420
"""Width of the legend beside it, pixels."""
INK, SOFT, PAPER = (33, 37, 41), (108, 117, 125), (255, 255, 255)


def colour_of(grade: int, count: int) -> tuple[int, int, int]:
    """RGB, 0 to 255: green for the first of `count` grades, red for the last, as the pages have it."""
    share = grade / max(count - 1, 1)
    hue, light = 140 * (1 - share) ** 1.3 / 360, 0.38 + 0.18 * math.sin(math.pi * share)
    red, green, blue = (round(255 * one) for one in colorsys.hls_to_rgb(hue, light, 0.72))
    return red, green, blue


def mark_of(cell: Mapping[str, Any]) -> str:
    """What stands behind a cell's label: "!" where it looks like nothing in training, "?" where a person should look for another reason."""
    return "!" if cell["unknown"] else "?" if cell["ask"] else ""


def draw_grades(
    photo: npt.NDArray[np.uint8], found: dict[str, Any], labels: list[str], grid: Grid, marks: Marks | None = None
) -> Image.Image:
    """The photo with its cells coloured, what is marked on them outlined, and a legend.

    Args:
        photo: RGB `(H, W, 3)`.
        found: as `PhotoGrader.grade` gives it.
        labels: names of the grades, in their order.
        grid: of the cells.
        marks: damage, where a network has marked it.

    """
    scale = LONGEST / max(photo.shape[:2])
    width, height = round(photo.shape[1] * scale), round(photo.shape[0] * scale)
    picture = Image.fromarray(resize(photo, (width, height))).convert("RGBA")
    above = Image.new("RGBA", picture.size)
    draw = ImageDraw.Draw(above)
    outlines = cell_outlines(np.asarray(found["corners"], np.float64), grid) * scale
    for at, (cell, outline) in enumerate(zip(found["cells"], outlines, strict=True)):
        _draw_cell(draw, cell, outline, len(labels))
        for label, points in marks.outlines(at, outline) if marks else ():
            draw.line([*points, points[0]], fill=(*COLOURS[label], 255), width=2)
    whole = Image.new(
        "RGB", (width + PANEL, max(height, 130 + 56 * (len(labels) + (len(marks.names) + 1 if marks else 0)))), PAPER
    )
    whole.paste(Image.alpha_composite(picture, above).convert("RGB"))
    _draw_legend(ImageDraw.Draw(whole), found, labels, width + 32)
    for label, name in enumerate(marks.names if marks else ()):
        beside, top = (width + 32, 190 + 48 * (len(labels) + label))
        ImageDraw.Draw(whole).rectangle((beside, top, beside + 28, top + 28), outline=COLOURS[label], width=4)
        text = f"{name}, where it was marked"
        ImageDraw.Draw(whole).text((beside + 44, top + 14), text, INK, ImageFont.load_default(22), anchor="lm")
    return whole


def draw_thumbnail(phone: npt.NDArray[np.uint8], found: dict[str, Any], labels: list[str], grid: Grid) -> Image.Image:
    """The straightened phone `(rows · cell_px, columns · cell_px, 3)`, small; cells that are not of the best grade are framed, those for a person marked."""
    size = grid.columns * THUMBNAIL_CELL, grid.rows * THUMBNAIL_CELL
    picture = Image.fromarray(resize(phone, size)).convert("RGBA")
    above = Image.new("RGBA", size)
    draw = ImageDraw.Draw(above)
    for cell in found["cells"]:
        left, top = cell["col"] * THUMBNAIL_CELL, cell["row"] * THUMBNAIL_CELL
        box = (left, top, left + THUMBNAIL_CELL - 1, top + THUMBNAIL_CELL - 1)
        if cell["grade"]:
            colour = colour_of(cell["grade"], len(labels))
            draw.rectangle(box, (*colour, 60), (*colour, 255), width=3)
        else:
            draw.rectangle(box, outline=(255, 255, 255, 50))
        if mark := mark_of(cell):
            middle = (left + THUMBNAIL_CELL / 2, top + THUMBNAIL_CELL / 2)
            font = ImageFont.load_default(36)
            draw.text(middle, mark, (255, 255, 255, 255), font, anchor="mm", stroke_width=3, stroke_fill=(*INK, 220))
    return Image.alpha_composite(picture, above).convert("RGB")


def _draw_cell(draw: ImageDraw.ImageDraw, cell: dict[str, Any], outline: npt.NDArray[np.float64], count: int) -> None:
    colour = colour_of(cell["grade"], count)
    points = [(float(x), float(y)) for x, y in outline]
    draw.polygon(points, fill=(*colour, 46 if cell["grade"] == 0 else 72))
    draw.line([*points, points[0]], fill=(255, 255, 255, 190), width=2)
    height = float(np.linalg.norm(outline[3] - outline[0]))
    text = f"{cell['label']}{mark_of(cell)}\n{100 * max(cell['probabilities'].values()):.0f} %"
    font = ImageFont.load_default(max(10.0, min(height / 6, float(np.linalg.norm(outline[1] - outline[0])) / 8)))
    x, y = outline.mean(axis=0)
    draw.multiline_text(
        (x, y), text, (255, 255, 255, 255), font, anchor="mm", align="center", stroke_width=2, stroke_fill=(*INK, 200)
    )


def _draw_legend(draw: ImageDraw.ImageDraw, found: dict[str, Any], labels: list[str], left: int) -> None:
    counts = Counter(cell["label"] for cell in found["cells"])
    draw.text((left, 40), found["grade"], INK, ImageFont.load_default(40))
    draw.text((left, 92), f"{len(found['cells'])} cells", SOFT, ImageFont.load_default(20))
    for at, label in enumerate(labels):
        top = 140 + 48 * at
        draw.rounded_rectangle((left, top, left + 28, top + 28), 6, colour_of(at, len(labels)))
        draw.text(
            (left + 44, top + 14),
            f"{label}: {counts[label]}",
            INK if counts[label] else SOFT,
            ImageFont.load_default(22),
            anchor="lm",
        )
