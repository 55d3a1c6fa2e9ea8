"""What the grids of a sweep set out to do: two small files per command line, so that what is left can be told.

`commands/<hash of the command line>.json` in the sweep's folder says what was asked; `.runs` beside it gains a line with
each job's turn, from whatever process took it; the command holds `.lock` while it lives.
"""

import hashlib
import json
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from storage.whole_file import write_whole

VARIABLE = "_GRIDLITE_RUNS_FILE"
"""Tells the processes that a launcher starts where to note their turns."""


@dataclass(frozen=True)
class Command:
    """A grid's command line and how far it got."""

    line: list[str]
    """The overrides as typed."""
    points: int
    """Jobs that it consists of; 0 where a sweeper decides as it goes."""
    setting: str = ""
    """A digest of what else turns the line into points."""
    ended: bool = False
    """Whether it went through all of them."""
    runs: tuple[str, ...] = ()
    """Names of the folders of the jobs that have had their turn, whatever came of them."""
    live: bool = False
    """Whether it runs now."""

    @property
    def left(self) -> int:
        """Jobs that have not been begun."""
        return 0 if self.ended else max(0, self.points - len(set(self.runs)))


class Journal:
    """Writes one command's files while it runs.

    Two equal commands at once share the files: the first one writes them, both add the jobs that had their turn.
    """

    def __init__(self, sweep: Path, command: Command) -> None:
        name = hashlib.blake2b(json.dumps(sorted(command.line)).encode(), digest_size=6).hexdigest()
        self.path, self.command = sweep / "commands" / f"{name}.json", command
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.lock: BaseFileLock = FileLock(self.path.with_suffix(".lock"))
        self.before = _read(self.path)
        with suppress(Timeout):  # an equal command runs: its files are added to, not begun anew
            self.lock.acquire(timeout=0.5)
        os.environ[VARIABLE] = str(self.path.with_suffix(".runs").absolute())

    def begin(self) -> None:
        """Takes the place of an earlier command of the same words."""
        if self.lock.is_locked:
            for suffix in (".runs", ".begun", ".failed"):
                write_whole(self.path.with_suffix(suffix), "")
            self._write()

    def end(self, *, through: bool) -> None:
        """The command stops here; `through` says that all jobs have had their turn."""
        if self.lock.is_locked:
            if through:
                self.command = replace(self.command, ended=True)
                self._write()
            self.lock.release()
        os.environ.pop(VARIABLE, None)

    def _write(self) -> None:
        kept = {"line": self.command.line, "points": self.command.points, "setting": self.command.setting}
        write_whole(self.path, json.dumps(kept | {"ended": self.command.ended}, indent=1))


def mark_job_done(run: str) -> None:
    """A job in the folder called `run` has had its turn; called in the process that had it."""
    _append(".runs", run)


def mark_job_begun(run: str) -> None:
    """The folder called `run` is what this process works on from now on."""
    _append(".begun", f"{_process(os.getpid())} {run}")


def mark_job_failed(run: str) -> None:
    """A job of this command has failed, whatever its record says."""
    _failed_here.append(run)
    _append(".failed", run)


def last_begun(process: int) -> str:
    """The folder that a process on this machine began last for this command; empty where it began none."""
    lines = (line.split(" ", 1) for line in _lines(".begun"))
    return next((run for number, run in reversed(list(lines)) if number == _process(process)), "")


def _process(number: int) -> str:
    return f"{socket.gethostname()}:{number}"  # machines that share a disk have the same numbers


_failed_here: list[str] = []


def failed_jobs() -> list[str]:
    """The jobs of this command that have failed, in this process or, where the disk took it down, in others."""
    return [*_failed_here, *_lines(".failed")]


def jobs_done() -> list[str]:
    """The folders of the jobs of this command that have had their turn."""
    return _lines(".runs")


def _append(suffix: str, line: str) -> None:
    if VARIABLE in os.environ:
        with suppress(OSError), Path(os.environ[VARIABLE]).with_suffix(suffix).open("a") as file:
            file.write(f"{line}\n")  # a short line is appended whole


def _lines(suffix: str) -> list[str]:
    try:
        return Path(os.environ[VARIABLE]).with_suffix(suffix).read_text().split("\n")[:-1]
    except (KeyError, OSError):
        return []


def commands_of(sweep: Path) -> Iterator[Command]:
    """Every command that was given in a sweep; files that are none are passed over."""
    for path in sorted((sweep / "commands").glob("*.json")):
        command = _read(path)
        if command is not None:
            yield replace(command, live=_is_held(path.with_suffix(".lock")))


def _read(path: Path) -> Command | None:
    try:
        command = Command(**json.loads(path.read_text()))
        return replace(command, runs=tuple(path.with_suffix(".runs").read_text().split("\n")[:-1]))
    except (OSError, ValueError, TypeError):
        return None


def _is_held(lock: Path) -> bool:
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True
