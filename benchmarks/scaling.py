"""How cost grows with the data and with the grid: `make bench-scaling`.

Trains one small network on 1, 10 and 100 times the images of a drawn folder of class folders, each twice: the first
start looks through the files and builds the cache, the second finds it. Start-up is the whole command without its epochs
and its closing test. Private memory is what the process must hold; resident memory has the pages of the mapped cache
in it as well, which the system takes back when it needs them. Then grids of that network on the smallest folder: what a
point costs beside its epochs, and what each point more than in the line above costs.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent.parent
SIDE = 64
SMALL = [
    "datamodule=image_folder", "backbone=mobilenet", "backbone.weights=none", "width=0.25", f"resolution={SIDE}",
    "augmentation=heavy", "augmentation.backend=batched", "trainer.accelerator=cpu", "logger=none",
]  # fmt: skip


@dataclass(frozen=True)
class Run:
    """What a command took."""

    seconds: float
    private_bytes: int
    """Largest resident set without the pages of files, sampled."""
    resident_bytes: int
    """Largest resident set, sampled."""
    records: list[dict[str, Any]]

    @property
    def trained_seconds(self) -> float:
        """All epochs of all its jobs."""
        return float(sum(epoch["seconds"] for record in self.records for epoch in record["history"]))

    @property
    def start_seconds(self) -> float:
        """All but epochs and closing tests."""
        return self.beyond_seconds - float(sum(record["seconds"]["test"] for record in self.records))

    @property
    def beyond_seconds(self) -> float:
        """All but epochs."""
        return self.seconds - self.trained_seconds


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=300, help="images of the smallest folder")
    parser.add_argument("--quick", action="store_true", help="a third of the images, 16 points at most")
    arguments = parser.parse_args()
    images = 100 if arguments.quick else arguments.images
    with tempfile.TemporaryDirectory() as scratch:
        grow_data(Path(scratch), images, (1, 10, 100))
    with tempfile.TemporaryDirectory() as scratch:
        grow_grid(Path(scratch), images, (1, 4, 16) if arguments.quick else (1, 4, 16, 64))


def draw(folder: Path, count: int, side: int = SIDE) -> None:
    """Smooth random colours in two classes, a bright and a dark one, `side` pixels square."""
    import cv2
    import numpy as np

    rng = np.random.default_rng(0)
    for label in range(2):
        (folder / f"class{label}").mkdir(parents=True)
    for place in range(count):
        patches = rng.integers(60 * (place % 2), 196 + 60 * (place % 2), (8, 8, 3), dtype=np.uint8)
        image = cv2.resize(patches, (side, side), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"class{place % 2}" / f"{place}.jpg"), image)


def run(place: Path, name: str, *words: str, network: Sequence[str] = SMALL) -> Run:
    """Trains under a sweep's name, watching its memory."""
    own = [f"sweep_name={name}", f"datamodule.root={place / 'images'}", f"paths.runs={place / 'runs'}"]
    line = [sys.executable, "train.py", *words, *network, *own, f"paths.cache={place / 'cache'}"]
    private, resident, began = 0, 0, time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        child = psutil.Popen(line, cwd=HERE, stdout=said, stderr=subprocess.STDOUT)
        while child.poll() is None:
            memory = child.memory_info()
            private = max(private, memory.rss - memory.shared)
            resident = max(resident, memory.rss)
            time.sleep(0.02)
        seconds = time.perf_counter() - began
        if child.returncode:
            said.seek(0)
            raise SystemExit(f"{' '.join(line)}:\n{said.read()}")
    files = (place / "runs" / name).glob("*/record.json")
    return Run(seconds, private, resident, [json.loads(file.read_text()) for file in files])


def grow_data(scratch: Path, images: int, factors: Sequence[int]) -> None:
    """Prints a line per size of the data."""
    shown = table(f"data: MobileNet 0.25 at {SIDE} px", "images", "epoch, ms per image", "first start, s", "start again, s",
                  "private MB", "resident MB", "cache MB")  # fmt: skip
    for factor in factors:
        place = scratch / str(factor)
        draw(place / "images", factor * images)
        first, again = (run(place, name, "trainer.max_epochs=3", "callbacks.keep_best=false") for name in ("a", "b"))
        record = again.records[0]
        count = sum(sum(record["data"]["cells"][part]) for part in ("train", "val"))
        epochs = [epoch["seconds"] for epoch in record["history"][1:]]
        cache = sum(file.stat().st_size for file in (place / "cache").glob("*.npy"))
        shown.add_row(
            str(factor * images),
            f"{1000 * median(epochs) / count:.3f}",
            f"{first.start_seconds:.1f}",
            f"{again.start_seconds:.1f}",
            *(f"{size / 1e6:.0f}" for size in (again.private_bytes, again.resident_bytes, cache)),
        )
    Console().print(shown)


def grow_grid(place: Path, images: int, points: Sequence[int]) -> None:
    """Prints a line per size of the grid."""
    draw(place / "images", images)
    run(place, "warm", "trainer.max_epochs=1")
    shown = table(
        "grid: an epoch each", "points", "whole, s", "epochs, s", "beyond, s per point", "each further point, s"
    )
    last: tuple[int, float] | None = None
    for count in points:
        grid = run(place, f"points{count}", "-m", f"seeds={count}", "trainer.max_epochs=1")
        assert len(grid.records) == count
        beyond = grid.beyond_seconds
        further = "" if last is None else f"{(beyond - last[1]) / (count - last[0]):.2f}"
        last = count, beyond
        shown.add_row(
            str(count), f"{grid.seconds:.1f}", f"{grid.trained_seconds:.1f}", f"{beyond / count:.2f}", further
        )
    Console().print(shown)


def table(title: str, *columns: str) -> Table:
    """An empty one, figures to the right."""
    made = Table(title=title)
    for name in columns:
        made.add_column(name, justify="right")
    return made


if __name__ == "__main__":
    main()
