"""A run's files as a table on the terminal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from export.precision_note import NOTE, text_of
from metrics.against_baseline import doubt_of_record
from metrics.base import TaskMetrics
from metrics.conformal import promise_text
from metrics.figures import figure_text
from metrics.unknown import unknown_text
from sweeps.analysis.expected import expected_text
from sweeps.records.latency import delegate_words, device_words, timing_columns
from sweeps.tables.console import print_fitting


def print_files(
    entries: dict[str, dict[str, Any]], metrics: TaskMetrics, baseline: Mapping[str, Any], unscored: Mapping[str, Any]
) -> None:
    """A row per file: size, figures of each part, agreement with torch, latency, and how often it answers alike on ARM where that was
    checked; then what there is to say of files, a line each.

    Args:
        entries: a record's `exports`.
        metrics: of the record's task.
        baseline: the record's.
        unscored: its entries of files that nothing here runs.

    """
    parts = [part for part in ("val", "test") if any(f"{part}/{metrics.main}" in entry for entry in entries.values())]
    console = Console(width=None if Console().is_terminal else 180)
    table = Table()
    table.add_column("file", no_wrap=True)
    shown = [
        name
        for part in parts
        for name in (f"{part}/{figure}" for figure in metrics.file_columns)
        if any(name in entry for entry in entries.values())  # a part without damage misses none
    ]
    on_arm = any(entry.get("arm") for entry in entries.values())
    for name in (
        "kB",
        *(f"{name.partition('/')[0]} {metrics.title(name)}" for name in shown),
        "same as torch",
        "worst Δp",
        "ms p50",
        "ms p90",
        *(["ARM as here"] if on_arm else []),
    ):
        table.add_column(name, justify="right")
    for entry in entries.values():
        if "error" not in entry:
            table.add_row(Path(entry["path"]).name, *_row(entry, shown), *([arm_share(entry)] if on_arm else []))
    if baseline:
        table.add_section()
        figures = [figure_text(one, baseline.get(one)) for one in shown]
        table.add_row(str(baseline["answer"]), "", *figures)
    print_fitting(
        console, table, ["file", *(f"{part} {metrics.title(metrics.main)}" for part in parts), "ms p50", "kB"]
    )
    timings = [timing_columns(entry["latency"][0]) for entry in entries.values() if entry.get("latency")]
    for where in dict.fromkeys(map(device_words, timings)):
        console.print(f"ms: on {where}", markup=False, soft_wrap=True)
    said: dict[str, list[str]] = {}
    for name, entry in entries.items():
        expected = f"to be expected: {expected_text(entry['expected'], metrics)}" if "expected" in entry else ""
        doubt = doubt_of_record(entry, metrics)
        for complaint in (
            entry.get("error"),
            expected,
            promise_text(entry["ask"]) if "ask" in entry else "",
            unknown_text(entry["unknown"]) if "unknown" in entry else "",
            text_of(entry[NOTE]) if NOTE in entry else "",
            entry.get("marked"),
            partly(entry),
            doubt,
            arm_words(entry.get("arm"), metrics),
        ):
            if complaint:
                said.setdefault(complaint, []).append(name)
    for entry in unscored.values():
        said.setdefault(f"{entry['size_bytes'] / 1000:.0f} kB, {entry['unscored']}", []).append(
            Path(entry["path"]).name
        )
    for complaint, names in said.items():
        console.print(f"{', '.join(names)}: {complaint}", markup=False, soft_wrap=True)


def _row(entry: dict[str, Any], names: list[str]) -> list[str]:
    figures = [figure_text(name, entry.get(name)) for name in names]
    first = entry["latency"][0] if entry["latency"] else None
    known = [first[key] if first else None for key in ("latency_ms_p50", "latency_ms_p90")]
    times = ["–" if value is None else f"{value:.2f}" for value in known]
    return [
        f"{entry['size_bytes'] / 1000:.0f}",
        *figures,
        f"{100 * entry['agreement']:.1f} %",
        f"{entry['max_probability_difference']:.1e}",
        *times,
    ]


def partly(entry: Mapping[str, Any]) -> str:
    """That a file's first timing is by a delegate that takes a part of it, in words; empty where it takes all."""
    if not entry.get("latency") or not (columns := timing_columns(entry["latency"][0]))["on_cpu"]:
        return ""
    return f"timed by {delegate_words(columns)}"


def arm_share(entry: Mapping[str, Any]) -> str:
    """How often a file answers on ARM as here, a cell of the table; empty where it was not checked."""
    share = (entry.get("arm") or {}).get("agreement")
    return "" if share is None else f"{100 * share:.1f} %"


def arm_words(arm: Mapping[str, Any] | None, metrics: TaskMetrics) -> str:
    """What `check=arm` found of a file, in words; empty where it was not asked."""
    if not arm:
        return ""
    if "error" in arm:
        return f"check=arm: {arm['error']}"
    where = f"on {arm['machine']} ({arm['runtime']}, {arm['delegate']}, {arm['emulator']})"
    few = "" if arm["cells"] == arm["cells_of"] else f", drawn from {arm['cells_of']}"
    alike = f"{arm['cells_alike']} of {arm['cells']} samples ({arm['part']}{few}) answered as here"
    shown = [f"val/{one}" for one in metrics.file_columns if f"val/{one}" in arm]
    figures = "".join(f", {metrics.title(one)} {figure_text(one, arm[one])}" for one in shown)
    return f"{where}: {alike}, largest difference {arm['max_probability_difference']:.1e}{figures}"
