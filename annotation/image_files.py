"""The images below a folder that other tools' files speak of."""

import os
from collections.abc import Iterator
from pathlib import Path

from annotation.imported import LeftOut
from annotation.log import AnnotationError
from annotation.photos import PhotoFile, looked_at
from datamodules.base.errors import DataError
from datamodules.base.tables import same_name
from datamodules.images.decoding import SUFFIXES, UNREADABLE


def find_images(root: Path, left: list[LeftOut], *, without: Path | None = None) -> dict[str, PhotoFile]:
    """The readable images by their paths below `root`; what cannot be read is added to `left`.

    Args:
        root: the folder.
        left: lines for what is left out.
        without: a folder below it that holds no images but masks.

    Raises AnnotationError where there is no such folder, or no readable image in it.

    """
    if not root.is_dir():
        raise AnnotationError(f"--data {root}: no such folder; want the one with the images")
    found: dict[str, PhotoFile] = {}
    for path in sorted(_candidates(root, without)):
        name = same_name(path.relative_to(root).as_posix())
        if not name.isprintable():
            left.append(LeftOut(ascii(name), "", "its name holds letters that a table cannot"))
        elif path.suffix.lower() in UNREADABLE:
            left.append(LeftOut(name, "", f"{path.suffix[1:].upper()} is not read: save it as JPEG or PNG"))
        else:
            try:
                found[name] = looked_at(name, path)
            except DataError as error:
                left.append(LeftOut(name, "", str(error).removeprefix(f"{path}: ")))
    if not found:
        raise AnnotationError(f"--data {root}: no readable image in it; want {', '.join(sorted(SUFFIXES))}")
    return found


def _candidates(root: Path, without: Path | None) -> Iterator[Path]:
    apart = None if without is None or without.resolve() == root.resolve() else without.resolve()
    for place, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".") and (Path(place) / name).resolve() != apart]
        for name in names:
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES | UNREADABLE:
                yield Path(place, name)
