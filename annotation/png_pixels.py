"""The pixels of a mask that another tool wrote as a picture."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from annotation.class_lists import ClassList, Colour
from annotation.mask_source import ClassMask, Masks
from datamodules.images.decoding import opened

MASK_SUFFIXES = frozenset({".png", ".bmp", ".tif", ".tiff", ".gif"})
"""Formats that keep a pixel's number; JPEG blurs it."""
SHOWN = 8
"""Values that a line lists at most."""


@dataclass(frozen=True)
class MaskPixels:
    """One of both; a picture with a palette has both."""

    numbers: npt.NDArray[np.int64] | None
    """`(H, W)`."""
    colours: npt.NDArray[np.uint8] | None
    """`(H, W, 3)`."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        one = self.numbers if self.numbers is not None else self.colours
        assert one is not None
        return int(one.shape[0]), int(one.shape[1])


def read_pixels(path: Path) -> MaskPixels:
    """A mask's pixels as its file has them. Raises DataError for what is no picture."""
    with opened(path) as picture:
        if picture.mode in ("1", "L") or picture.mode.startswith("I"):
            return MaskPixels(np.asarray(picture).astype(np.int64), None)
        if picture.mode == "P":
            return MaskPixels(np.asarray(picture).astype(np.int64), np.asarray(picture.convert("RGB")))
        shown = np.asarray(picture.convert("RGBA"))
        colours = np.where(shown[..., 3:] > 0, shown[..., :3], 0)
    grey = (colours == colours[..., :1]).all()
    return MaskPixels(colours[..., 0].astype(np.int64) if grey else None, colours)


def of_two(pixels: MaskPixels) -> ClassMask:
    """A mask of two values, 0 and another. Raises ValueError for more of them, unless they are shades up to white."""
    numbers = pixels.numbers
    if numbers is None:
        raise ValueError(f"holds colours, {_listed(colours_of(pixels))}; want a mask of 0 and 255")
    values = [int(value) for value in np.unique(numbers) if value]
    if len(values) <= 1:
        return numbers > 0
    if max(values) < 128 or max(values) > 255:
        raise ValueError(f"holds the values {_listed(values)}; want 0 and one other, or --classes with their names")
    return numbers > 127


def is_shaded(pixels: MaskPixels) -> bool:
    """Whether a mask of two values has shades between them."""
    return pixels.numbers is not None and len(np.unique(pixels.numbers)) > 2


def of_list(pixels: MaskPixels, classes: ClassList, background: frozenset[int]) -> Masks:
    """A mask per class of a list. Raises ValueError for a number or colour that is not in it."""
    if classes.colours:
        colours = pixels.colours if pixels.colours is not None else _grey(pixels)
        codes = _codes(colours)
        known = {_code(colour): name for colour, name in classes.colours.items()}
        strange = [value for value in np.unique(codes).tolist() if value and value not in known]
        if strange:
            raise ValueError(f"holds the colours {_listed(map(_colour, strange))}, which the list of classes has not")
        return _masks(codes, known)
    numbers = pixels.numbers
    if numbers is None:
        raise ValueError(
            f"holds colours, {_listed(colours_of(pixels))}; want the classes' numbers, or a list with their colours"
        )
    values = [value for value in np.unique(numbers).tolist() if value not in background | {0}]
    if list(classes.numbers) == [1] and max(values, default=0) > 1:
        mask = of_two(pixels)
        return {classes.numbers[1]: mask} if mask.any() else {}
    strange = [value for value in values if value not in classes.numbers]
    if strange:
        have = ", ".join(f"{number} {name}" for number, name in list(classes.numbers.items())[:SHOWN])
        raise ValueError(
            f"holds the values {_listed(strange)}; want 0 and {have}; --background {strange[0]} is no class"
        )
    return _masks(numbers, classes.numbers)


def values_of(pixels: MaskPixels) -> set[int]:
    """Its numbers above 0; none for a picture of colours."""
    return set() if pixels.numbers is None else {int(value) for value in np.unique(pixels.numbers) if value}


def colours_of(pixels: MaskPixels) -> list[Colour]:
    """Its colours but black."""
    return [] if pixels.colours is None else [_colour(code) for code in np.unique(_codes(pixels.colours)) if code]


def _masks(pixels: npt.NDArray[np.int64], known: dict[int, str]) -> Masks:
    found: Masks = {}
    for value, name in known.items():
        mask = pixels == value
        if mask.any():
            found[name] = found[name] | mask if name in found else mask
    return found


def _grey(pixels: MaskPixels) -> npt.NDArray[np.uint8]:
    assert pixels.numbers is not None
    return np.repeat(pixels.numbers.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def _codes(colours: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    wide = colours.astype(np.int64)
    return np.asarray((wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2])


def _code(colour: Colour) -> int:
    return (colour[0] << 16) | (colour[1] << 8) | colour[2]


def _colour(code: int) -> Colour:
    return int(code) >> 16, (int(code) >> 8) & 255, int(code) & 255


def _listed(values: object) -> str:
    every = [str(value) for value in values]  # type: ignore[attr-defined]
    return ", ".join(every[:SHOWN]) + (f" and {len(every) - SHOWN} more" if len(every) > SHOWN else "")
