"""What helps against rare grades: `python -m benchmarks.class_imbalance --photos <folder of phone photos> paths.weights=<folder>`.

MobileNet 0.5 at 96 px from ImageNet, 20 epochs, five outer folds by phone, the last epoch; first every remedy with one seed, then the two
best of them, and none, with three. A finished training leaves a row in class_imbalance.csv and is skipped the next time.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.checkpoint_rules import FIGURES, OUTER, intervals, pooled, written
from benchmarks.finished_rows import append_rows, read_rows
from sweeps.records.checkpoints import shipped_checkpoint
from sweeps.records.run_record import find_runs, read_record

ROWS = Path(__file__).with_suffix(".csv")
REMEDIES = {
    "none": [],
    "class weights": ["imbalance=class_weights"],
    "square root of class weights": ["imbalance=class_weights_sqrt"],
    "balanced sampling": ["imbalance=balanced"],
    "focal loss": ["encoding=one_hot_focal"],
    "logit adjustment": ["encoding=logit_adjusted"],
}
SETTINGS = [
    "datamodule=phone_photos", f"datamodule.folds={OUTER}", "datamodule.val_folds=4", "backbone=mobilenet", "width=0.5",
    "resolution=96", "trainer.max_epochs=20", "backbone.weights=imagenet", "autotune=plain", "callbacks.keep_best=false",
]  # fmt: skip
SEEDS, BEST = 3, 2


def train(remedy: str, fold: int, seed: int, place: Path, more: list[str]) -> dict[str, str]:
    """One training, by train.py in a folder of its own; its row."""
    shutil.rmtree(place, ignore_errors=True)
    words = [
        *SETTINGS,
        *REMEDIES[remedy],
        *more,
        f"fold={fold}",
        f"seed={seed}",
        f"paths.runs={place}",
        "sweep_name=one",
    ]
    subprocess.run([sys.executable, "train.py", *words], check=True, stdout=subprocess.DEVNULL)
    (folder,) = find_runs(place / "one")
    answers = pd.read_parquet(folder / "predictions.parquet")
    shipped = shipped_checkpoint(read_record(folder))
    answers = answers[(answers.part == "test") & (answers.checkpoint == shipped)].sort_values(
        "source_id", kind="stable"
    )
    counts = answers.source_id.value_counts().sort_index()
    return {
        "fold": str(fold), "seed": str(seed), "rule": remedy, "per_source": "+".join(map(str, counts)),
        "labels": "".join(map(str, answers.label)), "grades": "".join(map(str, answers.grade)),
    }  # fmt: skip


def wanted(rows: list[dict[str, str]]) -> list[tuple[str, int, int]]:
    """The trainings that are still missing: remedy, fold and seed, those of one seed first."""
    there = {(row["rule"], int(row["fold"]), int(row["seed"])) for row in rows}
    screen = [(remedy, fold, 0) for remedy in REMEDIES for fold in range(OUTER)]
    if missing := [one for one in screen if one not in there]:
        return missing
    chosen = ["none", *best(rows)]
    return [
        one
        for seed in range(1, SEEDS)
        for one in ((remedy, fold, seed) for remedy in chosen for fold in range(OUTER))
        if one not in there
    ]


def best(rows: list[dict[str, str]]) -> list[str]:
    """The remedies with the highest macro F1 of seed 0, none aside."""
    figures = {rule: FIGURES["macro F1"](*seeds[0][:2]) for rule, seeds in pooled(rows).items() if rule != "none"}
    return sorted(figures, key=lambda rule: -figures[rule])[:BEST]


def show(rows: list[dict[str, str]]) -> None:
    """A line for every remedy that has all its folds, and what it is less none, by the seeds that both have."""
    from rich.console import Console
    from rich.table import Table

    trained = pd.DataFrame(rows)
    whole = trained.groupby(["rule", "seed"]).fold.nunique() == OUTER if rows else pd.Series(dtype=bool)
    table = Table(title=f"phones: {len(rows)} trainings", title_justify="left")
    for name in ("remedy", "seeds", *(text for figure in FIGURES for text in (figure, "less none's"))):
        table.add_column(name)
    known = pooled(rows)
    plain = known.get("none", {})
    for remedy in REMEDIES:
        seeds = {seed: one for seed, one in known.get(remedy, {}).items() if whole.get((remedy, str(seed)), False)}
        if not seeds:
            continue
        own = intervals(seeds)
        shared = {seed: one for seed, one in seeds.items() if whole.get(("none", str(seed)), False)}
        apart = intervals(shared, plain) if remedy != "none" and shared else {}
        cells = [
            text for name in FIGURES for text in (written(own[name]), written(apart[name], sign=True) if apart else "")
        ]
        table.add_row(remedy, str(len(seeds)), *cells)
    Console(width=200).print(table)


def main() -> None:
    """Goes on with the trainings that are missing; prints the table of those that are there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="a folder of phone photos, as datamodule=phone_photos reads it")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs/class_imbalance"), help="where a training leaves its files"
    )
    parser.add_argument("--most", type=int, default=np.iinfo(np.int32).max, help="trainings of this call")
    parser.add_argument("more", nargs="*", help="settings of every training, such as paths.weights=<folder>")
    given = parser.parse_args()
    for _ in range(given.most if given.photos else 0):
        rows = read_rows(ROWS)
        if not (missing := wanted(rows)):
            break
        remedy, fold, seed = missing[0]
        print(f"{remedy}, fold {fold}, seed {seed}", file=sys.stderr)
        row = train(remedy, fold, seed, given.runs, [f"datamodule.root={given.photos}", *given.more])
        append_rows(ROWS, [row])
    show(read_rows(ROWS))


if __name__ == "__main__":
    main()
