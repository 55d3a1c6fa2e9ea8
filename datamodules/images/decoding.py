"""Image files of any kind → RGB pixels."""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageOps

from datamodules.base.errors import DataError
from datamodules.base.pixels import Image, resize

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff"})
"""Names that image files end with, in small letters."""

ORIENTATION, SIDEWAYS = 0x0112, (5, 6, 7, 8)
"""EXIF's tag, and those of its values that turn a picture by a quarter."""
PillowImage.MAX_IMAGE_PIXELS = 250_000_000  # phones take 200 megapixels; Pillow calls 90 a decompression bomb


def decode(path: Path) -> Image:
    """An image file → `(H, W, 3)` RGB uint8, turned as its EXIF says.

    Transparent parts become white, 16 bits a channel become 8, of an animation the first picture is taken. Raises
    DataError when the file is missing or broken.
    """
    with _readable(path), PillowImage.open(io.BytesIO(path.read_bytes())) as picture:
        return np.asarray(_eight_bits(ImageOps.exif_transpose(picture)))


def size_of(path: Path) -> tuple[int, int]:
    """Width and height that `decode` would give, from the file's head alone. Raises DataError as it does."""
    with _readable(path), PillowImage.open(path) as picture:
        width, height = picture.size
        return (height, width) if picture.getexif().get(ORIENTATION, 1) in SIDEWAYS else (width, height)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    warnings.filterwarnings("ignore", message="Corrupt EXIF data")  # the picture itself is read all the same
    try:
        yield
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, SyntaxError, ValueError, PillowImage.DecompressionBombError) as error:
        why = re.sub(r" <_io\.\w+ object at \w+>", "", str(error))
        raise DataError(f"{path}: not a readable image ({why})") from None


def _eight_bits(picture: PillowImage.Image) -> PillowImage.Image:
    """Any of Pillow's modes → RGB."""
    if picture.mode.startswith("I"):  # 16 bits of grey; Pillow would clip them at 255
        return PillowImage.fromarray((np.asarray(picture).clip(0, 65535) // 257).astype(np.uint8)).convert("RGB")
    if picture.mode == "F":
        raise ValueError("floating-point pixels have no agreed range; save it with 8 or 16 bits")
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    shown = picture.convert("RGBA")
    return PillowImage.alpha_composite(PillowImage.new("RGBA", shown.size, "white"), shown).convert("RGB")


def centre_square(picture: Image, side: int) -> Image:
    """The largest centred square of `(H, W, 3)`, resized to `(side, side, 3)`."""
    height, width = picture.shape[:2]
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    return resize(np.ascontiguousarray(picture[top : top + edge, left : left + edge]), (side, side))
