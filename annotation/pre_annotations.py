"""What a trained network says of cells that people have yet to grade."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from annotation.log import AnnotationError
from datamodules.base.pixels import Image, resize
from datamodules.screens.grid import Grid, cut_cells
from storage.whole_file import write_whole

Probabilities = npt.NDArray[np.float64]


class Grader(Protocol):
    """A trained network, see `tasks.grading`."""

    @property
    def resolution(self) -> int:
        """Side of its input, pixels."""

    @property
    def labels(self) -> list[str]:
        """Names of its classes, in the order of its probabilities."""

    def grade(self, images: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Raw RGB `(B, S, S, 3)` → grades `(B,)` and probabilities `(B, K)`."""


def network_name(path: Path) -> str:
    """What a network is called in the log: the name of its run, and behind a slash that of its file."""
    if path.suffix != ".tflite":
        return path.resolve().name
    inside = path.resolve().parent.name == "export"
    return f"{path.resolve().parent.parent.name}/{path.stem}" if inside else path.name


class Proposals:
    """A network's grades of the cells of photos, kept on disk.

    Args:
        grader: the network.
        name: what it is called in the pages, and in the cache: another network of the same name needs another `mark`.
        mark: of this very network: the digest of its file.
        cache: where answers are kept.
        doubt: why its answers may be of no use, in words.
        class_names: what the annotators grade; the network has to know the same classes.

    """

    def __init__(
        self,
        grader: Grader,
        name: str,
        mark: str,
        cache: Path,
        class_names: Sequence[str],
        grid: Grid,
        doubt: str = "",
    ) -> None:
        if list(grader.labels) != list(class_names):
            raise AnnotationError(f"run={name}: grades {', '.join(grader.labels)}, not {', '.join(class_names)}")
        self.grader, self.name, self.grid, self.doubt = grader, name, grid, doubt
        self._lock = Lock()
        cache.mkdir(parents=True, exist_ok=True)
        self._path = cache / f"proposals-{mark}.json"
        self._known: dict[str, list[list[float]]] = json.loads(self._path.read_text()) if self._path.exists() else {}

    def of(self, picture: Callable[[], Image], key: str, corners: npt.NDArray[np.float64]) -> Probabilities:
        """Probabilities `(cells, K)` of the cells within these corners.

        Args:
            picture: gives the photo `(H, W, 3)`; asked only where the answer is not known.
            key: of the photo's file: its name, size and time.
            corners: `(4, 2)`, pixels.

        """
        place = f"{key} {hashlib.sha256(np.asarray(corners, np.float64).tobytes()).hexdigest()[:16]}"
        with self._lock:  # interpreters answer one at a time
            return self._asked(picture, place, corners)

    def _asked(self, picture: Callable[[], Image], place: str, corners: npt.NDArray[np.float64]) -> Probabilities:
        if place not in self._known:
            side = self.grader.resolution
            cells = np.stack([resize(cell, (side, side)) for cell in cut_cells(picture(), corners, self.grid)])
            found = np.asarray(self.grader.grade(cells)[1], np.float64)
            self._known[place] = np.round(found, 4).tolist()
        return np.array(self._known[place])

    def keep(self) -> None:
        """Writes what is known to the cache."""
        write_whole(self._path, json.dumps(self._known))


def doubt(probabilities: Probabilities) -> float:
    """How unsure a network is of a photo: the mean over its cells of what its first choice lacks to certainty, 0 to 1
    (least confidence; Settles 2009, section 3.1). `probabilities` is `(cells, K)`.
    """
    return float(1 - probabilities.max(axis=1).mean())
