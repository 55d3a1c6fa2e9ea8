"""The photos of a folder: what there is to annotate, and what is left out with the reason."""

import os
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock

import numpy as np
import numpy.typing as npt
from PIL import ExifTags

from annotation.log import AnnotationError
from annotation.rubric import FOLDER
from datamodules.base.errors import DataError
from datamodules.base.pixels import Image
from datamodules.base.tables import same_name
from datamodules.images.decoding import SIDEWAYS, SUFFIXES, UNREADABLE, decode, opened
from datamodules.screens.photo_folder import photo_file, photo_stem

HELD_BYTES = 400_000_000
"""Of decoded photos that are kept in memory: the open one, its neighbours, and those of a few others at work."""


@dataclass(frozen=True)
class PhotoFile:
    """One readable photo."""

    name: str
    """Relative to the folder of photos, with slashes: what photos.csv calls it."""
    path: Path
    width: int
    height: int
    """Pixels, turned as its EXIF says."""
    taken: datetime | None
    """By its EXIF."""
    orientation: int = 1
    """EXIF's number for how the file's own pixels are turned."""


class Photos:
    """The readable photos under a folder, in the order of their names.

    Args:
        root: holds `photos/`, or the photos themselves, in subfolders or not.

    Raises AnnotationError where there is no such folder or no photo in it.

    """

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise AnnotationError(f"{root}: no such folder: want one with photos of phones")
        self.root = root
        self.base = photo_file(root, "").resolve()
        self.left_out: list[str] = []
        self.files: dict[str, PhotoFile] = {}
        self._stems: dict[str, str] = {}
        self._refused: set[Path] = set()
        self._decoded: OrderedDict[str, Image] = OrderedDict()
        self._lock = Lock()
        self.scan()
        if not self.files:
            raise AnnotationError(f"{root}: no readable photo in it; want {', '.join(sorted(SUFFIXES))}")

    def scan(self) -> None:
        """Takes in photos that were added since."""
        with self._lock:
            known = {file.path for file in self.files.values()} | self._refused
            for path in sorted(self._candidates()):
                if path not in known and path.is_file():
                    self._take(path)

    def _candidates(self) -> Iterator[Path]:
        """Files with the suffix of a photo, links among them; not those in hidden folders, in links to folders, and in the own ones of cells and rubric."""
        beside = self.base == self.root.resolve()
        for place, folders, names in os.walk(self.base):
            own = beside and place == str(self.base)
            folders[:] = [
                name for name in folders if not name.startswith(".") and not (own and name in ("cells", FOLDER))
            ]
            for name in names:
                if not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES | UNREADABLE:  # noqa: PTH122
                    yield Path(place, name)

    def _take(self, path: Path) -> None:
        name = same_name(path.relative_to(self.base).as_posix())
        why = self._problem(name, path)
        if not why:
            try:
                file = looked_at(name, path)
            except DataError as error:
                why = str(error).removeprefix(f"{path}: ")
        if why:
            self._refused.add(path)
            self.left_out.append(f"{name if name.isprintable() else ascii(name)}: {why}")
        else:
            self.files[name] = file
            self._stems[photo_stem(name)] = name

    def _problem(self, name: str, path: Path) -> str:
        if path.is_symlink() and not path.resolve().is_relative_to(self.base):
            return "a link to somewhere outside the folder"
        if not name.isprintable():  # line breaks, and bytes that are no UTF-8
            return "its name holds letters that a table cannot"
        if path.suffix.lower() in UNREADABLE:
            return f"{path.suffix[1:].upper()} is not read: save it as JPEG"
        other = self._stems.get(photo_stem(name))
        return f"its cells would be named as those of {other}" if other else ""

    def __getitem__(self, name: str) -> PhotoFile:
        """The photo of that name. Raises AnnotationError where it is none of this folder's."""
        found = self.files.get(same_name(name))
        if found is None:
            raise AnnotationError(f"{name}: no photo of {self.base}")
        return found

    def pixels(self, name: str) -> Image:
        """`(H, W, 3)` RGB; the last few stay in memory. Raises AnnotationError for a file that turns out broken."""
        file = self[name]
        with self._lock:
            if name in self._decoded:
                self._decoded.move_to_end(name)
                return self._decoded[name]
        try:
            picture = decode(file.path)
        except DataError as error:
            raise AnnotationError(str(error)) from None
        with self._lock:
            self._decoded[name] = picture
            while len(self._decoded) > 1 and sum(one.nbytes for one in self._decoded.values()) > HELD_BYTES:
                self._decoded.popitem(last=False)
        return picture


def looked_at(name: str, path: Path) -> PhotoFile:
    """Size and time from the file's head; its pixels are not decoded yet. Raises DataError for what is no picture."""
    with opened(path) as picture:
        width, height = picture.size
        exif = picture.getexif()
        orientation = exif.get(ExifTags.Base.Orientation, 1)
        if orientation in SIDEWAYS:
            width, height = height, width
        within = exif.get_ifd(ExifTags.IFD.Exif)
        given = within.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime)
    try:
        taken = datetime.strptime(str(given), "%Y:%m:%d %H:%M:%S") if given else None
    except ValueError:
        taken = None
    return PhotoFile(name, path, width, height, taken, orientation)


def upright(picture: npt.NDArray[np.uint8], orientation: int) -> npt.NDArray[np.uint8]:
    """Pixels `(H, W, ...)` as they lie in a file, turned as its EXIF orientation says."""
    turned = np.swapaxes(picture, 0, 1) if orientation in SIDEWAYS else picture
    down, across = {2: (1, -1), 3: (-1, -1), 4: (-1, 1), 6: (1, -1), 7: (-1, -1), 8: (-1, 1)}.get(orientation, (1, 1))
    return np.ascontiguousarray(turned[::down, ::across])
