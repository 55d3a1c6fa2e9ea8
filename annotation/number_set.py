"""Numbers of images as the csv that `datamodule=image_numbers` reads: one per image, of several answers their mean or median."""

import csv
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from annotation.imported import LeftOut, grouped
from annotation.log import AnnotationError
from annotation.number_sources import NumberEntry, NumberSource
from annotation.number_texts import Spelling, spelling_of
from annotation.placing import placed
from datamodules.images.csv_table import OWN_COLUMNS
from storage.spreadsheet import harmless
from storage.whole_file import replaced

STARS = (1.0, 5.0)
"""Ends of a rating, where nothing says otherwise."""
PERCENT = (0.0, 100.0)
MEANS: Mapping[str, Callable[[Sequence[float]], float]] = {"mean": statistics.fmean, "median": statistics.median}


@dataclass(frozen=True)
class Numbered:
    """One image's number."""

    value: float
    answers: int
    spread: float
    """Highest answer less the lowest."""
    more: Mapping[str, str] = field(default_factory=dict)


@dataclass
class NumberSet:
    """Images with a number each, before they are written."""

    images: dict[str, Numbered] = field(default_factory=dict)
    low: float = 0.0
    high: float = 1.0
    left: list[LeftOut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def numbered(
    source: NumberSource, files: Sequence[str], low: float | None, high: float | None, several: str
) -> NumberSet:
    """Places a source's numbers; what is no number, lies outside or has no image is left out with a line.

    Args:
        source: see `number_sources`.
        files: the images, by their paths in their folder.
        low, high: the range; None takes that of the numbers, of ratings 1 to 5, of percent 0 to 100.
        several: what several answers become, a key of MEANS.

    Raises AnnotationError where it cannot be told how the numbers are written.

    """
    chosen = NumberSet(notes=list(source.notes))
    spelling = spelling_of(one.given for one in source.entries)
    read = _read(source.entries, spelling, source.column, chosen.left)
    chosen.low, chosen.high = _range([number for _, number in read], source, spelling, low, high, chosen.notes)
    within = []
    for entry, number in read:
        if chosen.low <= number <= chosen.high:
            within.append((entry, number))
        else:
            why = f"{entry.given.where}: {source.column}={entry.given.text!r:.60}: want {chosen.low:g} to {chosen.high:g} (--low, --high)"
            chosen.left.append(LeftOut(entry.image, "", why))
    by_name = grouped(within, lambda one: one[0].image)
    place = placed(files, list(by_name), str, chosen.left)
    for photo, names in place.items():
        answers = [one for name in names for one in by_name[name]]
        values = [number for _, number in answers]
        chosen.images[photo] = Numbered(
            MEANS[several](values), len(values), max(values) - min(values), _shared(photo, [one for one, _ in answers])
        )
    _tell(chosen, source, spelling, several)
    chosen.images = {name: chosen.images[name] for name in sorted(chosen.images)}
    return chosen


def _read(
    entries: Sequence[NumberEntry], spelling: Spelling, column: str, left: list[LeftOut]
) -> list[tuple[NumberEntry, float]]:
    read = []
    for entry in entries:
        try:
            read.append((entry, spelling.read(entry.given)))
        except ValueError as error:
            left.append(LeftOut(entry.image, "", f"{entry.given.where}: {column}={error}"))
    return read


def _range(
    numbers: Sequence[float],
    source: NumberSource,
    spelling: Spelling,
    low: float | None,
    high: float | None,
    notes: list[str],
) -> tuple[float, float]:
    """The ends as they were given, else as the kind of numbers has them, else those of the numbers."""
    if not numbers:
        return low or 0.0, high or 1.0
    least, most = min(numbers), max(numbers)
    usual = STARS if source.stars else PERCENT if spelling.percent else (least, most)
    ends = (min(least, usual[0]) if low is None else low, max(most, usual[1]) if high is None else high)
    if low is None or high is None:
        kind = "ratings" if source.stars else "percent" if spelling.percent else "numbers"
        notes.append(
            f"{kind} from {least:g} to {most:g}: the range is taken as {ends[0]:g} to {ends[1]:g}; --low and --high say another"
        )
    if not ends[0] < ends[1]:
        given = "--low and --high" if low is not None and high is not None else f"every number is {least:g}"
        raise AnnotationError(f"{given}: a range from {ends[0]:g} to {ends[1]:g}; want --low below --high")
    return ends


def _shared(photo: str, entries: Sequence[NumberEntry]) -> dict[str, str]:
    """What the lines of an image say beside the number. Raises AnnotationError where they disagree."""
    found: dict[str, str] = {}
    for entry in entries:
        for name, value in entry.more.items():
            if found.setdefault(name, value) != value:
                raise AnnotationError(
                    f"{entry.given.where}: {name}={value!r:.60}: another line of {photo} says {found[name]!r:.60}; want one of them"
                )
    return found


def _tell(chosen: NumberSet, source: NumberSource, spelling: Spelling, several: str) -> None:
    if spelling.comma:
        chosen.notes.append("commas are decimal commas: 0,5 is 0.5")
    if spelling.percent:
        chosen.notes.append("percent signs are dropped: 35 % is 35")
    if many := {name: one for name, one in chosen.images.items() if one.answers > 1}:
        spreads = [one.spread for one in many.values()]
        widest = max(many, key=lambda name: many[name].spread)
        other = "median" if several == "mean" else "mean"
        chosen.notes.append(
            f"{len(many)} images have several numbers, of which the {several} is taken (--several {other}); they lie "
            f"{statistics.fmean(spreads):.3g} apart on average, at most {max(spreads):.3g} ({widest})"
        )
    if source.skipped:
        chosen.notes.append(f"{source.skipped} skipped answers were left out")
    if silent := list(dict.fromkeys(source.silent)):
        chosen.notes.append(f"{len(silent)} images have no number and were left out, the first: {silent[0]}")


def spelled(number: float) -> str:
    """A number with all of its digits, a whole one without a point."""
    return repr(int(number)) if number.is_integer() else repr(number)


def write_numbers(chosen: NumberSet, target: Path, column: str) -> None:
    """Writes image, the number, and answers and spread where an image has several; what the source has beside it goes along."""
    several = any(one.answers > 1 for one in chosen.images.values())
    own = [name for name in OWN_COLUMNS[1:] if any(name in one.more for one in chosen.images.values())]
    with replaced(target) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("image", column, *(("answers", "spread") if several else ()), *own))
        for name, one in chosen.images.items():
            counted = (one.answers, spelled(one.spread)) if several else ()
            writer.writerow((name, spelled(one.value), *counted, *(harmless(one.more.get(key, "")) for key in own)))
