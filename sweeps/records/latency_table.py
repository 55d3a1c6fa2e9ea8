"""What files have taken on which device, by what they compute: one csv in the cache that grows with every timing."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from filelock import FileLock

from storage.whole_file import write_whole
from sweeps.records.environment import host_device
from sweeps.records.latency import typical_ms

NAME = "latency.csv"
SETTING = ("graph", "device", "runtime", "delegate", "threads")
"""Timings that agree in these are of the same thing: the later one counts."""


class LatencyTableError(ValueError):
    """A table that cannot be read; the message names the file and the line."""


@dataclass(frozen=True)
class Timing:
    """One kind of file of one network on one device in one setting."""

    graph: str
    """Of the file, see `export.graph.graph_hash`."""
    network: str
    """Of its network, whatever the kind of file, see `export.graph.network_hash`."""
    kind: str
    """Of conf/quantization."""
    device: str
    processor: str
    runtime: str
    """With version."""
    delegate: str
    threads: int
    ms: float
    """Of one picture: p50, the mean where its runtime tells no more."""
    size_bytes: int
    weights: str
    """untrained or trained: what was in the file that was timed."""
    at: str

    @classmethod
    def of(cls, entry: Mapping[str, Any], **about: Any) -> "Timing":
        """From an entry of `latency` in a record, and what is known of its file."""
        known = {name: entry[name] for name in ("device", "processor", "runtime", "delegate", "threads", "at")}
        return cls(**known, ms=typical_ms(dict(entry)), **about)


def table_file(cache: Path | str) -> Path:
    """Where the table lies."""
    return Path(cache) / NAME


def read_table(cache: Path | str) -> list[Timing]:
    """All timings, the oldest first; none where there is no table. Raises LatencyTableError."""
    path = table_file(cache)
    try:
        text = path.read_text()
    except FileNotFoundError:
        return []
    found = []
    for number, row in enumerate(csv.DictReader(io.StringIO(text)), start=2):
        try:
            texts: dict[str, Any] = {field.name: row[field.name] for field in fields(Timing)}
            numbers = {"threads": int(row["threads"]), "ms": float(row["ms"]), "size_bytes": int(row["size_bytes"])}
            found.append(Timing(**texts | numbers))
        except (KeyError, TypeError, ValueError) as error:
            raise LatencyTableError(
                f"{path}: line {number}: no timing ({error}); remove the line, or the file to measure again"
            ) from None
    return found


def add_timings(cache: Path | str, timings: Iterable[Timing]) -> None:
    """Adds timings; those of a setting that is there already take its place.

    Of two timings on this very machine the quicker one stays: it was busier at the other, and no point is to be refused for that.
    """
    path = table_file(cache)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        kept = {_setting(one): one for one in read_table(cache)}
        for one in timings:
            before = kept.pop(_setting(one), None)
            quicker = before is not None and one.device == host_device() and before.ms < one.ms
            kept[_setting(one)] = before if before is not None and quicker else one
        text = io.StringIO()
        writer = csv.DictWriter(text, [field.name for field in fields(Timing)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(one) for one in kept.values())
        write_whole(path, text.getvalue())


def fastest(table: Iterable[Timing], graph: str, network: str, kind: str, device: str) -> Timing | None:
    """The quickest setting of a file on a device, None where it was never timed there.

    Where this very graph was not timed, another file of the same kind and network counts: an int8 file keeps as many layers in float
    as its weights ask for.
    """
    there = [one for one in table if one.device.casefold() == device.casefold()]
    same = [one for one in there if one.graph == graph]
    alike = same or [one for one in there if (one.network, one.kind) == (network, kind)]
    return min(alike, key=lambda one: one.ms, default=None)


def _setting(one: Timing) -> tuple[Any, ...]:
    return tuple(getattr(one, name) for name in SETTING)
