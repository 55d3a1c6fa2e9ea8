"""`results.jsonl`: a line for each photo as soon as it is graded, so that a command that was killed goes on from there."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel, ValidationError

from datamodules.screens.grid import Grid
from station.answer import PhotoAnswer
from station.likeness import look_from
from station.photo_files import PhotoFile
from storage.whole_file import write_whole


class _Made(BaseModel):
    bytes: int
    mtime_ns: int
    by: str


class _Graded(PhotoAnswer):
    made_of: _Made


class _Refused(BaseModel):
    photo: str
    refused: str
    made_of: _Made


class ResultsLog:
    """Of one output folder; one process writes it at a time.

    Args:
        path: of the file.
        by: what grades now, as a digest: network, rules and the like; photos graded by another count as not graded.
        grid, labels: of the network.

    """

    def __init__(self, path: Path, by: str, grid: Grid, labels: list[str]) -> None:
        self.path, self.by, self.grid, self.labels = path, by, grid, labels

    def made_of(self, photo: PhotoFile) -> dict[str, Any]:
        """What a photo's line holds for as long as nothing that it comes from has changed."""
        return {"bytes": photo.bytes, "mtime_ns": photo.mtime_ns, "by": self.by}

    def read(self) -> dict[str, dict[str, Any]]:
        """The last whole line of each photo that this network and these rules have answered. A damaged line counts as none."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return {}
        if not data.endswith(b"\n") and data:  # a process was killed while it wrote
            data = data[: data.rfind(b"\n") + 1]
            os.truncate(self.path, len(data))
        found: dict[str, dict[str, Any]] = {}
        for line in data.splitlines():
            result = self._checked(line)
            if result is not None:
                found[result["photo"]] = result
        return found

    def _checked(self, line: bytes) -> dict[str, Any] | None:
        try:
            result = orjson.loads(line)
            form = _Refused if isinstance(result, dict) and "refused" in result else _Graded
            checked = form.model_validate(result, strict=False)
            if checked.made_of.by != self.by:
                return None
            if isinstance(checked, _Graded):
                places = [(cell.row, cell.col) for cell in checked.cells]
                wanted = [divmod(at, self.grid.columns) for at in range(self.grid.cells)]
                if places != wanted or any(list(cell.probabilities) != self.labels for cell in checked.cells):
                    return None
                look_from(checked.look, self.grid)
        except (ValueError, ValidationError):
            return None
        return dict(result)

    def append(self, result: Mapping[str, Any]) -> None:
        """Writes a line, on the disk when this returns. Raises OSError, and then nothing of it stays."""
        data = orjson.dumps(result) + b"\n"
        place = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            size = os.fstat(place).st_size
            written = os.write(place, data)
            if written < len(data):
                os.ftruncate(place, size)
                raise OSError(28, "only a part of a line could be written", str(self.path))
            os.fsync(place)
        finally:
            os.close(place)

    def keep(self, results: Mapping[str, Mapping[str, Any]], names: Collection[str]) -> None:
        """Leaves one line for each of these photos, in their order."""
        write_whole(self.path, b"".join(orjson.dumps(results[name]) + b"\n" for name in names))
