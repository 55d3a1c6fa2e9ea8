"""Processes that train by turns, an epoch at a time, so that whatever else the machine does meets all of them alike."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from statistics import median

QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": ""}
"""Of every peer: nothing said, and all of them on the CPU."""


@dataclass(frozen=True)
class Epoch:
    """What one turn took."""

    train_seconds: float
    """From the epoch's start to the end of its last batch."""
    seconds: float
    """Validation and checkpoint included."""
    accuracy: float
    """Of the validation set."""
    peak_bytes: int
    """Largest resident set so far, with what worker processes hold of their own."""


class Turn:
    """A peer's side: `begin`, train, `trained`, validate, `end`, and again."""

    def __init__(self) -> None:
        self._began, self._train_seconds = 0.0, 0.0

    def begin(self) -> None:
        """Waits until it is this peer's turn; ends the process where nobody waits for it any more."""
        print("@ready", flush=True)
        if not sys.stdin.readline():
            sys.exit()
        self._began = time.perf_counter()

    def trained(self) -> None:
        """The epoch's last batch is done."""
        self._train_seconds = time.perf_counter() - self._began

    def end(self, accuracy: float) -> None:
        """Hands over."""
        seconds = time.perf_counter() - self._began
        epoch = Epoch(self._train_seconds, seconds, accuracy, _peak_bytes())
        print("@epoch", json.dumps(asdict(epoch)), flush=True)


def _peak_bytes() -> int:
    import psutil

    from sweeps.records.environment import peak_memory_bytes

    workers = psutil.Process().children(recursive=True)
    return peak_memory_bytes() + sum(worker.memory_full_info().uss for worker in workers)


def take_turns(commands: Mapping[str, Sequence[str]], epochs: int) -> dict[str, list[Epoch]]:
    """Runs every command as a process of its own; each trains an epoch in its turn, `epochs` times."""
    seen: dict[str, list[Epoch]] = {peer: [] for peer in commands}
    with ExitStack() as stack:
        children = {peer: _Child(peer, command, stack) for peer, command in commands.items()}
        for child in children.values():
            child.answer("ready")
        for _ in range(epochs):
            for peer, child in children.items():
                child.go()
                seen[peer].append(Epoch(**json.loads(child.answer("epoch"))))
    return seen


class _Child:
    def __init__(self, peer: str, command: Sequence[str], stack: ExitStack) -> None:
        self.peer = peer
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        stack.enter_context(self.errors)
        self.process = stack.enter_context(
            subprocess.Popen(
                command, env=os.environ | QUIET, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
            )
        )  # fmt: skip
        stack.callback(self.process.kill)

    def go(self) -> None:
        """Lets it train an epoch."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def answer(self, word: str) -> str:
        """What it says next after the word."""
        for line in self.process.stdout or ():
            if line.startswith(f"@{word}"):
                return line.partition(" ")[2]
        self.errors.seek(0)
        raise SystemExit(f"{self.peer} stopped:\n{self.errors.read()}")


def speeds(epochs: Sequence[Epoch], images: int) -> list[float]:
    """Images/s of each epoch but the first, in which a peer warms up."""
    return [images / epoch.train_seconds for epoch in epochs[1:]]


def ratios(these: Sequence[float], others: Sequence[float]) -> list[float]:
    """Round by round."""
    return [one / other for one, other in zip(these, others, strict=True)]


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Median and range."""
    return f"{median(values):.{digits}f} [{min(values):.{digits}f}, {max(values):.{digits}f}]"


def seconds_to(epochs: Sequence[Epoch], accuracy: float) -> float | None:
    """Seconds of whole epochs until the val accuracy is first reached, None where it is not."""
    passed = 0.0
    for epoch in epochs:
        passed += epoch.seconds
        if epoch.accuracy >= accuracy:
            return passed
    return None
