"""`index.html`: every device of a graded folder with its photos, the least sure first."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2

from datamodules.screens.device_rules import Rule
from datamodules.screens.grid import Grid
from metrics.conformal import promise_words
from station.joining import Device
from station.picture import colour_of
from storage.whole_file import write_whole

PICTURES, THUMBNAILS = "pictures", "thumbnails"
"""Folders beside index.html: photos with coloured cells, and the same small."""


def write_contact_sheet(
    path: Path,
    title: str,
    devices: Sequence[Device],
    drawn: Mapping[str, str],
    refused: Mapping[str, str],
    rules: Sequence[Rule],
    labels: Sequence[str],
    grid: Grid,
    facts: Sequence[tuple[str, str]],
    answers: Mapping[str, Sequence[int]],
    by: str,
    promise: Mapping[str, Any] | None = None,
    unknown: Mapping[str, Any] | None = None,
) -> None:
    """Writes the page; its pictures are beside it.

    Args:
        path: of the page.
        title: what was graded.
        devices: in any order.
        drawn: photo → name of its pictures within both folders.
        refused: photo → why.
        rules: their grades in this order are the filters, after them what no rule names.
        labels: of the cells, from best to worst.
        grid: of the cells.
        facts: what and how much, for the head of the page.
        answers: photo → grades of its cells, row by row: what a person may correct.
        by: digest of what graded, see `PhotoGrader.digest`.
        promise: by what cells are left to a person, see `metrics.conformal.promise`; such devices then come first.
        unknown: by what cells look like nothing in training, see `metrics.unknown`; such devices come first with those.

    """
    colours = [_hex(at, len(labels)) for at in range(len(labels))]
    counts = Counter(one.grade for one in devices)
    named = [grade for grade in dict.fromkeys(rule.grade for rule in rules) if counts[grade]]
    page = _environment().get_template("contact_sheet.html.j2").render(
        title=title,
        devices=sorted(devices, key=lambda one: (-one.to_look_at, -one.doubt, one.lowest, one.name)),
        links={name: [f"{folder}/{quote(file)}" for folder in (PICTURES, THUMBNAILS)] for name, file in drawn.items()},
        refused=sorted(refused.items()),
        grades=[(grade, counts[grade], _hex(_severity(grade, rules), 101)) for grade in named],
        colours={rule.grade: _hex(_severity(rule.grade, rules), 101) for rule in rules},
        labels=list(labels),
        cell_colours=colours,
        told={"by": by, "title": title, "labels": list(labels), "colours": colours, "columns": grid.columns, "photos": dict(answers)},
        columns=grid.columns,
        facts=facts,
        looks={one.name: one.to_look_at for one in devices},
        false_alarms=unknown["false_alarms"] if unknown else None,
        promise=promise_words(promise, "phone") if promise else "",
    )  # fmt: skip
    write_whole(path, page)


def _severity(grade: str, rules: Sequence[Rule]) -> int:
    """0 for the grade of the last rule, 100 for that of the first: rules go from the worst to the best."""
    names = list(dict.fromkeys(rule.grade for rule in rules))
    return round(100 * (1 - names.index(grade) / max(1, len(names) - 1)))


def _hex(at: int, count: int) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour_of(at, count))


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    environment.filters["percent"] = lambda share: f"{100 * share:.0f} %"
    return environment
