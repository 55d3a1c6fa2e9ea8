"""The photos of a folder that are to be graded, and those that cannot be, with the reason."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from datamodules.base.errors import DataError
from datamodules.base.tables import same_name
from datamodules.images.decoding import SUFFIXES, UNREADABLE
from datamodules.screens.photo_folder import photo_file


@dataclass(frozen=True)
class PhotoFile:
    """One photo."""

    name: str
    """Relative to the folder, with slashes, composed as Unicode's NFC."""
    path: Path
    bytes: int
    mtime_ns: int
    drawn: str
    """Name of its pictures, relative and with slashes; no two are the same, whatever the letters' case."""


@dataclass(frozen=True)
class PhotoFiles:
    """A folder's."""

    base: Path
    """The folder that names are relative to: `photos/` below what was given, where there is one."""
    photos: list[PhotoFile]
    refused: dict[str, str]
    """By name, why."""


def find_photos(root: Path, without: Path) -> PhotoFiles:
    """Every file below a folder that is named as a picture, in the order of their names; hidden ones are none.

    Args:
        root: the folder.
        without: one below it that is not looked into, where pictures of photos are written.

    Raises DataError where there is no such folder or no photo in it.

    """
    if not root.is_dir():
        raise DataError(f"photos={root}: no such folder; want one with photos of phones (of one photo: photo={root})")
    base = photo_file(root, "").resolve()
    refused: dict[str, str] = {}
    paths: dict[str, Path] = {}
    for path in sorted(_candidates(base, without.resolve())):
        name = same_name(path.relative_to(base).as_posix())
        why = _problem(base, name, path)
        if not why and name in paths:
            why = "another photo has the same name, with its letters composed in another way"
        if why:
            refused[name if name.isprintable() else ascii(name)] = why
        else:
            paths[name] = path
    if not paths and not refused:
        raise DataError(f"photos={root}: no photo in it; want {', '.join(sorted(SUFFIXES))}")
    return PhotoFiles(base, list(_looked_at(paths, refused)), refused)


def _candidates(base: Path, without: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(base):
        folders[:] = [one for one in folders if not one.startswith(".") and Path(place, one).resolve() != without]
        yield from (Path(place, one) for one in folders if Path(place, one).is_symlink())
        for name in names:
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES | UNREADABLE:  # noqa: PTH122
                yield Path(place, name)


def _problem(base: Path, name: str, path: Path) -> str:
    if path.is_symlink() and not path.resolve().is_relative_to(base):
        return "a link to somewhere outside the folder"
    if path.is_dir():
        return "a link to a folder, which is not followed" if path.is_symlink() else "a folder that is named as a photo"
    if not name.isprintable():  # line breaks, and bytes that are no UTF-8
        return "its name holds letters that a table cannot"
    if path.suffix.lower() in UNREADABLE:
        return f"{path.suffix[1:].upper()} is not read: save it as JPEG"
    return ""


def _looked_at(paths: dict[str, Path], refused: dict[str, str]) -> Iterator[PhotoFile]:
    stems = Counter(_stem(name).casefold() for name in paths)
    for name, path in paths.items():
        try:
            about = path.stat()
        except OSError as error:
            refused[name] = f"cannot be read ({error.strerror})"
            continue
        # of a.jpg and a.png each keeps its own ending: a.jpg.jpg, a.png.jpg
        drawn = f"{_stem(name) if stems[_stem(name).casefold()] == 1 else name}.jpg"
        yield PhotoFile(name, path, about.st_size, about.st_mtime_ns, drawn)


def _stem(name: str) -> str:
    return PurePosixPath(name).with_suffix("").as_posix()
