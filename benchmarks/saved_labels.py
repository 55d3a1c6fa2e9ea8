"""Labels saved by asking for the doubtful: `python -m benchmarks.saved_labels --photos <folder of phone photos> paths.weights=<folder>`.

Six phones are labelled, then four more at a time: those of which the network is least sure, or any. Three orders, each with a
quarter of the phones of every worst grade put away, by which all networks of the order are judged and nothing is chosen. All trainings take about as many steps.
Finished trainings leave rows in saved_labels.csv and are skipped the next time; without --photos the table of what is there is printed.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.checkpoint_rules import composed, written
from benchmarks.finished_rows import append_rows, read_rows
from datamodules.base.splits import assign_parts
from metrics.grading import macro_f1

ROWS = Path(__file__).with_suffix(".csv")
ORDERS, AWAY, FIRST, STEP, STEPS = 3, 4, 6, 4, 2
VIEWS = 4_500
"""Cells that a network is shown in its training, those of the same phone again and again."""
ARMS = ("doubt", "random", "all")
SETTINGS = [
    "datamodule=phone_photos", "datamodule.folds=2", "backbone=mobilenet", "width=0.25", "resolution=96", "backbone.weights=imagenet",
    "autotune=plain", "callbacks.keep_best=false", "overwrite=true",
]  # fmt: skip


class Photos:
    """The photos of one order: what is put away, and the order in which phones come by chance."""

    def __init__(self, root: Path, order: int) -> None:
        self.root, self.order = root, order
        self.known, cells = pd.read_csv(root / "photos.csv"), pd.read_csv(root / "cells.csv", keep_default_na=False)
        self.cells = cells[cells.label.astype(str) != "NA"].astype({"label": int})
        graded = self.cells.merge(self.known[["photo", "source_id"]], on="photo")
        worst = graded.groupby("source_id").label.max()
        mixed = np.random.default_rng(0).permutation(len(worst))
        ranked = worst.iloc[mixed].sort_values(kind="stable").index  # so that each quarter has phones of every grade
        self.away = sorted(map(str, ranked[order::AWAY]))
        rng = np.random.default_rng(order)
        self.others = [str(one) for one in rng.permutation(sorted(set(graded.source_id) - set(self.away)))]
        while (
            graded.label[graded.source_id.isin(self.others[:FIRST])].nunique() < 3
        ):  # one would begin with some damage
            self.others = [str(one) for one in rng.permutation(self.others)]
        self.of_phone = graded.groupby("source_id").size()

    def written(self, place: Path, phones: Sequence[str]) -> tuple[Path, int]:
        """A folder of these phones, the training set, and of those put away, the validation set; which of two folds has it so."""
        own = self.known[self.known.source_id.isin([*phones, *self.away])].copy()
        own["source_id"] = np.where(own.source_id.isin(self.away), "val", "train")
        told = self.folder(place, own)
        graded = told.merge(own[["photo", "source_id"]], on="photo")
        sources, labels = graded.source_id.to_numpy(str), graded.label.to_numpy()
        (fold,) = (
            fold for fold in range(2)
            if set(sources[assign_parts(labels, sources, fold=fold, folds=2, val_folds=0, seed=0) == "val"]) == {"val"}
        )  # fmt: skip
        return place, fold

    def folder(self, place: Path, own: pd.DataFrame) -> pd.DataFrame:
        """Writes a folder with these photos alone; their cells."""
        shutil.rmtree(place, ignore_errors=True)
        (place / "photos").mkdir(parents=True)
        told = self.cells[self.cells.photo.isin(own.photo)]
        own.to_csv(place / "photos.csv", index=False)
        told.to_csv(place / "cells.csv", index=False)
        for photo in own.photo:
            (place / "photos" / str(photo)).symlink_to((self.root / "photos" / str(photo)).resolve())
        return told


def trained(photos: Photos, phones: Sequence[str], place: Path, more: Sequence[str]) -> Path:
    """The run of a network that was trained on these phones."""
    from sweeps.records.run_record import hold
    from train import train

    root, fold = photos.written(place / "data", phones)
    epochs = round(VIEWS / photos.of_phone[list(phones)].sum())
    job = composed(
        [*SETTINGS, *more, f"datamodule.root={root}", f"fold={fold}", f"seed={photos.order}", f"trainer.max_epochs={epochs}",
         f"paths.runs={place}", "sweep_name=run"]
    )  # fmt: skip
    with hold(job.folder):
        train(job)
    return Path(job.folder)


def answers(run: Path, photos: Photos, phones: Sequence[str], place: Path) -> pd.DataFrame:
    """Of every cell of these phones: source_id, label, grade, and how unsure the network is of it."""
    from tasks.grading import grader_of

    own = photos.known[photos.known.source_id.isin(phones)]
    photos.folder(place / "asked", own)
    grader_of(run).predict_folder(place / "asked", place / "answers.csv", 64)
    found = pd.read_csv(place / "answers.csv")
    found = found[found.label.notna()].astype({"label": int})
    shares = found[[name for name in found if str(name).startswith("p_")]].to_numpy()
    return found.assign(source_id=found.file.map(own.set_index("photo").source_id), unsure=1 - shares.max(axis=1))


def row_of(photos: Photos, arm: str, phones: Sequence[str], run: Path, place: Path) -> dict[str, str]:
    """What is kept of a training."""
    found = answers(run, photos, photos.away, place).sort_values("source_id", kind="stable")
    return {
        "order": str(photos.order), "arm": arm, "phones": "+".join(phones), "cells": str(photos.of_phone[list(phones)].sum()),
        "per_source": "+".join(map(str, found.source_id.value_counts().sort_index())),
        "labels": "".join(map(str, found.label)), "grades": "".join(map(str, found.grade)),
    }  # fmt: skip


def go_on(photos: Photos, place: Path, more: Sequence[str]) -> None:
    """The trainings of one order that are missing."""
    there = {
        (row["arm"], len(row["phones"].split("+"))): row["phones"].split("+")
        for row in read_rows(ROWS)
        if row["order"] == str(photos.order)
    }

    def done(arm: str, phones: Sequence[str]) -> None:
        if (arm, len(phones)) in there:
            return
        print(f"order {photos.order}, {arm}, {len(phones)} phones", file=sys.stderr)
        run = trained(photos, phones, place, more)
        kept = place / f"{arm}{len(phones)}"
        shutil.rmtree(kept, ignore_errors=True)
        run.rename(kept)
        append_rows(ROWS, [row_of(photos, arm, phones, kept, place)])

    done("random", photos.others[:FIRST])
    for step in range(1, STEPS + 1):
        done("random", photos.others[: FIRST + step * STEP])
    done("all", photos.others)
    labelled = list(photos.others[:FIRST])
    for _ in range(STEPS):
        following = there.get(("doubt", len(labelled) + STEP))
        if following is None:
            run = place / f"{'random' if len(labelled) == FIRST else 'doubt'}{len(labelled)}"
            left = [phone for phone in photos.others if phone not in labelled]
            unsure = answers(run, photos, left, place).groupby("source_id").unsure.mean().sort_values(ascending=False)
            following = [*labelled, *map(str, unsure.index[:STEP])]
            done("doubt", following)
        labelled = following


def of_row(row: dict[str, str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Labels, grades and phones of the cells that were put away."""
    counts = [int(count) for count in row["per_source"].split("+")]
    phones = np.repeat(np.arange(len(counts)), counts) + 100 * int(row["order"])
    return np.array(list(row["labels"]), int), np.array(list(row["grades"]), int), phones


def figure(
    rows: Sequence[dict[str, str]], other: Sequence[dict[str, str]] = (), repeats: int = 2000
) -> tuple[float, float, float]:
    """Macro F1 of the cells of all orders together and its 95 % interval over phones; less that of `other` on the same draws."""
    labels, grades, phones = (np.concatenate(one) for one in zip(*map(of_row, rows), strict=True))
    less = np.concatenate([of_row(row)[1] for row in other]) if other else None
    places = [np.flatnonzero(phones == phone) for phone in np.unique(phones)]

    def of(cells: npt.NDArray[np.intp]) -> float:
        return macro_f1(labels[cells], grades[cells]) - (0.0 if less is None else macro_f1(labels[cells], less[cells]))

    rng = np.random.default_rng(0)
    draws = [
        of(np.concatenate([places[at] for at in rng.integers(len(places), size=len(places))])) for _ in range(repeats)
    ]
    low, high = np.percentile(draws, [2.5, 97.5])
    return of(np.arange(len(labels))), float(low), float(high)


def show(rows: list[dict[str, str]]) -> None:
    """A line for each number of phones that all orders have, and how many labels chance would need for the same macro F1."""
    from rich.console import Console
    from rich.table import Table

    by: dict[tuple[str, int], list[dict[str, str]]] = {}
    for row in sorted(rows, key=lambda row: int(row["order"])):
        by.setdefault((row["arm"], len(row["phones"].split("+")) if row["arm"] != "all" else 0), []).append(row)
    whole = {key: own for key, own in by.items() if len(own) == ORDERS}
    table = Table(title=f"{len(rows)} of {ORDERS * 6} trainings; macro F1 [95 % over phones]", title_justify="left")
    for name in (
        "phones",
        "labelled cells, mean",
        "at random",
        "labelled cells, mean",
        "by doubt",
        "by doubt less at random",
    ):
        table.add_column(name)
    cells = {key: float(np.mean([int(row["cells"]) for row in own])) for key, own in whole.items()}
    for count in sorted({count for arm, count in whole if arm == "random"}):
        key, doubt = ("random", count), ("doubt", count)
        texts = [str(count), f"{cells[key]:.0f}", written(figure(whole[key]))]
        texts += (
            [f"{cells[doubt]:.0f}", written(figure(whole[doubt])), written(figure(whole[doubt], whole[key]), sign=True)]
            if doubt in whole
            else ["", "", ""]
        )
        table.add_row(*texts)
    if ("all", 0) in whole:
        table.add_row("all", f"{cells['all', 0]:.0f}", written(figure(whole["all", 0])), "", "", "")
    Console(width=200).print(table)
    curve = sorted((cells[key], figure(own, repeats=1)[0]) for key, own in whole.items() if key[0] != "doubt")
    for key, own in sorted(whole.items()):
        if key[0] == "doubt" and len(curve) == STEPS + 2:
            needed = cells_for(figure(own, repeats=1)[0], curve)
            print(f"{key[1]} phones by doubt, {cells[key]:.0f} cells: at random {needed} cells for the same macro F1")


def cells_for(worth: float, curve: Sequence[tuple[float, float]]) -> str:
    """Labelled cells at which a rising curve of (cells, macro F1) first reaches a worth, between its points by a straight line."""
    for (few, low), (many, high) in pairwise(curve):
        if low < worth <= high:
            return f"{few + (many - few) * (worth - low) / (high - low):.0f}"
    return f"fewer than {curve[0][0]:.0f}" if worth <= curve[0][1] else f"more than {curve[-1][0]:.0f}"


def main() -> None:
    """Goes on with the trainings that are missing; prints the table of those that are there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="a folder of phone photos, as datamodule=phone_photos reads it")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs/saved_labels"), help="where trainings leave their files"
    )
    parser.add_argument("more", nargs="*", help="settings of every training, such as paths.weights=<folder>")
    given = parser.parse_args()
    for order in range(ORDERS) if given.photos else ():
        go_on(Photos(given.photos.resolve(), order), given.runs.resolve() / f"order{order}", given.more)
    show(read_rows(ROWS))


if __name__ == "__main__":
    main()
