"""Where the time of train.py's loop goes: `python -m benchmarks.where`.

Looks at what its threads do every few milliseconds, over whole epochs with heavy augmentation, for both forms of it.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.cases import CASES, noise, read
from benchmarks.loops import gridlite

EVERY_S = 0.004
KINDS = {
    "waiting for a batch": ("concurrent/futures/_base.py", "cell_loaders.py"),
    "backward": ("torch/autograd/",),
    "forward and loss": ("lightning_modules/networks/classifier.py", "heads/", "torch/nn/functional.py"),
    "optimizer": ("torch/optim/", "torch/nn/utils/"),
    "metrics and logging": ("torchmetrics/", "logger_connector"),
    "checkpoint": ("model_checkpoint", "torch/serialization.py"),
    "Lightning's loop": ("pytorch_lightning/", "lightning_fabric/"),
}
"""What a thread does → parts of the files of its innermost known function."""


class Spy:
    """As a peer's turn: looks from the second epoch's first batch to the last one's end."""

    def __init__(self) -> None:
        self.main = threading.get_ident()
        self.seen: Counter[str] = Counter()
        self.busy = self.looks = 0
        self.epochs = 0
        self.watching, self.over = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def begin(self) -> None:
        """An epoch begins; the first one warms up."""
        self.epochs += 1
        if self.epochs > 1:
            self.watching.set()

    def trained(self) -> None:
        """Its batches are through."""

    def end(self, accuracy: float) -> None:
        """Its validation too."""

    def stop(self) -> None:
        """No more looks."""
        self.over.set()
        self.thread.join()

    def _watch(self) -> None:
        while not self.over.is_set():
            if self.watching.is_set():
                frames = sys._current_frames()
                self.looks += 1
                self.seen[kind(frames.get(self.main))] += 1
                self.busy += any(
                    called_by(frame, "__getitems__") for thread, frame in frames.items() if thread != self.main
                )
            time.sleep(EVERY_S)


def kind(frame: FrameType | None) -> str:
    """What the innermost known function is for."""
    while frame is not None:
        for name, parts in KINDS.items():
            if any(part in frame.f_code.co_filename for part in parts):
                if name == "forward and loss" and called_by(frame, "validation_step"):
                    return "validation"
                return name
        frame = frame.f_back
    return "else"


def called_by(frame: FrameType | None, name: str) -> bool:
    """Whether a function of that name called this one, however far up, or is it."""
    while frame is not None:
        if frame.f_code.co_name == name:
            return True
        frame = frame.f_back
    return False


def main() -> None:
    """Trains and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=CASES, default="mobilenet-0.5-128")
    parser.add_argument("--epochs", type=int, default=6)
    arguments = parser.parse_args()
    spies = {}
    for backend in ("albumentations", "batched"):
        with tempfile.TemporaryDirectory() as scratch:
            noise(CASES[arguments.case], Path(scratch))
            spy: Any = Spy()
            words = ["augmentation=heavy", f"augmentation.backend={backend}"]
            gridlite(CASES[arguments.case], read(Path(scratch)), arguments.epochs, spy, words)
            spy.stop()
            spies[backend] = spy
    shown = Table(title=f"{arguments.case}, heavy: share of the main thread's time")
    shown.add_column("")
    for backend in spies:
        shown.add_column(backend, justify="right")
    for name in [*KINDS, "validation", "else"]:
        shown.add_row(name, *(f"{spy.seen[name] / spy.looks:.1%}" for spy in spies.values()))
    shown.add_row("the other thread augments", *(f"{spy.busy / spy.looks:.1%}" for spy in spies.values()))
    Console().print(shown)


if __name__ == "__main__":
    main()
