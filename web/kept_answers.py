"""Photos that the station over HTTP has graded, kept with their answers, and what people say to these: a folder for `make collect`."""

import hashlib
import io
import json
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from PIL import Image
from pydantic import AfterValidator, BaseModel, Field

from datamodules.base.errors import DataError
from storage.whole_file import write_whole

SUFFIX = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "BMP": ".bmp", "GIF": ".gif", "TIFF": ".tiff"}
"""By what Pillow calls a format."""
ID = r"^[0-9a-f]{16}$"


def _named(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("want a name")
    return text.strip()


class SaidCell(BaseModel, extra="forbid"):
    """What a cell shows."""

    row: Annotated[int, Field(ge=0, lt=100)]
    col: Annotated[int, Field(ge=0, lt=100)]
    label: Annotated[str, Field(max_length=200)]


class Said(BaseModel, extra="forbid"):
    """What a person says to the answer for one photo."""

    photo: Annotated[str, Field(pattern=ID, description="`kept` of the answer")]
    annotator: Annotated[str, Field(max_length=60), AfterValidator(_named)]
    cells: Annotated[list[SaidCell], Field(max_length=10_000)] = []
    confirmed: Annotated[bool, Field(description="whether the cells that are not given are right")] = False


class CorrectionError(Exception):
    """A correction that fits no kept answer; `known` tells whether the photo is there."""

    def __init__(self, text: str, *, known: bool) -> None:
        super().__init__(text)
        self.known = known


class KeptAnswers:
    """A folder with a folder for each model, each of photos and a .json file beside each.

    Args:
        folder: is made.
        most_bytes: of photos. Above it the oldest go that nobody has said anything about; where there are none of these, no
            further photo is kept.

    Raises DataError where the folder cannot be written.

    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self.folder, self.most_bytes = folder, most_bytes
        self._lock = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            found = sorted(((path.stat().st_mtime, path) for path in folder.glob("*/*.json")), key=lambda one: one[0])
        except OSError as error:
            raise DataError(f"keep={folder}: {error.strerror}; want a folder that can be written") from None
        self._open: dict[Path, int] = {}
        """Answers that nobody has said anything about, the oldest first, with the size of their photos."""
        self._bytes = 0
        for _, path in found:
            told = _read(path)
            size = _size(path.with_name(str(told.get("photo"))))
            self._bytes += size
            if "annotator" not in told:
                self._open[path] = size

    def keep(self, model: str, data: bytes, found: Mapping[str, Any], device: str | None) -> str | None:
        """Writes the photo and its answer; what they are called, None where there is no room. Raises OSError."""
        name = hashlib.sha256(data).hexdigest()[:16]
        told = self.folder / model / f"{name}.json"
        with self._lock:
            if told.exists():
                return name
            if not self._makes_room(len(data)):
                return None
            with Image.open(io.BytesIO(data)) as image:
                photo = told.with_suffix(SUFFIX.get(image.format or "", ".jpg"))
            about = {"photo": photo.name, "called": found["photo"], "device": device, "file": found["file"], "corners": found["corners"]}  # fmt: skip
            cells = [
                {name: cell[name] for name in ("row", "col", "label", "probabilities")}
                | {"before": cell["label"], "corrected": False}
                for cell in found["cells"]
            ]
            told.parent.mkdir(exist_ok=True)
            write_whole(photo, data)
            write_whole(told, json.dumps(about | {"cells": cells}))
            self._bytes += len(data)
            self._open[told] = len(data)
        return name

    def _makes_room(self, size: int) -> bool:
        if size > self.most_bytes:
            return False
        while self._bytes + size > self.most_bytes and self._open:
            oldest = next(iter(self._open))
            self._bytes -= self._open.pop(oldest)
            photo = oldest.with_name(str(_read(oldest).get("photo")))
            oldest.unlink(missing_ok=True)
            photo.unlink(missing_ok=True)
        return self._bytes + size <= self.most_bytes

    def say(self, model: str, said: Said, labels: Sequence[str]) -> int:
        """Writes what a person says into the answer's file; how many cells that now differ from the network's. Raises CorrectionError."""
        told = self.folder / model / f"{said.photo}.json"
        with self._lock:
            found = _read(told)
            if not found:
                raise CorrectionError(f"{said.photo}: no photo that is kept for {model}", known=False)
            cells = {(cell["row"], cell["col"]): cell for cell in found["cells"]}
            for one in said.cells:
                if (one.row, one.col) not in cells:
                    raise CorrectionError(f"row {one.row}, col {one.col}: no cell of the photo", known=True)
                if one.label not in labels:
                    raise CorrectionError(f"label {one.label!r:.60}: want one of {', '.join(labels)}", known=True)
            for one in said.cells:
                cells[one.row, one.col] |= {"label": one.label, "corrected": True}
            if said.confirmed:
                for cell in cells.values():
                    cell["corrected"] = True
            found |= {"annotator": said.annotator, "time": datetime.now(UTC).isoformat(timespec="milliseconds")}
            write_whole(told, json.dumps(found))
            self._open.pop(told, None)
        return sum(cell["label"] != cell["before"] for cell in cells.values())


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
