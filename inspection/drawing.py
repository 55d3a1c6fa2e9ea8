"""Pictures of what is seen inside, as arrays of RGB."""

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Picture = npt.NDArray[np.uint8]
INK, SOFT, LINE = (20, 24, 31), (91, 100, 114), (227, 230, 235)
GAP = 6


def mosaic(maps: npt.NDArray[np.float32], order: Sequence[int], side: int, columns: int) -> Picture:
    """Channels of `(C, h, w)` in an order, each from its least (dark) to its greatest value, as tiles → `(side', side, 3)`."""
    cell = (side - GAP // 2 * (columns - 1)) // columns
    rows = math.ceil(len(order) / columns)
    picture = np.full((rows * (cell + GAP // 2) - GAP // 2, side, 3), 255, np.uint8)
    for place, channel in enumerate(order):
        tile = _stretched(maps[channel])
        coloured = cv2.applyColorMap(
            cv2.resize(tile, (cell, cell), interpolation=cv2.INTER_NEAREST), cv2.COLORMAP_VIRIDIS
        )
        top, left = (cell + GAP // 2) * (place // columns), (cell + GAP // 2) * (place % columns)
        picture[top : top + cell, left : left + cell] = coloured[:, :, ::-1]
    return picture


def _stretched(values: npt.NDArray[Any]) -> Picture:
    low, high = float(values.min()), float(values.max())
    return np.asarray(255 * (values - low) / (high - low or 1.0), np.uint8)


def filters(weights: npt.NDArray[np.float32], side: int, columns: int = 16) -> Picture:
    """Filters `(O, C, k, k)` of 3 colours, or of any number as their mean, each stretched by itself → tiles."""
    shown = weights if weights.shape[1] == 3 else weights.mean(axis=1, keepdims=True).repeat(3, axis=1)
    cell = (side - GAP // 2 * (columns - 1)) // columns
    rows = math.ceil(len(shown) / columns)
    picture = np.full((rows * (cell + GAP // 2) - GAP // 2, side, 3), 255, np.uint8)
    for place, one in enumerate(shown):
        tile = cv2.resize(_stretched(one.transpose(1, 2, 0)), (cell, cell), interpolation=cv2.INTER_NEAREST)
        top, left = (cell + GAP // 2) * (place // columns), (cell + GAP // 2) * (place % columns)
        picture[top : top + cell, left : left + cell] = tile
    return picture


def heated(image: Picture, heat: npt.NDArray[np.float32]) -> Picture:
    """The image `(H, W, 3)` with a map `(H, W)` from 0 to 1 over it."""
    colours = cv2.applyColorMap(np.asarray(255 * heat, np.uint8), cv2.COLORMAP_INFERNO)[:, :, ::-1]
    share = 0.25 + 0.45 * heat[:, :, None]
    return np.asarray((1 - share) * image + share * colours, np.uint8)


def edges(image: Picture, low: float = 60.0, high: float = 150.0) -> Picture:
    """Canny's edges in white (Canny 1986), by which the thesis first held rendered against real images."""
    found = cv2.Canny(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), low, high)
    return np.repeat(found[:, :, None], 3, axis=2)


def sheet(title: str, columns: Sequence[str], rows: Sequence[tuple[str, Sequence[Picture]]], side: int) -> Image.Image:
    """A page: a title, a heading per column, and rows of pictures `side` wide under a line of words each."""
    bold, plain, small = (ImageFont.load_default(size) for size in (22, 16, 14))
    margin, between = 28, 22
    width = 2 * margin + len(columns) * side + (len(columns) - 1) * between
    heights = [26 + max(picture.shape[0] for picture in pictures) + between for _, pictures in rows]
    page = Image.new("RGB", (width, 92 + sum(heights) + margin), "white")
    draw = ImageDraw.Draw(page)
    draw.text((margin, 22), title, INK, bold)
    for at, words in enumerate(columns):
        draw.text((margin + at * (side + between), 60), words, SOFT, plain)
    top = 92
    for (words, pictures), height in zip(rows, heights, strict=True):
        draw.line((margin, top, width - margin, top), LINE)
        draw.text((margin, top + 5), words, SOFT, small)
        for at, picture in enumerate(pictures):
            page.paste(Image.fromarray(np.ascontiguousarray(picture)), (margin + at * (side + between), top + 28))
        top += height
    return page
