"""Timings as a table on the terminal."""

from typing import Any

from rich.console import Console
from rich.table import Table

from export.latency.result import Entry
from sweeps.records.latency import delegate_words, device_words, timing_columns
from sweeps.tables.console import print_fitting


def print_timings(measured: list[tuple[str, str, Entry]]) -> None:
    """A row per run, file and setting; then what was not steady."""
    console = Console(width=None if Console().is_terminal else 160)
    table = Table()
    several = len({run for run, _, _ in measured}) > 1
    for name in (["run"] if several else []) + ["file", "device", "delegate"]:
        table.add_column(name, overflow="fold")
    for name in ("threads", "ms mean", "p50", "p90", "std", "ready in ms", "MB"):
        table.add_column(name, justify="right")
    warm = [entry["sustained"] for _, _, entry in measured if "sustained" in entry]
    if warm:
        table.add_column(
            f"after {warm[0]['seconds'] / 60:.0f} min" if warm[0]["seconds"] >= 60 else "sustained", justify="right"
        )
    for run, kind, entry in measured:
        figures = [_number(entry[f"latency_ms_{name}"]) for name in ("mean", "p50", "p90", "std")]
        memory = entry["peak_memory_bytes"]
        rest = [_number(entry["initialisation_ms"]), "–" if memory is None else f"{memory / 1e6:.1f}"]
        columns = timing_columns(entry)
        where = [kind, device_words(columns), delegate_words(columns), str(entry["threads"])]
        last = [_sustained(entry.get("sustained"))] if warm else []
        table.add_row(*([run] if several else []), *where, *figures, *rest, *last)
    print_fitting(console, table, ["file", "delegate", "threads", "p50", "device"])
    for _, kind, entry in measured:
        if entry["steady"] is False:
            setting = f"{kind} on {entry['device']}, {entry['delegate']}, {entry['threads']} threads"
            console.print(f"not steady: {setting}: repeated rounds did not agree", markup=False, soft_wrap=True)


def _sustained(found: dict[str, Any] | None) -> str:
    return f"{found['latency_ms']:.2f} ({100 * (found['slowdown'] - 1):+.0f} %)" if found else ""


def _number(value: Any) -> str:
    return "–" if value is None else f"{value:.2f}"
