"""Runs whose data have changed since: no figure of theirs may stand beside, or be pooled with, those of the data as they are."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import orjson

from sweeps.records.run_record import Record

WHY = "its data have changed since, as {run} shows; the same command trains it anew"


class SeenData(NamedTuple):
    """What a finished run was trained on."""

    run: str
    settings: str
    """As `data_settings` gives it."""
    content: str
    """Of the samples, whichever fold is held out; empty in older records, of which nothing can be told."""
    read: str
    """When its training read them, UTC."""


def data_settings(record: Record) -> str:
    """Equal for runs on one data set, whichever fold they hold out: 12 hex digits over its settings."""
    settings = record.get("config", {}).get("datamodule")
    told = (
        {name: value for name, value in settings.items() if name != "fold"} if isinstance(settings, dict) else settings
    )
    return hashlib.blake2b(orjson.dumps(told, option=orjson.OPT_SORT_KEYS, default=str), digest_size=6).hexdigest()


def outdated(runs: Iterable[SeenData]) -> dict[str, str]:
    """Of the runs that a later one of the same settings has seen other content than, why they no longer count."""
    sets: dict[str, list[SeenData]] = defaultdict(list)
    for one in runs:
        if one.content:
            sets[one.settings].append(one)
    found: dict[str, str] = {}
    for same in sets.values():
        last = max(same, key=lambda one: one.read)
        found |= {one.run: WHY.format(run=last.run) for one in same if one.content != last.content}
    return found
