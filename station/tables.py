"""The tables of a graded folder: devices.csv, cells.csv, refused.csv."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from datamodules.screens.grid import Grid
from station.damage import columns_of, values_of
from station.joining import Device
from storage.spreadsheet import harmless
from storage.whole_file import replaced

DEVICES = (
    "device",
    "grade",
    "reason",
    "photos",
    "confidence",
    "lowest",
    "agreement",
    "doubt",
    "ask",
    "unknown",
    "damage",
    "brightness",
    "surround",
    "sharpness",
)
REFUSED = ("photo", "why")


def write_devices(path: Path, devices: Sequence[Device]) -> None:
    """A line for each device; numbers from 0 to 1, `agreement` empty where there is one photo, `ask` cells to look at, `unknown` those like nothing
    in training; both empty where the file does not say.
    """
    rows = (
        (one.name, one.grade, one.reason, len(one.photos), *map(_share, (one.confidence, one.lowest, one.agreement, one.doubt)),
         "" if one.asks is None else one.asked, "" if one.unknown is None else one.strange, *map(_share, (one.damage, one.brightness, one.surround, one.sharpness)))
        for one in devices
    )  # fmt: skip
    _write(path, DEVICES, rows)


def write_cells(
    path: Path, devices: Sequence[Device], results: Mapping[str, Mapping[str, Any]], labels: Sequence[str], grid: Grid
) -> None:
    """A line for each cell of each photo: its own label and probabilities, the label of the device's cell, and for either
    whether a person should look and whether it is like nothing in training (1, 0, or empty where the file does not say); the photo's distance; where damage was marked its
    area as a share of the cell, its length in pixels of the mask and as a share of the cell's diagonal, and both in millimetres where the
    device's size is known, of each class.

    Row and column are the device's: of a photo that shows the phone the other way up (`turned`) they are turned with it.
    """
    header = ("photo", "device", "turned", "row", "col", "label", "device_label", "ask", "device_ask", "unknown", "device_unknown", "distance", *(f"p_{one.replace(' ', '_')}" for one in labels), *columns_of(_marked(results)))  # fmt: skip
    _write(path, header, _cells(devices, results, labels, grid))


def _cells(
    devices: Sequence[Device], results: Mapping[str, Mapping[str, Any]], labels: Sequence[str], grid: Grid
) -> Iterable[tuple[object, ...]]:
    for device in devices:
        for photo, turned in zip(device.photos, device.turned, strict=True):
            cells = results[photo]["cells"]
            for at, cell in enumerate(reversed(cells) if turned else cells):
                where = divmod(at, grid.columns)
                chances = cell["probabilities"].values()
                by_device = [None if one is None else one[at] for one in (device.asks, device.unknown)]
                told = [cell["ask"], by_device[0], cell["unknown"], by_device[1]]
                marks = ("" if one is None else int(one) for one in told)
                distance = "" if cell["distance"] is None else cell["distance"]
                yield (
                    photo,
                    device.name,
                    int(turned),
                    *where,
                    cell["label"],
                    labels[device.grades[at]],
                    *marks,
                    distance,
                    *chances,
                    *values_of(cell.get("marked") or {}),
                )


def _marked(results: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Mapping[str, Any]]:
    """What is marked in the first cell: all cells have the same classes and figures; none where no network marked damage."""
    return next((cell.get("marked") or {} for one in results.values() for cell in one["cells"]), {})


def write_refused(path: Path, refused: Mapping[str, str]) -> None:
    """A line for each photo that was not graded."""
    _write(path, REFUSED, sorted(refused.items()))


def _share(value: float | None) -> float | str:
    return "" if value is None else round(value, 4)


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with replaced(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows([harmless(value) for value in row] for row in rows)
