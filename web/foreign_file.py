"""A classifier that somebody else made, by TensorFlow Lite's own metadata in it."""

import hashlib
from pathlib import Path
from typing import Any

from export.flatbuffer import read_metadata
from export.foreign.standard_metadata import read_standard
from export.runtime import METADATA, of_file
from web.access import PAGES
from web.loose_file import NO_RECORD, WithoutRecord, without_record
from web.proposals import light_on_dark


def is_ours(path: Path) -> bool:
    """Whether a file carries gridlite's metadata. Raises FileError naming the file where it is no TFLite file."""
    if not path.is_file():
        return True  # `read_file` says why it cannot be read
    with of_file(path):
        return METADATA in read_metadata(path.read_bytes())


class ForeignFile(WithoutRecord):
    """See the module. It is read, never run: a browser runs it, within its own walls.

    Args:
        path: of the file, which is read once.

    Raises FileError, one line that names it, for what its metadata does not say.

    """

    view = PAGES / "classes.js"

    def __init__(self, path: Path) -> None:
        self.path, self.data = path, path.read_bytes()
        with of_file(path):
            self._standard = read_standard(self.data)

    def about(self) -> dict[str, Any]:
        """What the pages show: no figure is known of it."""
        known = self._standard
        return {
            "name": self.path.stem, "data": "", "run": self.path.name, "kind": "", "size_bytes": len(self.data),
            "sha256": hashlib.sha256(self.data).hexdigest(), "labels": known.labels, "resolution": min(known.size), "size": list(known.size),
            "preprocessing": {"crop": "none", "grid": None}, "initial_weights": "", "described": {}, "ask": None, "warning": "", "rules": [], "screen_mm": None,
            "threshold": None, "range": [None, None], "left_by_gpu": {},
            "input": {"channels": known.channels, "dtype": known.dtype, "mean": known.mean, "std": known.std},
            "output": {"place": known.output, "steps": known.steps},
            "invert": light_on_dark("", known.labels, known.channels),
        } | without_record(NO_RECORD)  # fmt: skip
