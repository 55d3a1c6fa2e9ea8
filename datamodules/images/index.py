"""Which image files a folder of class folders holds, and what reading each of them once shows."""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock
from tqdm import tqdm

from datamodules.base.array_cache import disk_errors, kept_json, threaded_map
from datamodules.base.errors import DataError
from datamodules.images.decoding import SUFFIXES, check_file, decode
from datamodules.images.near_duplicates import Look, duplicate_groups, look_of
from storage.whole_file import write_whole

INDEX_VERSION = 4
"""Raised when the index of a folder is made differently, so that old ones are not read."""


NAMES_OF_PARTS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val",
                  "test": "test", "testing": "test"}  # fmt: skip
"""What folders of parts are called, in small letters."""
UNREAD = frozenset({".heic", ".heif", ".avif", ".jxl", ".jp2", ".dng", ".cr2", ".nef", ".arw", ".svg"}) - SUFFIXES
"""Names that images end with that are not read."""


class ImageEntry(NamedTuple):
    """An image file of the folder."""

    path: str
    """Relative to the folder."""
    part: str
    """train, val or test where the folder says so, else empty."""
    name: str
    """Name of its class."""


class Index(NamedTuple):
    """What reading every file once has shown."""

    pixels: str
    """16 hex digits over the bytes of the readable files."""
    broken: dict[str, str]
    """Path → what is wrong."""
    group: dict[str, int]
    """Path → number shared by pictures that are almost the same."""
    size: dict[str, tuple[int, int]]
    """Path → width and height."""


def find_members(root: Path) -> tuple[list[ImageEntry], bool]:
    """The image files of all classes in order, and whether the folder has parts of its own. Raises DataError."""
    if not root.is_dir():
        raise DataError(f"{root}: no such folder (datamodule.root): want a folder of images per class")
    folders = [folder for folder in sorted(root.iterdir()) if folder.is_dir() and not folder.name.startswith(".")]
    parts = {
        folder.name: NAMES_OF_PARTS[folder.name.lower()] for folder in folders if folder.name.lower() in NAMES_OF_PARTS
    }
    if "train" in parts.values() and (len(parts) > 1 or len(folders) == 1):
        odd = next((folder for folder in folders if folder.name not in parts), None)
        if odd is not None:
            raise DataError(f"{odd}: lies beside {', '.join(parts)}; want those alone, or class folders alone")
        if len(set(parts.values())) < len(parts):
            raise DataError(f"{root}: {', '.join(parts)}: two folders for one part")
        found = [member for name, part in parts.items() for member in _of_classes(root, root / name, part)]
        trained = {member.name for member in found if member.part == "train"}
        strange = next((member for member in found if member.name not in trained), None)
        if strange is not None:
            raise DataError(f"{root / strange.path}: class {strange.name} is not in the training set")
    else:
        parts = {}
        found = _of_classes(root, root, "")
    if not found:
        raise DataError(f"{root}: no images in it: want a folder per class holding {', '.join(sorted(SUFFIXES))}")
    return found, bool(parts)


def passed_over(root: Path) -> list[str]:
    """A line for each image of a kind that is not read, and for each class folder without an image."""
    lines = []
    for here, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        place = Path(here).relative_to(root)
        strange = [name for name in sorted(names) if Path(name).suffix.lower() in UNREAD]
        lines += [f"{(place / n).as_posix()}: {Path(n).suffix} is not read; save it as JPEG or PNG" for n in strange]
        if not folders and not any(Path(name).suffix.lower() in SUFFIXES | UNREAD for name in names):
            lines.append(f"{place.as_posix()}: no image in this folder")
    return lines


def _of_classes(root: Path, above: Path, part: str) -> list[ImageEntry]:
    found = []
    for folder in sorted(above.iterdir()):
        if not folder.is_dir() or folder.name.startswith("."):
            continue
        files = (Path(here) / name for here, _, names in os.walk(folder) for name in names)
        images = sorted(file for file in files if file.suffix.lower() in SUFFIXES and not file.name.startswith("."))
        found += [ImageEntry(file.relative_to(root).as_posix(), part, folder.name) for file in images]
    return found


def scan_images(root: Path, members: list[ImageEntry], cache: Path) -> Index:
    """Bytes, readability, likeness of all files; kept in `cache` under the files' names, sizes and times."""
    known = [INDEX_VERSION, [(member.path, *_stat(root / member.path)) for member in members]]
    digest = hashlib.blake2b(json.dumps(known).encode(), digest_size=8).hexdigest()
    path = cache / f"folder-{digest}.json"
    with disk_errors(cache):
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / f"folder-{digest}.lock"):
            if (found := _kept(path)) is None:
                found = _look_through(root, [member.path for member in members])
                write_whole(path, json.dumps(found._asdict()))
    return found


def _kept(path: Path) -> Index | None:
    """An index as it was written; None where there is none, or it was damaged."""
    try:
        found = Index(**kept_json(path))
    except TypeError:
        return None
    return found if isinstance(found.pixels, str) and all(isinstance(one, dict) for one in found[1:]) else None


def _stat(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError:
        return -1, -1
    return stat.st_size, stat.st_mtime_ns


def _look_through(root: Path, paths: list[str]) -> Index:
    digest = hashlib.blake2b(digest_size=8)
    broken: dict[str, str] = {}
    sizes: dict[str, tuple[int, int]] = {}
    looks: list[Look] = []

    def look(at: int) -> Any:
        try:
            check_file(root / paths[at])
            with (root / paths[at]).open("rb") as file:
                data = hashlib.file_digest(file, hashlib.blake2b).digest()
        except OSError as error:  # a link to nowhere, a file that others own
            return b"", f"cannot be read ({error.strerror})"
        except ValueError as error:
            return b"", str(error)
        try:
            picture = decode(root / paths[at])
        except DataError as error:
            return data, str(error).removeprefix(f"{root / paths[at]}: ")
        return data, (picture.shape[1::-1], look_of(picture))

    bar = tqdm(paths, desc="looking at images", unit="", leave=False, disable=None)
    for path, (data, seen) in zip(bar, threaded_map(look, range(len(paths))), strict=True):
        if isinstance(seen, str):
            broken[path] = seen
            continue
        digest.update(path.encode() + data)
        sizes[path] = seen[0]
        looks.append(seen[1])
    groups = duplicate_groups(looks, list(sizes))
    return Index(digest.hexdigest(), broken, dict(zip(sizes, groups.tolist(), strict=True)), sizes)


def whole_ones(folder: Path, names: Sequence[str], index: Index) -> list[str]:
    """The names of images that can be read. Raises DataError where there are none."""
    kept = [name for name in names if name in index.size]
    if not kept:
        first = next(iter(index.broken.items()), (names[0] if names else "", "is not there"))
        raise DataError(f"{folder}: none of {len(names)} images can be read; the first: {first[0]}: {first[1]}")
    return kept
