"""Numbers that people gave images elsewhere: Label Studio's exports, or a csv with columns of any name."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from annotation.label_studio import Task, image_key, read_tasks
from annotation.log import AnnotationError
from annotation.number_texts import Given
from datamodules.base.errors import DataError
from datamodules.base.tables import Table
from datamodules.images.csv_table import OWN_COLUMNS

BOOKKEEPING = frozenset({"id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement", "source", "task_id", "completed_by"})  # fmt: skip
"""Columns that Label Studio adds, in small letters."""
NUMERIC = ("number", "rating", "choices", "text")
"""Where the value of a result lies, by the kind of control."""


@dataclass(frozen=True)
class NumberEntry:
    """One answer."""

    image: str
    """What the file calls it."""
    given: Given
    annotator: str = ""
    more: Mapping[str, str] = field(default_factory=dict)
    """Of source_id, group and part what a csv has."""


@dataclass
class NumberSource:
    """What a file says."""

    entries: list[NumberEntry] = field(default_factory=list)
    skipped: int = 0
    """Answers that were cancelled."""
    silent: list[str] = field(default_factory=list)
    """Images without an answer."""
    notes: list[str] = field(default_factory=list)
    stars: bool = False
    """Whether all numbers are ratings."""
    column: str = ""
    """What the file calls the numbers."""


def read_source(path: Path, name_column: str, value_column: str) -> NumberSource:
    """A .json or a csv.

    Args:
        path: of the file.
        name_column: the csv's column, or the task's datum, that names the image; empty: the one that looks like it.
        value_column: the csv's column, or the control, that has the numbers; empty: the only one there is.

    Raises AnnotationError for a file that is none, and where it cannot be told which column is meant.

    """
    if path.suffix.lower() != ".json":
        return _of_table(path, name_column, value_column)
    tasks = read_tasks(path, name_column)
    return _of_lines(path, tasks, value_column) if tasks and tasks[0].plain else _of_tasks(path, tasks, value_column)


def _of_tasks(path: Path, tasks: Sequence[Task], control: str) -> NumberSource:
    results = [result for task in tasks for answer in task.answers for result in answer.results]
    controls = list(dict.fromkeys(str(one.get("from_name", "")) for one in results if _value_of(one) is not None))
    chosen = _one_of(path, controls, control, "controls")
    found = NumberSource(column=chosen)
    kinds = set()
    for task in tasks:
        before = len(found.entries)
        for answer in task.answers:
            if answer.skipped:
                found.skipped += 1
                continue
            for result in answer.results:
                value = _value_of(result)
                if value is not None and str(result.get("from_name", "")) == chosen:
                    kinds.add(str(result.get("type", "")))
                    where = f"{path}: task {task.id}, annotation {answer.id}"
                    found.entries.append(NumberEntry(task.image, Given(value, where), answer.annotator))
        if len(found.entries) == before:
            found.silent.append(task.image)
    found.stars = kinds == {"rating"}
    return found


def _value_of(result: Mapping[str, Any]) -> str | None:
    """A result's number as text; None for a result that has none, such as a drawn box."""
    value = result.get("value")
    if not isinstance(value, dict) or "rectanglelabels" in value:
        return None
    return next((_text(value[kind]) for kind in NUMERIC if kind in value), None)


def _text(value: Any) -> str:
    """A value as text, whatever lists, objects or JSON texts a tool wraps it in."""
    while True:
        if isinstance(value, str) and value[:1] in "[{" and value:
            try:
                value = json.loads(value)
            except ValueError:
                return str(value)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        elif isinstance(value, dict) and (kind := next((one for one in NUMERIC if one in value), None)):
            value = value[kind]
        else:
            return "" if value is None or value in ([], {}) else str(value)


def _of_lines(path: Path, tasks: Sequence[Task], column: str) -> NumberSource:
    """JSON-MIN: a line for each answer."""
    names = list(dict.fromkeys(name for task in tasks for name in task.plain))
    image = next(name for name in names if str(tasks[0].plain.get(name)) == tasks[0].image)
    others = [name for name in names if name != image and name.lower() not in BOOKKEEPING]
    chosen = _one_of(path, others, column, "keys")
    found = NumberSource(column=chosen, stars=all('"rating"' in json.dumps(task.plain.get(chosen)) for task in tasks))
    for task in tasks:
        value = task.plain.get(chosen)
        where = f"{path}: task {task.id}"
        _take(found, task.image, _text(value), where, str(task.plain.get("annotator", "")), {})
    return found


def _of_table(path: Path, name_column: str, value_column: str) -> NumberSource:
    delimiter = _delimiter(path)
    try:
        table = Table(path, delimiter=delimiter)
        rows = list(table)
    except DataError as error:
        raise AnnotationError(str(error)) from None
    if not rows:
        raise AnnotationError(f"{path}: has no rows")
    columns = [name for name in table.columns if name]
    where = f"{path}: line {rows[0][0]}"
    if name_column and name_column not in columns:
        raise AnnotationError(f"{path}: --name-column {name_column}: is not there; it has {', '.join(columns)}")
    image = name_column or image_key({name: rows[0][1][name] for name in columns}, "", where)
    others = [name for name in columns if name != image and name.lower() not in BOOKKEEPING | set(OWN_COLUMNS)]
    chosen = _one_of(path, others or columns, value_column, "columns")
    found = NumberSource(column=chosen, stars=all('"rating"' in row[chosen] for _, row in rows))
    if delimiter != ",":
        found.notes.append(f"columns are parted by {'a tab' if delimiter == '\t' else delimiter}")
    annotator = next((name for name in columns if name.lower() in ("annotator", "completed_by")), "")
    own = [name for name in OWN_COLUMNS[1:] if name in columns and name not in (image, chosen)]
    for line, row in rows:
        more = {name: row[name].strip() for name in own if row[name].strip()}
        who = row[annotator] if annotator else ""
        _take(found, row[image].strip(), _text(row[chosen].strip()), f"{path}: line {line}", who, more)
    return found


def _take(found: NumberSource, image: str, text: str, where: str, annotator: str, more: Mapping[str, str]) -> None:
    if not image:
        raise AnnotationError(f"{where}: names no image; want one in every line")
    if text.strip():
        found.entries.append(NumberEntry(image, Given(text, where), annotator, more))
    else:
        found.silent.append(image)


def _delimiter(path: Path) -> str:
    """Of the csv: what stands in its first line, where that has no comma."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            first = file.readline(100_000)
    except OSError as error:
        raise AnnotationError(
            f"{path}: cannot be read ({str(error.strerror).lower()}); want a csv or a .json"
        ) from None
    return next((mark for mark in (",", ";", "\t") if mark in first), ",")


def _one_of(path: Path, names: Sequence[str], asked: str, kind: str) -> str:
    """The one that holds the numbers. Raises AnnotationError where it is none of them, or several could be meant."""
    if asked:
        if asked not in names:
            raise AnnotationError(f"{path}: --value-column {asked}: is not there; it has {', '.join(names) or 'none'}")
        return asked
    if len(names) != 1:
        have = f"has the {kind} {', '.join(names)}: which has the numbers?" if names else f"has no {kind} with numbers"
        raise AnnotationError(f"{path}: {have} want --value-column {names[0] if names else 'NAME'}")
    return names[0]
