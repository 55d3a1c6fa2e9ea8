"""Which photos show one device: by photos.csv, by a csv of one's own, or by their names; and the corners that photos.csv knows."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from datamodules.base.errors import DataError
from datamodules.base.tables import Table, same_name
from datamodules.screens.photo_folder import CORNER_COLUMNS, PIXELS, TRUE_WORDS

GROUP = "device"
"""Of the pattern: the part of a name that names the device."""


@dataclass(frozen=True)
class Listed:
    """What photos.csv says, by the photos' names."""

    devices: dict[str, str] = field(default_factory=dict)
    corners: dict[str, tuple[float, ...]] = field(default_factory=dict)
    unusable: frozenset[str] = frozenset()


def read_listed(base: Path) -> Listed:
    """photos.csv beside the photos, or beside the folder `photos` that they lie in. Raises DataError for a line that is wrong."""
    beside = [base / "photos.csv", *([base.parent / "photos.csv"] if base.name == "photos" else [])]
    path = next((one for one in beside if one.is_file()), None)
    if path is None:
        return Listed()
    devices: dict[str, str] = {}
    corners: dict[str, tuple[float, ...]] = {}
    unusable = set()
    for line, row in Table(path, ("photo", "source_id")):
        where, name = f"{path}, line {line}", same_name(row["photo"])
        if name in devices:
            raise DataError(f"{where}: photo {name} is listed twice")
        devices[name] = row["source_id"].strip() or name
        if row.get("unusable", "").strip().lower() in TRUE_WORDS:
            unusable.add(name)
        if any(row.get(column) for column in CORNER_COLUMNS):
            if missing := [column for column in CORNER_COLUMNS if not row.get(column)]:
                raise DataError(f"{where}, photo {name}: no {', '.join(missing)}; want all eight numbers, or none")
            corners[name] = tuple(PIXELS.read(row, column, where) for column in CORNER_COLUMNS)
    return Listed(devices, corners, frozenset(unusable))


def read_devices(path: Path) -> dict[str, str]:
    """Photo → device, of a csv with these two columns. Raises DataError for a line that is wrong."""
    found: dict[str, str] = {}
    for line, row in Table(path, ("photo", "device")):
        name, device = same_name(row["photo"]), row["device"].strip()
        if not device:
            raise DataError(f"{path}, line {line}: photo {name} has no device")
        if found.setdefault(name, device) != device:
            raise DataError(f"{path}, line {line}: photo {name} is of {device}; a line above has it of {found[name]}")
    return found


def pattern_of(text: str) -> re.Pattern[str]:
    """A pattern with a group `device`. Raises ValueError."""
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise ValueError(f"device_pattern={text}: no regular expression ({error})") from None
    if GROUP not in pattern.groupindex:
        raise ValueError(
            f"device_pattern={text}: it names no device; want a part (?P<device>…), such as '(?P<device>[^_]+)_.*'"
        )
    return pattern


def devices_of(
    names: Sequence[str], listed: Listed, table: Path | None, pattern: re.Pattern[str] | None
) -> tuple[dict[str, str], list[str]]:
    """The device of each photo, and notes on how it was known; a photo of which nothing says it is a device by itself.

    Args:
        names: of the photos.
        listed: what photos.csv says; counts where neither of the others is given.
        table: a csv, see `read_devices`.
        pattern: of whole names, folders included, see `pattern_of`.

    """
    if table is not None:
        return _named(names, read_devices(table).get, str(table), known_by_end=True)
    if pattern is not None:
        return _named(names, lambda name: _matched(pattern, name), "device_pattern")
    if listed.devices:
        return _named(names, listed.devices.get, "photos.csv")
    return {name: name for name in names}, [
        "each photo is taken as a device of its own; devices=<csv> or device_pattern= join the photos of one"
    ]


def _matched(pattern: re.Pattern[str], name: str) -> str | None:
    found = pattern.fullmatch(name)
    return found[GROUP] or None if found else None


def _named(
    names: Sequence[str], device: Callable[[str], str | None], by: str, *, known_by_end: bool = False
) -> tuple[dict[str, str], list[str]]:
    known = {name: device(name) for name in names}
    if known_by_end:  # photos in folders within the folder, in a table that has the file's name alone
        ends = Counter(_end(name) for name in names)
        known = {
            name: given or (device(_end(name)) if ends[_end(name)] == 1 else None) for name, given in known.items()
        }
    alone = [name for name, given in known.items() if given is None]
    found = {name: given or name for name, given in known.items()}
    notes = [f"devices by {by}: {len(set(found.values()))} of {len(names)} photos"]
    if alone:
        more = f" and {len(alone) - 1} more" if len(alone) > 1 else ""
        notes.append(f"{by} says nothing of {alone[0]}{more}: taken as {_devices(len(alone))}")
    return found, notes


def _end(name: str) -> str:
    return name.rpartition("/")[2]


def _devices(count: int) -> str:
    return "a device of its own" if count == 1 else "devices of their own"


def grouped(devices: Mapping[str, str]) -> dict[str, list[str]]:
    """Device → its photos, both in the order of their names."""
    found: dict[str, list[str]] = {}
    for photo, device in sorted(devices.items(), key=lambda one: (one[1], one[0])):
        found.setdefault(device, []).append(photo)
    return found
