"""What a runtime in an environment of its own answers to files, and how two runtimes' answers are held against each other."""

import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

LEAST_AGREEMENT = 0.99
SECONDS = 1800
Outputs = Mapping[str, npt.NDArray[Any]]
"""A file's answers by name, `(N, K)` each, or `(N,)` for an index of a class; one of them is `probabilities`."""


@dataclass(frozen=True)
class Verdict:
    """What became of a file in a runtime."""

    what: str
    """agrees, rounds, refused or wrong."""
    why: str = ""
    difference: float = 0.0
    """The largest of a probability, from the pinned runtime."""


def answered(
    python: Path, files: Iterable[Path], folder: Path, *, plain: bool = False
) -> dict[Path, Outputs | Verdict]:
    """What an interpreter's runtime answers to `images.npy` beside each file; Verdict where it refuses the file or crashes.

    Args:
        python: the interpreter.
        files: .tflite files with one input `image`.
        folder: for answers.
        plain: without XNNPACK.

    """
    found: dict[Path, Outputs | Verdict] = {}
    left = list(files)
    while left:
        target = {path: folder / f"{path.stem}.npz" for path in left}
        lines = "".join(f"{path}\t{path.parent / 'images.npy'}\t{target[path]}\n" for path in left)
        worker = [str(python), str(Path(__file__).parent / "runtime_worker.py"), *(["plain"] if plain else [])]
        done = subprocess.run(worker, input=lines, capture_output=True, text=True, check=False, timeout=SECONDS)
        said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        for path, one in zip(left, said, strict=False):
            found[path] = Verdict("refused", one["refused"]) if one else dict(np.load(target[path]))
        left = left[len(said) :]
        if left:
            last = (done.stderr.strip().splitlines() or [""])[-1]
            found[left[0]] = Verdict("wrong", f"the runtime ended with {done.returncode}: {last}")
            left = left[1:]
    return found


def alike_share(one: Outputs, other: Outputs) -> float:
    """Share of pictures for which every output chooses the same class."""
    same = [_chosen(values) == _chosen(other[name]) for name, values in one.items()]
    return float(np.logical_and.reduce(same).mean())


def distance_of(one: Outputs, other: Outputs) -> npt.NDArray[np.float64]:
    """Per picture and class, of the probabilities."""
    return np.abs(one["probabilities"].astype(np.float64) - other["probabilities"])


def _chosen(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return values.argmax(axis=-1) if values.ndim > 1 else values
