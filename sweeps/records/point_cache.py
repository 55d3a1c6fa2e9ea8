"""What was worked out of the runs of a point, kept in the sweep's folder for as long as none of their files changes."""

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from metrics.lookup import judged_mark
from storage.identity import identity
from storage.own_mark import own_bytes, write_own

VERSION = 5
"""Raised when what is kept means something else."""
MANY = 200
"""Runs of a sweep from which on what its records say is kept beside them."""
FILES = ("record.json", "predictions.parquet", "export/predictions.parquet")
Rows = list[dict[str, Any]]


class PointCache:
    """Rows by the names, sizes and times of the files that they come from.

    Args:
        path: of the file in the sweep's folder; one that this user's gridlite has not written is as if there were none.
        files: those of a run that the rows come from.

    """

    def __init__(self, path: Path, files: Sequence[str] = FILES) -> None:
        self.path, self.sweep, self.files = path, str(path.parent), files
        known = json.loads(own_bytes(path) or "{}")
        self.before: dict[str, Rows] = known["rows"] if known.get("version") == VERSION else {}
        self.now: dict[str, Rows] = {}

    def rows(self, runs: Sequence[str], about: str, make: Callable[[], Rows]) -> Rows:
        """What `make` gives for the runs of these names, or gave before. `about` is what else the rows depend on."""
        seen = [(run, *(identity(f"{self.sweep}/{run}/{name}") for name in self.files)) for run in runs]
        key = hashlib.blake2b(json.dumps([about + judged_mark(), seen]).encode(), digest_size=12).hexdigest()
        if key not in self.now:
            self.now[key] = self.before[key] if key in self.before else make()
        return self.now[key]

    def keep(self) -> None:
        """Writes the rows that were asked for; a folder that cannot be written keeps none."""
        if self.now.keys() != self.before.keys():
            text = json.dumps({"version": VERSION, "rows": self.now}, default=float)
            with suppress(OSError):
                write_own(self.path, text.encode())
