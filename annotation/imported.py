"""What came of an import: what is said, what was left out, and what has to be told."""

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from annotation.log import Statement
from annotation.state import UNUSABLE
from annotation.store import Book
from storage.spreadsheet import harmless
from storage.whole_file import replaced

MOST_LINES = 20
"""Lines of things left out that a terminal shows; beyond them a csv has all."""
REPORT = "left_out.csv"
MOST_ALIKE = 3
"""Notes that say the same of several images."""


@dataclass(frozen=True)
class LeftOut:
    """An image, annotation or file that could not be placed."""

    image: str
    annotation: str
    """Its id; empty where the whole image is meant."""
    why: str

    def __str__(self) -> str:
        drawn = f"annotation {self.annotation}" if self.annotation else ""
        return f"{': '.join(part for part in (self.image, drawn) if part)}: {self.why}"


@dataclass
class Imported:
    """Of one source."""

    said: list[Statement] = field(default_factory=list)
    left: list[LeftOut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def merged(said: Sequence[Statement]) -> tuple[list[Statement], int]:
    """One statement for each voter, cell and field, of several the highest grade; and how many cells had different ones."""
    found: dict[tuple[object, ...], Statement] = {}
    different = set()
    for one in said:
        key = (one.annotator, one.round, one.photo, one.field, one.cell)
        other = found.get(key)
        if other is not None and one.field == "label":
            if other.value != one.value:
                different.add(key)
            if _height(one.value) < _height(other.value):
                continue
        found[key] = one
    return list(found.values()), len(different)


def without_lowering(book: Book, said: Sequence[Statement]) -> tuple[list[Statement], list[Statement]]:
    """What is new, and apart from it what would lower a grade that the same voter gave before."""
    kept: list[Statement] = []
    lower: list[Statement] = []
    for one in said:
        before = ""
        if one.field == "label" and one.cell is not None:
            before = book.state[one.photo].votes.get(one.cell, {}).get((one.annotator, one.round), "")
        (lower if before and _height(one.value) < _height(before) else kept).append(one)
    return kept, lower


def _height(value: str) -> int:
    """Grades above no grade: nothing, unusable, then 0, 1, …"""
    return {"": -2, UNUSABLE: -1}.get(value, int(value) if value.isdecimal() else -2)


def told(left: Sequence[LeftOut], folder: Path) -> list[str]:
    """A line for each thing left out; where there are more than a terminal should show, the first, their number and a csv."""
    lines = [f"left out: {one}" for one in left[:MOST_LINES]]
    if len(left) > MOST_LINES:
        path = folder / REPORT
        with replaced(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("image", "annotation", "why"))
            writer.writerows([harmless(part) for part in (one.image, one.annotation, one.why)] for one in left)
        lines.append(f"left out: {len(left)} in all, see {path}")
    return lines


def noted(notes: Sequence[str]) -> list[str]:
    """A line for each note; of many that differ in an image's name and in figures alone, the first and their number."""
    alike = grouped(notes, lambda note: re.sub(r"\d+", "0", note.partition(": ")[2]) or note)
    lines = []
    for same in alike.values():
        if len(same) > MOST_ALIKE:
            lines.append(f"note: {same[0]} (and {len(same) - 1} more such)")
        else:
            lines += [f"note: {note}" for note in same]
    return lines


def grouped[Key, Value](values: Sequence[Value], key: Callable[[Value], Key]) -> dict[Key, list[Value]]:
    """By what `key` says, in the order in which they come."""
    found: dict[Key, list[Value]] = {}
    for one in values:
        found.setdefault(key(one), []).append(one)
    return found
