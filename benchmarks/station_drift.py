"""How often the station's watch is right on real photos: `python -m benchmarks.station_drift`.

Phones are halved at random, by phone, never by photo. One half is the reference; the other is as it is (what is called changed then
is a false alarm), or its straightened phones are brighter, or blurred. Answers are worked out anew for every change.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from choices import read_choice
from datamodules.base.pixels import Image
from datamodules.images.decoding import decode
from datamodules.screens.grid import rectify
from datamodules.screens.photo_folder import read_photo_folder
from station.device_grade import device_grade
from station.drift import FIGURES, Compared, Seen, compare, shot_of
from station.photo_grader import PhotoGrader


def brighter(gain: float) -> Callable[[Image], Image]:
    """As a lamp would."""
    return lambda pixels: np.asarray(cv2.convertScaleAbs(pixels, alpha=gain), np.uint8)


def blurred(sigma: float) -> Callable[[Image], Image]:
    """As a lens out of focus would."""
    return lambda pixels: np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.uint8)


CHANGES: dict[str, Callable[[Image], Image]] = {
    "none": lambda pixels: pixels,
    "10 % brighter": brighter(1.1),
    "20 % brighter": brighter(1.2),
    "40 % brighter": brighter(1.4),
    "blurred, 1 px": blurred(1),
    "blurred, 2 px": blurred(2),
}
"""Of the straightened phone and, apart from it, of the photo around it."""

Photos = dict[str, dict[str, list[Seen]]]
"""Change → phone → what each of its photos shows."""


def seen(root: Path, by: PhotoGrader) -> Photos:
    """Every photo under every change."""
    folder = read_photo_folder(root, by.grid, len(by.labels))
    found: Photos = {change: {} for change in CHANGES}
    pairs = list(zip(folder.photos, folder.files, strict=True))
    for photo, path in tqdm(pairs, desc="photos", leave=False, disable=None):
        assert photo.corners is not None
        pixels = decode(path)
        phone = rectify(pixels, photo.corners, by.grid)
        for name, change in CHANGES.items():
            shot = shot_of(change(phone), change(pixels), photo.corners)
            found[name].setdefault(photo.source_id, []).append(observed(change(phone), shot, by))
    return found


def observed(phone: Image, shot: dict[str, float], by: PhotoGrader) -> Seen:
    """A straightened phone, graded."""
    grades, shares, _ = by.answers(phone)
    damage = float((shares @ np.linspace(0, 1, len(by.labels))).mean())
    grade = device_grade([by.labels[one] for one in grades], by.rules).grade
    sure = float(np.take_along_axis(shares, grades[:, None], axis=1).mean())
    return Seen(**shot, damage=damage, confidence=sure, grade=grade)


def pooled(photos: list[Seen], rank: dict[str, int]) -> Seen:
    """A device: means of its photos, and the worse grade of the middle."""
    middle = sorted(photos, key=lambda one: rank[one.grade])[(len(photos) - 1) // 2]
    means = {name: float(np.mean([getattr(one, name) for one in photos])) for name in FIGURES}
    return Seen(**means, grade=middle.grade)


def halves(
    photos: Photos, change: str, rng: np.random.Generator, unit: str, rank: dict[str, int]
) -> tuple[list[Seen], list[Seen]]:
    """A random half of the phones as they are, and the other half changed; a Seen for each device, or for each photo."""
    phones = rng.permutation(sorted(photos[change]))
    middle = len(phones) // 2
    sides = [[photos["none"][one] for one in phones[:middle]], [photos[change][one] for one in phones[middle:]]]
    if unit == "photos":
        return tuple([shot for shots in side for shot in shots] for side in sides)  # type: ignore[return-value]
    return tuple([pooled(shots, rank) for shots in side] for side in sides)  # type: ignore[return-value]


def main() -> None:
    """Reads the command line, halves, and prints how often something was called changed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.station_drift", description=main.__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="a folder of annotated photos of phones")
    parser.add_argument("--run", type=Path, required=True, help="a run's folder, or an exported .tflite file")
    parser.add_argument(
        "--kinds", nargs="+", default=[""], help="beginnings of phones' names, a table for each; default: all phones"
    )
    parser.add_argument("--halves", type=int, default=400)
    parser.add_argument("--false-alarms", type=float, nargs="+", default=[0.01, 0.05])
    arguments = parser.parse_args()
    rules: Any = read_choice("profile", "phone")["rules"]
    by = PhotoGrader(arguments.run, rules)
    rank = {rule.grade: -number for number, rule in enumerate(by.rules)}
    photos = seen(arguments.photos, by)
    for kind in arguments.kinds:
        show({change: {name: shots for name, shots in phones.items() if name.startswith(kind)} for change, phones in photos.items()},
             rank, arguments)  # fmt: skip


def show(photos: Photos, rank: dict[str, int], arguments: argparse.Namespace) -> None:
    """Prints a table."""
    shots = sum(map(len, photos["none"].values()))
    title = f"{shots} photos of {len(photos['none'])} phones in random halves, {arguments.halves} times: share in which something changed"
    table = Table(title=title)
    for column in (
        "second half",
        "compared",
        *(f"false alarms {rate:g}" for rate in arguments.false_alarms),
        "named first",
    ):
        table.add_column(column, justify="left" if column in ("second half", "named first") else "right")
    for change in CHANGES:
        for unit in ("devices", "photos"):
            table.add_row(change, unit, *row(photos, change, unit, rank, arguments))
    Console(width=130).print(table)


def row(photos: Photos, change: str, unit: str, rank: dict[str, int], arguments: argparse.Namespace) -> list[str]:
    """How often at each rate, and the figure whose p was the smallest most often."""
    rng = np.random.default_rng(0)
    alarms = dict.fromkeys(arguments.false_alarms, 0)
    first: list[str] = []
    for _ in range(arguments.halves):
        found: list[Compared] = compare(*halves(photos, change, rng, unit, rank), min(alarms))
        least = min(found, key=lambda one: one.p)
        for rate in alarms:
            alarms[rate] += least.p < rate / len(found)
        first.append(least.figure)
    common = max(sorted(set(first)), key=first.count)
    return [
        *(f"{count / arguments.halves:.3f}" for count in alarms.values()),
        f"{common} ({first.count(common) / len(first):.0%})",
    ]


if __name__ == "__main__":
    main()
