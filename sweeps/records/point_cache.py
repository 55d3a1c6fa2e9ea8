"""What was worked out of the runs of a point, kept in the sweep's folder for as long as none of their files changes."""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from storage.whole_file import write_whole

VERSION = 2
"""Raised when what is kept means something else."""
FILES = ("record.json", "predictions.parquet", "export/predictions.parquet")
Rows = list[dict[str, Any]]


class PointCache:
    """Rows by the names, sizes and times of the files that they come from.

    Args:
        path: of the JSON file; one that cannot be read is as if there were none.
        files: those of a run that the rows come from.

    """

    def __init__(self, path: Path, files: Sequence[str] = FILES) -> None:
        self.path, self.files = path, files
        self.before: dict[str, Rows] = {}
        with suppress(OSError, ValueError):
            known = json.loads(path.read_text())
            self.before = known["rows"] if known["version"] == VERSION else {}
        self.now: dict[str, Rows] = {}

    def rows(self, runs: Sequence[Path], about: str, make: Callable[[], Rows]) -> Rows:
        """What `make` gives for these runs, or gave before. `about` is what else the rows depend on."""
        seen = [(run.name, *(_stat(f"{run}/{name}") for name in self.files)) for run in runs]
        key = hashlib.blake2b(json.dumps([about, seen]).encode(), digest_size=12).hexdigest()
        if key not in self.now:
            self.now[key] = self.before[key] if key in self.before else make()
        return self.now[key]

    def keep(self) -> None:
        """Writes the rows that were asked for; a folder that cannot be written keeps none."""
        if self.now.keys() != self.before.keys():
            text = json.dumps({"version": VERSION, "rows": self.now}, default=float)
            with suppress(OSError):
                write_whole(self.path, text)


def _stat(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116  three for each of 10,000 runs
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
