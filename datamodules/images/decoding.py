"""Image files of any kind → RGB pixels."""

import io
import stat
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageOps, UnidentifiedImageError, features

from datamodules.base.errors import DataError
from datamodules.base.pixels import Image, resize

_AVIF = features.check("avif") is True
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff"}) | (
    {".avif"} if _AVIF else set()
)
"""Names that image files end with, in small letters."""
UNREADABLE = frozenset({".heic", ".heif", ".avif", ".dng", ".cr2", ".nef", ".arw"}) - SUFFIXES
"""What phones and cameras write and Pillow does not read."""

ORIENTATION, SIDEWAYS = 0x0112, (5, 6, 7, 8)
"""EXIF's tag, and those of its values that turn a picture by a quarter."""
FORMATS = ("JPEG", "PNG", "BMP", "DIB", "GIF", "WEBP", "TIFF", *(("AVIF",) if _AVIF else ()))
"""Of Pillow's readers those that files of these names want: it would hand an EPS that is called .jpg to Ghostscript."""
MOST_PIXELS = 250_000_000
"""Of a picture: phones take 200 megapixels."""
MOST_BYTES = 1_000_000_000
"""Of a picture's file: as many pixels, not compressed."""
LARGE_PIXELS = 50_000_000
"""Of a picture beside which no other such is decoded."""
PillowImage.MAX_IMAGE_PIXELS = MOST_PIXELS  # Pillow refuses from twice its limit on and only warns before: see `opened`
BROKEN = (
    OSError, SyntaxError, ValueError, EOFError, TypeError, LookupError, ZeroDivisionError, struct.error, PillowImage.DecompressionBombError,
)  # fmt: skip
"""What Pillow raises for one crafted file or another."""
_large = threading.Lock()


class TooManyPixelsError(DataError):
    """A picture that is larger than its reader takes."""


def decode(path: Path) -> Image:
    """An image file → `(H, W, 3)` RGB uint8, turned as its EXIF says.

    Transparent parts become white, 16 bits a channel become 8, of an animation the first picture is taken; of very large
    pictures one is read at a time, several would fill the memory. Raises DataError when the file is missing, broken or
    larger than pictures are.
    """
    with opened(path, whole=True) as picture:
        return _pixels(picture)


def decode_bytes(data: bytes, name: str, most_pixels: int = MOST_PIXELS) -> Image:
    """`decode` of a file's bytes that came from elsewhere; messages call it `name`. Raises TooManyPixelsError, a DataError, as well."""
    with _reading(name), _picture(io.BytesIO(data), most_pixels) as picture:
        return _pixels(picture)


def _pixels(picture: PillowImage.Image) -> Image:
    with _large if picture.width * picture.height > LARGE_PIXELS else nullcontext():
        return np.asarray(_eight_bits(ImageOps.exif_transpose(picture)))


def size_of(path: Path) -> tuple[int, int]:
    """Width and height that `decode` would give, from the file's head alone. Raises DataError as it does."""
    with opened(path) as picture:
        width, height = picture.size
        return (height, width) if picture.getexif().get(ORIENTATION, 1) in SIDEWAYS else (width, height)


@contextmanager
def opened(path: Path, *, whole: bool = False) -> Iterator[PillowImage.Image]:
    """A picture whose head has been read, or its whole file, undecoded. Raises DataError, within the block too, where it is
    no picture of a size and of a format that are read.
    """
    with _reading(str(path)):
        check_file(path)
        with _picture(io.BytesIO(path.read_bytes()) if whole else path, MOST_PIXELS) as picture:
            yield picture


@contextmanager
def _picture(source: Path | io.BytesIO, most_pixels: int) -> Iterator[PillowImage.Image]:
    warnings.filterwarnings("ignore", message="Corrupt EXIF data")  # the picture itself is read all the same
    warnings.filterwarnings("ignore", category=PillowImage.DecompressionBombWarning)
    try:
        picture = PillowImage.open(source, formats=FORMATS)
    except PillowImage.DecompressionBombError:
        raise TooManyPixelsError(f"more than {2 * MOST_PIXELS} pixels; want at most {most_pixels}") from None
    with picture:
        if picture.width * picture.height > most_pixels:
            raise TooManyPixelsError(f"{picture.width} x {picture.height} pixels; want at most {most_pixels}")
        yield picture


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """What goes wrong within the block, as a DataError that begins with the name."""
    try:
        yield
    except FileNotFoundError:
        raise DataError(f"{name}: no such file") from None
    except MemoryError:
        raise DataError(f"{name}: larger than this machine's memory") from None
    except UnidentifiedImageError:
        raise DataError(f"{name}: not a readable image (want {', '.join(FORMATS)})") from None
    except TooManyPixelsError as error:
        raise TooManyPixelsError(f"{name}: not a readable image ({error})") from None
    except BROKEN as error:
        raise DataError(f"{name}: not a readable image ({' '.join(str(error).split())})") from None


def check_file(path: Path) -> None:
    """Raises ValueError for what is no file, such as a pipe that would be waited for, or is larger than pictures are."""
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):
        raise ValueError("not a file")
    if about.st_size > MOST_BYTES:
        raise ValueError(f"{about.st_size} bytes; want at most {MOST_BYTES}")


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
