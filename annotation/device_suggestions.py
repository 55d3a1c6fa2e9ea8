"""Which phone is in a photo: a suggestion from the photos whose phone is known already, by name, time and looks.

Photos of one phone must never be on both sides of a split, so a wrong "other phone" costs more than a wrong "same".
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime

import numpy as np
import numpy.typing as npt

from annotation.photos import PhotoFile
from datamodules.base.pixels import Image, resize
from datamodules.screens.grid import Grid, rectify

Look = npt.NDArray[np.float32]
ENDS = Grid(columns=3, rows=5, cell_px=6)
"""The size at which phones are compared: camera, earpiece, key and frame show, damage hardly does."""
BURST_S = 90.0
"""Photos taken so close to each other usually show one phone."""
ALIKE = 0.02
"""Mean difference of colour, 0 to 1, below which both ends of two phones look the same. On 65 photos of 22 phones the
nearest other photo by this measure was of the same phone 63 times, at 0.004 in the median; the nearest of another phone was
below 0.015 for one photo in ten."""
LEAST = 0.3


def look_of(photo: Image, corners: npt.NDArray[np.float64]) -> Look:
    """Both ends of the straightened phone, small, their colours as differences from their mean, `(ends, 3)`, 0 to 1.

    Args:
        photo: `(H, W, 3)`.
        corners: `(4, 2)`, pixels, of the upright phone.

    """
    middling = Grid(ENDS.columns, ENDS.rows, 10 * ENDS.cell_px)
    width, height = ENDS.columns * ENDS.cell_px, ENDS.rows * ENDS.cell_px
    small = resize(rectify(photo, corners, middling), (width, height)).astype(np.float32) / 255
    ends = np.concatenate([small[: height // 8], small[-(height // 8) :]]).reshape(-1, 3)
    return np.asarray(ends - ends.mean(axis=0), np.float32)


def suggest(
    photo: PhotoFile,
    known: Mapping[str, str],
    files: Mapping[str, PhotoFile],
    look: Callable[[str], Look | None],
) -> tuple[str, str]:
    """A device for the photo, and why.

    Args:
        photo: the one that is asked about.
        known: photo → device, of those that have one.
        files: all photos by name.
        look: a photo's `look_of`, None without an outline.

    Returns:
        the device of the photo most like it, or a new name: its folder's, or `device-<n>`.

    """
    near = sorted((name for name in known if name in files and name != photo.name),
                  key=lambda name: -_by_name(photo.name, name) - _by_time(photo.taken, files[name].taken))  # fmt: skip
    best, why, most = "", "", LEAST
    for other in near:
        points = {"name": _by_name(photo.name, other), "time": _by_time(photo.taken, files[other].taken)}
        mine, theirs = look(photo.name), look(other)
        if mine is not None and theirs is not None:
            points["looks"] = _by_look(mine, theirs)
        total = sum(points.values())
        if total > most:
            best, most = known[other], total
            why = f"like {other} by {' and '.join(key for key, value in points.items() if value > 0.2)}"
    if best:
        return best, why
    folder = photo.name.rpartition("/")[0]
    if folder and folder not in known.values():
        return folder.replace("/", "-"), "its folder"
    # numbered by the photo, so that two people at once never give two phones one name
    number = 1 + list(files).index(photo.name)
    while f"device-{number}" in known.values():
        number += len(files)
    return f"device-{number}", "a new phone, like none so far"


def _by_name(one: str, other: str) -> float:
    """0 to 0.5: photos in a folder for a phone, or neighbours by the number in their names."""
    folder, stem = _split(one)
    other_folder, other_stem = _split(other)
    if folder != other_folder:
        return 0.0
    if folder and re.search(r"\d", folder):
        return 0.5  # a folder per phone
    text, number = _number(stem)
    other_text, other_number = _number(other_stem)
    if text != other_text or number is None or other_number is None:
        return 0.0
    return 0.25 / max(abs(number - other_number), 1)


def _split(name: str) -> tuple[str, str]:
    folder, _, file = name.rpartition("/")
    return folder, file.rpartition(".")[0] or file


def _number(stem: str) -> tuple[str, int | None]:
    """The text before the last number, and the number."""
    found = re.fullmatch(r"(.*?)(\d{1,9})\D*", stem)
    return (found[1].lower(), int(found[2])) if found else (stem.lower(), None)


def _by_time(one: datetime | None, other: datetime | None) -> float:
    """0 to 0.5, less the longer the time between; below 0 where it is over an hour."""
    if one is None or other is None:
        return 0.0
    apart = abs((one - other).total_seconds())
    return -0.5 if apart > 3600 else 0.5 * max(0.0, 1 - apart / (4 * BURST_S))


def _by_look(one: Look, other: Look) -> float:
    """-0.5 to 1: how alike both ends of the phones are."""
    return float(np.clip(1 - np.abs(one - other).mean() / ALIKE, -0.5, 1))
