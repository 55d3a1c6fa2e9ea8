"""What the grids of a sweep set out to do: a small file per command line, so that what is left can be told.

`commands/<hash of the command line>.json` in the sweep's folder; the command holds `commands/<same>.lock` while it
lives.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from sweeps.record import write_whole


@dataclass(frozen=True)
class Command:
    """A grid's command line and how far it got."""

    line: list[str]
    """The overrides as typed."""
    points: int
    """Jobs that it consists of."""
    taken: int = 0
    """Jobs that have had their turn, whatever came of them."""
    ended: bool = False
    """Whether it went through all of them."""
    setting: str = ""
    """A digest of what else turns the line into points."""
    runs: tuple[str, ...] = ()
    """Names of the folders of the jobs that have had their turn, as far as this process saw them."""
    live: bool = False
    """Whether it runs now."""

    @property
    def left(self) -> int:
        """Jobs that have not been begun."""
        return 0 if self.ended else self.points - self.taken


class Journal:
    """Writes one command's file while it runs.

    Two equal commands at once share the file; the first one writes it.
    """

    def __init__(self, sweep: Path, command: Command) -> None:
        name = hashlib.blake2b(json.dumps(sorted(command.line)).encode(), digest_size=6).hexdigest()
        self.path, self.command = sweep / "commands" / f"{name}.json", command
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.lock: BaseFileLock = FileLock(self.path.with_suffix(".lock"))
        self.before = _read(self.path)
        try:
            self.lock.acquire(timeout=0)
        except Timeout:
            return
        self._write()

    def took_one(self, run: str) -> None:
        """Another job has had its turn; `run` is its folder's name, empty where it is not known."""
        runs = (*self.command.runs, run) if run else self.command.runs
        self.command = replace(self.command, taken=self.command.taken + 1, runs=runs)
        self._write()

    def end(self) -> None:
        """All jobs have had their turn."""
        self.command = replace(self.command, ended=True)
        self._write()
        self.lock.release()

    def restore(self) -> None:
        """Leaves the file as it was found: there was nothing to do."""
        if self.before is not None:
            self.command = self.before
            self._write()
        self.lock.release()

    def _write(self) -> None:
        if self.lock.is_locked:
            write_whole(self.path, json.dumps(asdict(self.command), indent=1))


def commands_of(sweep: Path) -> Iterator[Command]:
    """Every command that was given in a sweep; files that are none are passed over."""
    for path in sorted((sweep / "commands").glob("*.json")):
        command = _read(path)
        if command is not None:
            yield replace(command, live=_is_held(path.with_suffix(".lock")))


def _read(path: Path) -> Command | None:
    try:
        found = json.loads(path.read_text())
        return Command(**found | {"runs": tuple(found["runs"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _is_held(lock: Path) -> bool:
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True
