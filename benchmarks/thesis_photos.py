"""The first thesis's finalists on real phones, and networks of less than half their latency: `make study-finalists PHOTOS=<folder>`.

The finalists as the thesis ends with them, heavily augmented, ordinal, with class weights, at half of its sides; against each a
smaller MobileNet, heavily augmented and nothing else. Five folds over phones, the last of 20 epochs, int8 files: nothing is chosen on
the phones that are reported, and every phone is tested once. Finished folds leave rows in thesis_photos.csv.
"""

import argparse
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.checkpoint_rules import FIGURES, intervals, pooled, written
from benchmarks.finished_rows import append_rows, read_rows
from benchmarks.thesis_grid import FINALISTS, Block, Point
from benchmarks.thesis_study import SETTINGS as RENDERED
from benchmarks.thesis_study import rows_of
from sweeps.records.run_record import find_runs

ROWS = Path(__file__).with_suffix(".csv")
FOLDS, EPOCHS, KIND = 5, 20, "int8"
SETTINGS = [
    *(word for word in RENDERED if not word.startswith(("datamodule=", "trainer.max_epochs="))), "datamodule=phone_photos",
    f"datamodule.folds={FOLDS}", f"trainer.max_epochs={EPOCHS}",
]  # fmt: skip
SMALLER = (
    Point("mobilenet", 0.25, 80, "heavy"), Point("mobilenet", 0.25, 112, "heavy"), Point("mobilenet", 0.5, 112, "heavy"),
    Point("mobilenet", 0.5, 112, "heavy"),
)  # fmt: skip
"""Against each finalist, in their order."""
THESIS = tuple(replace(one, augmentation="heavy", imbalance="class_weights", encoding="ordinal") for one in FINALISTS)


def train(point: Point, folds: list[int], place: Path, words: list[str]) -> list[dict[str, str]]:
    """The folds of a network, side by side, those of an interrupted call not again; their rows."""
    line = [
        *SETTINGS,
        *Block((point,), (KIND,)).words(),
        f"fold={','.join(map(str, folds))}",
        *words,
        f"paths.runs={place}",
    ]
    subprocess.run([sys.executable, "train.py", "-m", *line], check=True, stdout=subprocess.DEVNULL)
    rows = [row for folder in find_runs(place / "block") for row in rows_of(folder, ("test",))]
    shutil.rmtree(place / "block")
    return rows


def missing(rows: list[dict[str, str]]) -> list[tuple[Point, list[int]]]:
    """The folds that lack a row, by network, the smaller ones first."""
    there = {(row["rule"], int(row["fold"])) for row in rows}
    found = ((one, [fold for fold in range(FOLDS) if (one.key(KIND), fold) not in there])
             for one in dict.fromkeys((*SMALLER, *THESIS)))  # fmt: skip
    return [(one, folds) for one, folds in found if folds]


def show(rows: list[dict[str, str]]) -> None:
    """A line for each network, and one for what the smaller one is less the finalist; of files, all folds there."""
    from rich.console import Console
    from rich.table import Table

    there = pooled(rows)
    whole = {key for key in there if len({row["fold"] for row in rows if row["rule"] == key}) == FOLDS}

    def about(key: str) -> tuple[str, float]:
        own = [row for row in rows if row["rule"] == key]
        return own[0]["start"], float(np.median([float(row["ms"]) for row in own]))

    table = Table(title="real phones, int8 files, five folds pooled, one seed", title_justify="left")
    for name in ("network", "initial weights", "ms", *FIGURES):
        table.add_column(name)
    for ours, theirs in zip(SMALLER, THESIS, strict=True):
        pair = ours.key(KIND), theirs.key(KIND)
        for key in pair:
            if key in whole:
                start, ms = about(key)
                found = intervals(there[key])
                table.add_row(key, start, f"{ms:.2f}", *(written(found[name]) for name in FIGURES))
        if set(pair) <= whole:
            less, share = intervals(there[pair[0]], there[pair[1]]), about(pair[0])[1] / about(pair[1])[1]
            table.add_row(
                "smaller less finalist", "", f"{share:.2f} of it", *(written(less[name], sign=True) for name in FIGURES)
            )
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def main() -> None:
    """Goes on with the folds that are missing; then shows what is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="a folder as datamodule=phone_photos reads it")
    parser.add_argument("--runs", type=Path, default=Path("runs/thesis_photos"), help="where trainings leave files")
    parser.add_argument("--most", type=int, default=1000, help="networks of this call")
    parser.add_argument("more", nargs="*", help="settings of every training, such as paths.weights=<folder>")
    given = parser.parse_intermixed_args()
    for point, folds in missing(read_rows(ROWS))[: given.most if given.photos else 0]:
        print(f"{point.key()}: folds {folds}", file=sys.stderr)
        words = [f"datamodule.root={given.photos.resolve()}", *given.more]
        append_rows(ROWS, train(point, folds, given.runs.resolve(), words))
    show(read_rows(ROWS))


if __name__ == "__main__":
    main()
