"""How many wrong labels come first: `python -m benchmarks.label_errors --photos data/<rendered set>`.

A fifth of the labels of a rendered set are replaced by another class, drawn evenly. Networks are trained on five folds of
it, wrong labels included; the labels are listed in the order of `make doubtful`, and the replaced ones among the first 100
are counted, beside what chance and cleanlab's adjustment by class would find.
"""

import argparse
import csv
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from cleanlab.rank import get_label_quality_scores

from annotation.label_errors import doubts, held_out
from annotation.photos import Photos
from annotation.store import Book
from choices import read_choice
from datamodules.screens.grid import Grid
from datamodules.screens.photo_folder import cell_name
from sweeps.records.run_record import find_runs

HERE = Path(__file__).parent.parent
SHOWN = 100
NETWORK = [
    "backbone=mobilenet", "width=0.5", "resolution=96", "encoding=one_hot", "augmentation=heavy", "optimizer.lr=0.001",
    "trainer.max_epochs=8",
]  # fmt: skip

Key = tuple[str, int, int]


def main() -> None:
    """Corrupts, trains unless runs are given, and counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="a rendered set, whose labels are right")
    parser.add_argument("--share", type=float, default=0.2, help="of the labels that are replaced")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=Path, help="a sweep that was trained on this very corruption")
    parser.add_argument("words", nargs="*", help="overrides of train.py, such as backbone.weights=none")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "noisy"
        wrong = corrupt(arguments.photos, root, arguments.share, arguments.seed)
        runs = arguments.runs or train(root, Path(scratch) / "runs", arguments.words)
        report(root, runs, wrong)


def corrupt(photos: Path, root: Path, share: float, seed: int) -> set[Key]:
    """Writes a copy of a set with wrong labels; returns the cells whose label was replaced."""
    root.mkdir(parents=True)
    (root / "photos").symlink_to((photos / "photos").resolve())
    shutil.copy(photos / "photos.csv", root)
    with (photos / "cells.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(rows), round(share * len(rows)), replace=False)
    for at in chosen:
        rows[at]["label"] = str((int(rows[at]["label"]) + int(rng.integers(1, 5))) % 5)
    with (root / "cells.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return {_key(rows[at]) for at in chosen}


def _key(row: dict[str, Any]) -> Key:
    return row["photo"], int(row["row"]), int(row["col"])


def train(root: Path, runs: Path, words: list[str]) -> Path:
    """Five folds; every cell is val of one."""
    line = [sys.executable, "train.py", "-m", "datamodule=phone_photos", f"datamodule.root={root}", *NETWORK, *words,
            "fold=0,1,2,3,4", "sweep_name=noisy", f"paths.runs={runs}"]  # fmt: skip
    subprocess.run(line, cwd=HERE, check=True)
    return runs / "noisy"


def report(root: Path, runs: Path, wrong: set[Key]) -> None:
    """Prints how many of the first SHOWN were replaced, and of twice and five times as many."""
    names = read_choice("profile", "phone")["class_names"]
    book = Book(Photos(root), list(names), Grid(), writes=False)
    ranked: list[Key] = [row[:3] for row in doubts(book, runs)]
    said = held_out(find_runs(runs))
    labels = {(name, *cell): int(one.label(cell)) for name, one in book.state.photos.items() for cell in book.cells}
    keys = list(labels)
    chances = np.stack([said[cell_name(*key)] for key in keys])
    adjusted = get_label_quality_scores(
        np.array(list(labels.values())), chances, method="self_confidence", adjust_pred_probs=True
    )
    by_class = [keys[at] for at in np.argsort(adjusted, kind="stable")]
    print(f"{len(wrong)} of {len(labels)} labels are wrong; found among the first")
    for count in (SHOWN, 2 * SHOWN, 5 * SHOWN, len(wrong)):
        found, other = (len(wrong & set(order[:count])) for order in (ranked, by_class))
        chance = count * len(wrong) / len(labels)
        print(f"{count:5}: {found} ({found / count:.0%}); adjusted by class {other}, by chance {chance:.0f}")


if __name__ == "__main__":
    main()
