"""How far a sweep has come: counts, what runs, what failed, how long it will take."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from sweeps.records.journal import Command, commands_of
from sweeps.records.outdated import SeenData, data_settings, outdated
from sweeps.records.point_cache import MANY, PointCache
from sweeps.records.run_record import RecordError, Status, find_runs, is_live, read_run

UNREADABLE = "unreadable"
ORDER = [
    Status.DONE,
    Status.RUNNING,
    Status.INTERRUPTED,
    Status.FAILED,
    Status.PRUNED,
    Status.OUTDATED,
    Status.OVER_BUDGET,
    Status.NOT_APPLICABLE,
    UNREADABLE,
]
TROUBLE = (Status.FAILED, Status.PRUNED, Status.OUTDATED, Status.OVER_BUDGET, UNREADABLE)


@dataclass(frozen=True)
class Progress:
    """What the records and the commands of a sweep say together."""

    counts: dict[str, int]
    """Runs by status, `unreadable` among them."""
    running: list[tuple[str, str, int]]
    """Name and since when, of each run that a process works on, and how many that process works on at once."""
    troubled: list[tuple[str, str, str]]
    """Name, status and error of what failed, was pruned, is over its budget or cannot be read, what failed first."""
    seconds: list[float]
    """What each finished run took, whole."""
    commands: list[Command]

    @property
    def left(self) -> int:
        """Jobs that no process has begun."""
        given = [command for command in self.commands if command.live] or self.commands
        turns = {run for command in given for run in command.runs}
        waiting = sum(command.left for command in given)
        return max(0, waiting - sum(name not in turns for name, _, _ in self.running))

    @property
    def to_go(self) -> timedelta | None:
        """Until all that was asked for is done, by the median of what is done; None before anything is."""
        if not self.seconds:
            return None
        whole = median(self.seconds)
        begun = [max(0.0, whole - _seconds_since(since) / together) for _, since, together in self.running]
        processes = sum(1 / together for _, _, together in self.running) or 1.0
        return timedelta(seconds=round((self.left * whole + sum(begun)) / processes))


def progress(sweep: Path) -> Progress:
    """Reads every record of the sweep once; of a large sweep again only those that have changed since the last time."""
    counts: Counter[str] = Counter()
    running, troubled, seconds = [], [], []
    folders = find_runs(sweep)
    cache = PointCache(sweep / ".status.kept", ["record.json"]) if len(folders) >= MANY else None
    rows = []
    for folder in folders:
        make = partial(_said, folder)
        rows += make() if cache is None else cache.rows([folder.name], "", make)
    why = outdated(
        SeenData(folder.name, *said["data"]) for folder, said in zip(folders, rows, strict=True) if "data" in said
    )
    for folder, said in zip(folders, rows, strict=True):
        status = str(Status.OUTDATED) if folder.name in why else said["status"]
        if status == Status.RUNNING and not is_live(folder):
            status = str(Status.INTERRUPTED)
        counts[status] += 1
        if status == Status.RUNNING:
            running.append((folder.name, said["updated"], said["together"]))
        elif status in TROUBLE:
            troubled.append((folder.name, status, why.get(folder.name) or said["error"]))
        elif status == Status.DONE:
            seconds.append(said["seconds"])
    if cache is not None:
        cache.keep()
    troubled.sort(key=lambda one: one[1] == Status.OVER_BUDGET)
    return Progress(dict(counts), running, troubled, seconds, list(commands_of(sweep)))


def _said(folder: Path) -> list[dict[str, Any]]:
    """What of a record the progress of its sweep is made of."""
    try:
        record = read_run(folder)
        found: dict[str, Any] = {"status": str(record["status"])}
        if found["status"] == Status.RUNNING:
            found |= {
                "updated": str(record.get("updated", "")),
                "together": int(record.get("together", 1)),
            }
        elif found["status"] == Status.DONE:
            found["seconds"] = sum(record.get("seconds", {}).values())
            found["data"] = [
                data_settings(record),
                str(record.get("data", {}).get("content", "")),
                str(record.get("data", {}).get("read", "")),
            ]
        else:
            found["error"] = str(record.get("error", ""))
    except (RecordError, ValueError) as error:
        return [{"status": UNREADABLE, "error": str(error)}]
    return [found]


def print_status(sweep: Path, most: int = 20) -> None:
    """The whole of it, for people."""
    now = progress(sweep)
    console = Console(width=None if Console().is_terminal else 160)
    table = Table(title=f"{sweep}: {sum(now.counts.values())} runs", title_justify="left", title_style="bold")
    for name in [*(str(status) for status in ORDER if now.counts.get(str(status))), "left", "time to go"]:
        table.add_column(name, justify="right")
    table.add_row(*(str(now.counts[status]) for status in ORDER if now.counts.get(status)), str(now.left), _span(now))
    console.print(table)
    for name, since, _ in now.running[:most]:
        console.print(f"running since {_clock(since)}: {name}", markup=False, soft_wrap=True)
    for name, status, error in now.troubled[:most]:
        console.print(f"{status}: {name}: {error}", markup=False, soft_wrap=True)
    if len(now.troubled) > most:
        console.print(f"and {len(now.troubled) - most} more such: python -m sweeps table {sweep}")
    if now.left and not any(command.live for command in now.commands):
        console.print("no command works on it now; the same command again goes on where it stopped")


def _span(now: Progress) -> str:
    if not now.left and not now.running:
        return "none"
    return "not known yet" if now.to_go is None else f"about {now.to_go}"


def _seconds_since(moment: str) -> float:
    try:
        return (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()
    except ValueError:
        return 0.0


def _clock(since: str) -> str:
    try:
        begun = datetime.fromisoformat(since)
    except ValueError:
        return since
    return f"{begun.astimezone():%H:%M}" if datetime.now(UTC) - begun < timedelta(days=1) else f"{begun:%Y-%m-%d %H:%M}"
