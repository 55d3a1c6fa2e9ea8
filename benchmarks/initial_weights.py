"""Which initial weights are worth what on real phones, by the number of phones: `make study-starts PHOTOS=<folder>`.

MobileNet 0.25 at 96 px, from random weights, from the zoo's (trained on rendered phones), from ImageNet's, and from ImageNet's
with a painted copy of every photo; all, half and a quarter of the training phones. Every training takes about as many
steps (45 epochs of all photos), to the end of its schedule, and is scored on the phones of its fold, which nothing chooses by;
five folds are pooled. Finished trainings leave rows in initial_weights.csv and are not trained again.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from benchmarks.checkpoint_rules import FIGURES, intervals, pooled, written
from benchmarks.finished_rows import append_rows, read_rows
from sweeps.records.run_record import find_runs, read_record

ROWS = Path(__file__).with_suffix(".csv")
FOLDS, SEEDS, EPOCHS = 5, 2, 45
SHARES = (1.0, 0.25, 0.5)
"""Of the training phones; the most telling first."""
PAINTED = "imagenet, painted copies"
STARTS = ("random", "zoo", "imagenet", PAINTED)
SETTINGS = [
    "hydra/launcher=side_by_side", "datamodule=painted_screens", f"datamodule.folds={FOLDS}", "backbone=mobilenet", "width=0.25",
    "resolution=96", "augmentation=heavy", "batch_size=32", "optimizer.lr=0.001", "callbacks.keep_best=false", "autotune=plain",
    "logger=none",
]  # fmt: skip
Block = tuple[int, float, bool]
"""Seed, share of the phones, whether with painted copies."""


def blocks() -> Iterator[Block]:
    """The grids of the study in the order in which they are trained."""
    for seed in range(SEEDS):
        for share in SHARES:
            yield from ((seed, share, False), (seed, share, True))


def words_of(block: Block) -> list[str]:
    """The grid of a block as `train.py -m` is told it."""
    seed, share, painted = block
    epochs = round(EPOCHS / share / (2 if painted else 1))
    weights = "imagenet" if painted else "none,zoo,imagenet"
    return [
        f"sweep_name=seed{seed}_share{round(100 * share)}{'_painted' if painted else ''}", f"seed={seed}",
        f"datamodule.real={share}", f"datamodule.copies={int(painted)}", f"trainer.max_epochs={epochs}",
        f"backbone.weights={weights}", f"fold={','.join(map(str, range(FOLDS)))}",
    ]  # fmt: skip


def row_of(folder: Path, block: Block) -> dict[str, str]:
    """What a finished training answered on the phones of its fold, after its last epoch."""
    seed, share, painted = block
    record = read_record(folder)
    answers = pd.read_parquet(folder / "predictions.parquet")
    answers = answers[(answers.part == "val") & (answers.checkpoint == "last")].sort_values("source_id", kind="stable")
    counts = answers.source_id.value_counts().sort_index()
    return {
        "fold": str(record["config"]["fold"]), "seed": str(seed), "share": str(share),
        "rule": PAINTED if painted else record["initial_weights"]["origin"],
        "per_source": "+".join(map(str, counts)), "labels": "".join(map(str, answers.label)),
        "grades": "".join(map(str, answers.grade)),
    }  # fmt: skip


def train(block: Block, place: Path, more: list[str]) -> list[dict[str, str]]:
    """The trainings of a block, those of an interrupted call not again; their rows."""
    words = [*SETTINGS, *words_of(block), *more, f"paths.runs={place}"]
    subprocess.run([sys.executable, "train.py", "-m", *words], check=True, stdout=subprocess.DEVNULL)
    found = find_runs(place / words_of(block)[0].removeprefix("sweep_name="))
    return [row_of(folder, block) for folder in found]


def missing(rows: list[dict[str, str]]) -> list[Block]:
    """The blocks that lack a training."""
    there = {(int(row["seed"]), float(row["share"]), row["rule"] == PAINTED) for row in rows}
    return [block for block in blocks() if block not in there]


def show(rows: list[dict[str, str]]) -> None:
    """A line for every start and share of the phones, and what it is less random weights'."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"real phones: {len(rows)} trainings", title_justify="left")
    for name in ("phones", "start", "seeds", *(text for figure in FIGURES for text in (figure, "less random's"))):
        table.add_column(name)
    for share in sorted(SHARES):
        known = pooled([row for row in rows if float(row["share"]) == share])
        random = known.get("random", {})
        for start in STARTS:
            if not (seeds := known.get(start, {})):
                continue
            own = intervals(seeds)
            shared = {seed: one for seed, one in seeds.items() if seed in random}
            apart = intervals(shared, random) if start != "random" and shared else {}
            cells = [
                text
                for name in FIGURES
                for text in (written(own[name]), written(apart[name], sign=True) if apart else "")
            ]
            table.add_row(f"{share:.0%}", start, str(len(seeds)), *cells)
    Console(width=200).print(table)


def main() -> None:
    """Goes on with the trainings that are missing; prints the table of those that are there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="a folder of phone photos, as datamodule=phone_photos reads it")
    parser.add_argument("--runs", type=Path, default=Path("runs/initial_weights"), help="where trainings leave files")
    parser.add_argument("--most", type=int, default=2 * SEEDS * len(SHARES), help="blocks of this call")
    parser.add_argument("more", nargs="*", help="settings of every training, such as paths.weights=<folder>")
    given = parser.parse_args()
    for block in missing(read_rows(ROWS))[: given.most if given.photos else 0]:
        seed, share, painted = block
        print(f"seed {seed}, {share:.0%} of the phones{', painted copies' if painted else ''}", file=sys.stderr)
        place = given.runs.resolve()
        rows = train(block, place, [f"datamodule.root={given.photos.resolve()}", *given.more])
        append_rows(ROWS, rows)
        shutil.rmtree(place / words_of(block)[0].removeprefix("sweep_name="))
    show(read_rows(ROWS))


if __name__ == "__main__":
    main()
