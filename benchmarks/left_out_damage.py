"""How well damage that no training has seen is told: AUROC of the distance beside 1 - the largest probability.

    python -m benchmarks.left_out_damage prepare --photos <annotated phones> --only msd_ --left-out 2 --to <folder>
    python train.py -m datamodule=phone_photos datamodule.root=<folder> datamodule.folds=3 fold=0,1,2 width=0.25 resolution=96 \
        trainer.max_epochs=8 sweep_name=left_out
    python -m benchmarks.left_out_damage judge --photos <annotated phones> --only msd_ --runs runs/left_out

`prepare` copies the photos whose names begin so (nothing: all) with the left-out grades taken from cells.csv. `judge` asks each fold's
network of the phones that it was not trained on, of one camera alone (`--only`): the mean of the folds' AUROC for cells of the left-out
grades against the others, 95 % by bootstrap over the phones within each fold; and the shares of left-out and of known cells beyond a
threshold for 5 % of the other unseen phones' known cells.
"""

import argparse
import csv
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from datamodules.screens.photo_folder import NO_LABEL, read_photo_folder
from export.comparison import in_batches
from export.distance import features_of
from lightning_modules.inference import grade_images
from metrics.unknown import Spread
from sweeps.records.checkpoints import checkpoint_file
from sweeps.records.run_record import find_runs, read_record
from training.finished_run import load_run, load_samples

FALSE_ALARMS = 0.05
Numbers = npt.NDArray[np.float64]


def prepare(photos: Path, only: str, left_out: list[int], to: Path) -> None:
    """Writes the folder that is trained on."""
    (to / "photos").mkdir(parents=True)
    for name in ("photos.csv", "cells.csv"):
        with (photos / name).open(newline="") as lines, (to / name).open("w", newline="") as file:
            reader = csv.DictReader(lines)
            writer = csv.DictWriter(file, list(reader.fieldnames or []))
            writer.writeheader()
            for row in reader:
                if row["photo"].startswith(only):
                    hidden = name == "cells.csv" and int(row["label"]) in left_out
                    writer.writerow(row | ({"label": NO_LABEL} if hidden else {}))
                    if name == "photos.csv":
                        shutil.copy(photos / "photos" / row["photo"], to / "photos" / row["photo"])


def nearest(known: Numbers, asked: Numbers, count: int = 5) -> Numbers:
    """Distance to the fifth nearest of the known features, each of length 1 (Sun et al. 2022)."""
    known, asked = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (known, asked))
    return np.asarray(np.sort(2 - 2 * asked @ known.T, axis=1)[:, count - 1])


def residual(known: Numbers, asked: Numbers, share: float = 0.95) -> Numbers:
    """What principal components with a share of the variance leave of a feature."""
    mean = known.mean(axis=0)
    _, spread, axes = np.linalg.svd(known - mean, full_matrices=False)
    kept = axes[: int(np.searchsorted(np.cumsum(spread**2) / np.sum(spread**2), share)) + 1]
    return np.asarray(np.linalg.norm((asked - mean) - (asked - mean) @ kept.T @ kept, axis=1))


class Fold(NamedTuple):
    """What one fold's network says of the cells of phones that it has not seen."""

    scores: dict[str, Numbers]
    """By method."""
    left_out: npt.NDArray[np.bool_]
    phones: npt.NDArray[np.str_]
    by_training: float
    """Share of known cells beyond a threshold for FALSE_ALARMS of the training cells."""
    beyond: dict[str, npt.NDArray[np.bool_]]
    """By method, which cells are beyond a threshold for FALSE_ALARMS of the other phones' known cells."""


def of_fold(run: Path, photos: Path, only: str) -> Fold:
    """By a run's shipped checkpoint; arguments as on the command line."""
    record = read_record(run)
    module, samples = load_run(record, checkpoint_file(run, record, "shipped")), load_samples(record, None, None)
    table, images = samples.table, np.array(samples.images(int(record["config"]["resolution"])))
    features = features_of(module.network, in_batches(images))
    chances = grade_images(module, in_batches(images))[1]
    phones, labels = table.source_id.to_numpy(str), table.label.to_numpy()
    train = (table.part == "train").to_numpy()
    unseen = ~np.isin(phones, phones[train]) & np.array([name.startswith(only) for name in table.photo])
    spread = Spread.of(features[train], labels[train])
    alone = Spread.of(features[train], np.zeros(train.sum(), np.int64))
    known, asked = features[train], features[unseen]
    scores = {
        "1 - largest probability": 1 - chances[unseen].max(axis=1),
        "Mahalanobis": spread.distances(asked),
        "relative Mahalanobis": spread.distances(asked) ** 2 - alone.distances(asked) ** 2,
        "fifth neighbour": nearest(known, asked),
        "PCA residual": residual(known, asked),
    }
    whole = read_photo_folder(photos, samples.folder.grid, len(samples.class_names))  # type: ignore[attr-defined]
    truth = {photo.name: row for photo, row in zip(whole.photos, whole.labels, strict=True)}
    told = np.concatenate([truth[photo.name] for photo in samples.folder.photos])[unseen]  # type: ignore[attr-defined]
    left_out = (labels[unseen] < 0) & (told >= 0)
    usual = scores["Mahalanobis"][~left_out]
    by_training = np.mean(usual > np.quantile(spread.distances(known), 1 - FALSE_ALARMS))
    own = phones[unseen]
    beyond = {name: beyond_others(each, left_out, own) for name, each in scores.items()}
    return Fold(scores, left_out, own, float(by_training), beyond)


def beyond_others(
    scores: Numbers, left_out: npt.NDArray[np.bool_], phones: npt.NDArray[np.str_]
) -> npt.NDArray[np.bool_]:
    """Which cells are beyond the threshold that the other phones' known cells give."""
    far = np.zeros(len(scores), bool)
    for one in np.unique(phones):
        others = scores[~left_out & (phones != one)]
        if len(others):
            far[phones == one] = scores[phones == one] > np.quantile(others, 1 - FALSE_ALARMS)
    return far


def auroc(folds: list[tuple[Numbers, npt.NDArray[np.bool_]]]) -> float:
    """The mean over folds that have both kinds of cells."""
    from sklearn.metrics import roc_auc_score

    return float(np.mean([roc_auc_score(left_out, scores) for scores, left_out in folds if 0 < left_out.sum() < len(left_out)]))  # fmt: skip


def judge(runs: Path, photos: Path, only: str, repeats: int = 1000) -> None:
    """Prints a row for each method."""
    folds = [of_fold(run, photos, only) for run in find_runs(runs)]
    rng = np.random.default_rng(0)
    draws: list[list[npt.NDArray[np.intp]]] = []
    while len(draws) < repeats:
        drawn = [rng.choice(np.unique(fold.phones), len(np.unique(fold.phones))) for fold in folds]
        takes = [np.concatenate([np.flatnonzero(fold.phones == one) for one in own]) for fold, own in zip(folds, drawn, strict=True)]  # fmt: skip
        if any(0 < fold.left_out[take].sum() < len(take) for fold, take in zip(folds, takes, strict=True)):
            draws.append(takes)
    found: dict[str, tuple[float, Numbers]] = {}
    for name in folds[0].scores:
        whole = auroc([(fold.scores[name], fold.left_out) for fold in folds])
        each = [auroc([(fold.scores[name][take], fold.left_out[take]) for fold, take in zip(folds, takes, strict=True)]) for takes in draws]  # fmt: skip
        found[name] = whole, np.array(each)
    cells, hidden = sum(len(fold.left_out) for fold in folds), sum(int(fold.left_out.sum()) for fold in folds)
    phones = len(np.unique(np.concatenate([fold.phones for fold in folds])))
    table = Table(title=f"{hidden} cells of left-out grades among {cells} of {phones} phones")
    for column in ("score", "AUROC", "less 1 - largest probability", "left out, beyond", "known, beyond"):
        table.add_column(column, justify="left" if column == "score" else "right")
    first, before = found["1 - largest probability"]
    for name, (whole, drawn_aurocs) in found.items():
        own, less = (np.percentile(one, [2.5, 97.5]) for one in (drawn_aurocs, drawn_aurocs - before))
        shares = [
            f"{np.concatenate([fold.beyond[name][fold.left_out == which] for fold in folds]).mean():.3f}"
            for which in (True, False)
        ]
        table.add_row(
            name,
            f"{whole:.3f} [{own[0]:.3f}, {own[1]:.3f}]",
            f"{whole - first:+.3f} [{less[0]:.3f}, {less[1]:.3f}]",
            *shares,
        )
    console = Console(width=110)
    console.print(table)
    trained = np.mean([fold.by_training for fold in folds])
    console.print(
        f"known cells beyond a threshold for {FALSE_ALARMS:g} of the training cells, Mahalanobis: {trained:.3f}"
    )


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.left_out_damage", description=main.__doc__)
    parser.add_argument("word", choices=("prepare", "judge"))
    parser.add_argument("--photos", type=Path, required=True, help="annotated phones, all their grades")
    parser.add_argument("--only", default="", help="how names of photos of one camera begin")
    parser.add_argument("--left-out", type=int, nargs="+", default=[], help="grades, for prepare")
    parser.add_argument("--to", type=Path, help="the folder to write, for prepare")
    parser.add_argument("--runs", type=Path, help="the sweep over folds, for judge")
    given = parser.parse_args()
    if given.word == "prepare":
        prepare(given.photos, given.only, given.left_out, given.to)
    else:
        judge(given.runs, given.photos, given.only)


if __name__ == "__main__":
    main()
