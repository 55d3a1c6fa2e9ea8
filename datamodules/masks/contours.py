"""Outlines of masks on a picture, a colour per class, with a line below that names them."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from datamodules.masks.run_lengths import Mask

Picture = npt.NDArray[np.uint8]

COLOURS = (
    (255, 77, 79), (64, 169, 255), (250, 219, 20), (115, 209, 61), (179, 127, 235), (255, 146, 46), (54, 207, 201),
    (247, 89, 171),
)  # fmt: skip
"""RGB, of classes in their order."""
TINT = 0.22
"""How much of its colour a marked pixel takes."""


def outlined(picture: Picture, masks: Mask) -> Picture:
    """A copy of `(H, W, 3)` with every mask of `(K, H, W)` tinted and outlined; lines are wider in large pictures."""
    drawn = np.array(picture)
    width = max(1, round(min(picture.shape[:2]) / 200))
    for colour, mask in zip(COLOURS, masks, strict=False):
        drawn[mask] = (1 - TINT) * drawn[mask] + TINT * np.array(colour)
        contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(drawn, contours, -1, colour, width)
    return drawn


def beside(picture: Picture, masks: Sequence[Mask], caption: str, side: int = 256, widest: int = 1100) -> Picture:
    """The picture once per set of masks, each outlined; a wide picture's stand one below the other, captioned.

    Args:
        picture: `(H, W, 3)`.
        masks: sets `(K, H, W)`: truth, answer.
        caption: one line above.
        side: a smaller picture is drawn larger, so that its shorter side has about so many pixels.
        widest: unless it would be wider than this.

    """
    high, wide = picture.shape[:2]
    share = max(1, min(round(side / min(high, wide)), widest // wide))
    large = cv2.resize(picture, (wide * share, high * share), interpolation=cv2.INTER_CUBIC)
    drawn = []
    for one in masks:
        grown = np.repeat(np.repeat(one, share, axis=1), share, axis=2)
        drawn.append(
            np.pad(outlined(np.asarray(large, np.uint8), grown), ((2, 2), (2, 2), (0, 0)), constant_values=255)
        )
    joined = np.concatenate(drawn, axis=0 if wide > 2 * high else 1)
    strip = np.full((22, joined.shape[1], 3), 255, np.uint8)
    cv2.putText(strip, caption, (4, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (20, 24, 31), 1, cv2.LINE_AA)
    return np.concatenate([strip, joined])


def in_rows(pictures: Sequence[Picture], width: int = 1100) -> Picture:
    """Pictures of one size side by side, as many in a row as fit, on white."""
    high, wide = pictures[0].shape[:2]
    columns = max(1, width // wide)
    sheet = np.full((-(-len(pictures) // columns) * high, columns * wide, 3), 255, np.uint8)
    for place, picture in enumerate(pictures):
        row, column = divmod(place, columns)
        sheet[row * high : (row + 1) * high, column * wide : (column + 1) * wide] = picture
    return sheet


def legend(width: int, names: Sequence[str]) -> Picture:
    """A dark strip `(22 or more, width, 3)` with the names in their colours, in as many rows as they need."""
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, 0.42
    placed: list[tuple[int, int, int]] = []
    x, row = 8, 0
    for name in names:
        (needs, _), _ = cv2.getTextSize(name, font, scale, 1)
        if x > 8 and x + needs + 16 > width:
            x, row = 8, row + 1
        placed.append((x, row, needs))
        x += needs + 30
    strip = np.full((22 * (row + 1), width, 3), 24, np.uint8)
    for (at, line, _), name, colour in zip(placed, names, COLOURS, strict=False):
        middle = 22 * line + 11
        cv2.rectangle(strip, (at, middle - 4), (at + 8, middle + 4), colour, -1)
        cv2.putText(strip, name, (at + 13, middle + 4), font, scale, (235, 235, 235), 1, cv2.LINE_AA)
    return strip
