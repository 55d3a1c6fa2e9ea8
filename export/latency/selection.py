"""Which files are timed again, and where their timings go."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweeps.records.run_record import RecordError, latest_sweep, read_record, update_record

if TYPE_CHECKING:
    from export.latency.result import Entry


def files_to_time(run: str | None, sweep: str | None, runs: str, kinds: list[str] | None) -> list[tuple[Path, str]]:
    """Run folders and kinds of files: of a run all, of a sweep those on the front of val accuracy over latency.

    Raises RecordError where there are none.
    """
    if run is not None:
        folder = Path(run)
        names = [name for name, entry in read_record(folder).get("exports", {}).items() if "path" in entry]
        chosen, where = [(folder, name) for name in names], str(folder)
    else:
        place = Path(sweep) if sweep is not None else latest_sweep(Path(runs))
        if place is None or not place.is_dir():
            raise RecordError(f"{place or runs}: no such sweep folder; name one with pareto_of= or a run with run=")
        chosen, where = _on_the_front(place), str(place)
    known = sorted({name for _, name in chosen})
    if not chosen:
        raise RecordError(f"{where}: no exported file; `make export-tflite` makes them")
    if kinds is not None and (unknown := set(kinds) - set(known)):
        raise RecordError(f"files={','.join(sorted(unknown))}: {where} has {', '.join(known)}")
    return [one for one in chosen if kinds is None or one[1] in kinds]


def _on_the_front(sweep: Path) -> list[tuple[Path, str]]:
    from sweeps.analysis.pareto import points
    from sweeps.tables.exported_files import collect_files
    from sweeps.tables.foreign_files import FOREIGN
    from sweeps.tables.naming import REPEATS
    from sweeps.tables.runs import axis_columns, collect

    files, table = collect_files(sweep), collect(sweep)
    files = files[files.file != FOREIGN] if len(files) else files
    if not len(files) or files.latency_ms.isna().all():
        return []
    axes = [name for name in axis_columns(table) if name in files and name not in (*REPEATS, "initial_weights")]
    told = [*axes, "file", "initial_weights"]
    found = points(files, axes)
    on = {tuple(map(str, values)) for values in found.loc[found.front, told].itertuples(index=False)}
    first: dict[tuple[str, ...], tuple[Path, str]] = {}
    for run, *values in files.sort_values("run")[["run", *told]].itertuples(index=False):
        key = tuple(map(str, values))
        if key in on:
            first.setdefault(key, (sweep / run, str(values[-2])))
    return list(first.values())


def keep(folder: Path, kind: str, entries: "list[Entry]") -> None:
    """Enters timings in the record of the run whose file was timed, in place of older ones of the same setting."""
    from export.latency.result import merged

    def with_latency(record: dict[str, Any]) -> dict[str, Any]:
        exports: Mapping[str, Any] = record["exports"]
        entry = exports[kind] | {"latency": merged(exports[kind].get("latency", []), entries)}
        return record | {"exports": {**exports, kind: entry}}

    update_record(folder, with_latency)


def remember(data: bytes, kind: str, entries: "list[Entry]", cache: str) -> None:
    """Adds timings of a trained .tflite file to the table that budgets are answered from; files of other formats are in none."""
    from export.flatbuffer import is_tflite
    from export.graph import graph_hash, network_hash
    from sweeps.records.latency_table import Timing, add_timings

    if is_tflite(data):
        about = {
            "graph": graph_hash(data),
            "network": network_hash(data),
            "kind": kind,
            "size_bytes": len(data),
            "weights": "trained",
        }
        add_timings(cache, [Timing.of(entry, **about) for entry in entries])
