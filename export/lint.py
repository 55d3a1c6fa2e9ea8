"""`python -m export check run=<run>`: which operators each delegate would leave to the CPU, before a phone is at hand."""

import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from cli.arguments import HELP, refuse
from cli.help import check_page
from export.delegates import left_to_cpu, xnnpack_partitions
from export.flatbuffer import FileError, graph, unpack
from export.operator_versions import runtime_of
from export.runtime import of_file
from export.trial import try_out
from sweeps.records.environment import fast_int8, processor
from sweeps.records.latency import device_words
from sweeps.records.run_record import RecordError, read_record
from sweeps.tables.console import print_fitting

COLUMNS = {"gpu": "GPU", "webgpu": "WebGPU", "edge_tpu": "Edge TPU"}
MOST_NAMED = 5


def main(words: list[str]) -> None:
    """Prints a row per file. Exits with 2 for words that do not fit, with 1 where a file cannot be read."""
    if not set(HELP).isdisjoint(words):
        print(check_page())
        return
    given = dict(word.split("=", 1) for word in words if "=" in word)
    if odd := [word for word in words if "=" not in word] + [key for key in given if key not in ("run", "file")]:
        refuse(f"{odd[0]}: want run=<a run's folder> or file=<a .tflite file>")
    if len(given) != 1:
        refuse("want run=<a run's folder> or file=<a .tflite file>")
    try:
        print_delegates([Path(given["file"])] if "file" in given else files_of(Path(given["run"])))
    except (RecordError, FileError, OSError) as error:
        sys.exit(f"error: {error}")


def files_of(folder: Path) -> list[Path]:
    """The .tflite files that the run's record has. Raises RecordError where there is none."""
    exports = read_record(folder).get("exports", {})
    found = [
        folder / "export" / f"{kind}.tflite"
        for kind, entry in exports.items()
        if str(entry.get("path", "")).endswith(".tflite")
    ]
    if not found:
        raise RecordError(f"{folder}: it has no files yet; python -m export run={folder} makes them")
    return found


def print_delegates(files: list[Path]) -> None:
    """A table of the files: oldest runtime, pieces of XNNPACK here, and what each delegate leaves to the CPU."""
    console = Console(width=None if Console().is_terminal else 160)
    table = Table()
    table.add_column("file", no_wrap=True)
    table.add_column("runtime", justify="right")
    table.add_column("XNNPACK", justify="right")
    table.add_column("it leaves")
    for title in COLUMNS.values():
        table.add_column(f"{title} leaves")
    for path in files:
        data = path.read_bytes()
        with of_file(path):  # it may come from elsewhere
            try_out(data)
            left, count = left_to_cpu(data), len(graph(unpack(data)).operators)
            pieces = xnnpack_partitions(data)
        table.add_row(
            path.name, runtime_of(data) or "–", f"{pieces} piece{'s' * (pieces != 1)}", _listed(left["xnnpack"], count),
            *(_listed(left[name], count) for name in COLUMNS),
        )  # fmt: skip
    print_fitting(console, table, ["file"])
    here = device_words({"device": processor(), "int8": fast_int8()})
    print(f"XNNPACK was asked here: {here}; the others are judged by what they are known to take")


def _listed(left: dict[str, int], count: int) -> str:
    """Operators by name, where they are few kinds of all `count`."""
    if len(left) > MOST_NAMED:
        return f"{sum(left.values())} of {count} operators"
    return ", ".join(f"{many} {name}" for name, many in left.items()) or "nothing"
