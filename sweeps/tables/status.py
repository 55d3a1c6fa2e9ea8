"""How far a sweep has come: counts, what runs, what failed, how long it will take."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from sweeps.records.journal import Command, commands_of
from sweeps.records.run_record import RecordError, Status, find_runs, read_record, status_of

ORDER = [
    Status.DONE,
    Status.RUNNING,
    Status.INTERRUPTED,
    Status.FAILED,
    Status.PRUNED,
    Status.NOT_APPLICABLE,
    "unreadable",
]


@dataclass(frozen=True)
class Progress:
    """What the records and the commands of a sweep say together."""

    counts: dict[str, int]
    """Runs by status, `unreadable` among them."""
    running: list[tuple[str, str, int]]
    """Name and since when, of each run that a process works on, and how many that process works on at once."""
    troubled: list[tuple[str, str, str]]
    """Name, status and error of what failed, was pruned or cannot be read."""
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
    """Reads every record of the sweep once."""
    counts: Counter[str] = Counter()
    running, troubled, seconds = [], [], []
    for folder in find_runs(sweep):
        try:
            record = read_record(folder)
            status: str = status_of(folder, record)
        except (RecordError, ValueError) as error:
            counts["unreadable"] += 1
            troubled.append((folder.name, "unreadable", str(error)))
            continue
        counts[str(status)] += 1
        if status == Status.RUNNING:
            running.append((folder.name, str(record.get("updated", "")), int(record.get("together", 1))))
        elif status in (Status.FAILED, Status.PRUNED):
            troubled.append((folder.name, str(status), str(record.get("error", ""))))
        elif status == Status.DONE:
            seconds.append(sum(value for value in record.get("seconds", {}).values()))
    return Progress(dict(counts), running, troubled, seconds, list(commands_of(sweep)))


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
        console.print(f"and {len(now.troubled) - most} more that failed: python -m sweeps table {sweep}")
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
