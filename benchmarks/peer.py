"""One peer as a process, which `benchmarks.peers` and `benchmarks.train_throughput` start."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.cases import EVERY, Case, Pictures, read
from benchmarks.keras_loops import keras, keras_augmented
from benchmarks.loops import bare, gridlite, lightning
from benchmarks.turns import Turn
from benchmarks.ultralytics_loops import bare_yolo, ultralytics

Loop = Callable[[Case, Pictures, int, Turn], None]
"""(case, its images, epochs, turn)"""

PEERS: dict[str, Loop] = {
    "bare": bare,
    "keras": keras,
    "keras augmented": keras_augmented,
    "lightning": lightning,
    "bare yolo": bare_yolo,
    "ultralytics": ultralytics,
    "gridlite none": partial(gridlite, words=["augmentation=none"]),
    "gridlite light": partial(gridlite, words=["augmentation=light"]),
    "gridlite heavy": partial(gridlite, words=["augmentation=heavy"]),
    "gridlite single": partial(gridlite, words=["augmentation=heavy", "augmentation.backend=albumentations"]),
}


def command(peer: str, case: str, folder: Path, epochs: int) -> list[str]:
    """Starts a peer on the images of a folder."""
    return [sys.executable, "-m", "benchmarks.peer", peer, case, str(folder), str(epochs)]


if __name__ == "__main__":
    name, case, folder, epochs = sys.argv[1:]
    PEERS[name](EVERY[case], read(Path(folder)), int(epochs), Turn())
