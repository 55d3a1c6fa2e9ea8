"""What pictures without labels are worth: `python -m benchmarks.unlabelled --photos <folder of phone photos> paths.weights=<folder>`.

Five outer folds by phone are the test set, which nothing chooses by; of the other phones a quarter is the validation set. Of the
photos that are left a quarter, drawn by chance, keeps its labels; the others are pictures without labels. All arms take as many
steps, those with pseudo-labels fewer. Finished trainings leave rows in unlabelled.csv and are skipped the next time; without --photos the table of what is there is printed.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.checkpoint_rules import FIGURES, OUTER, composed, intervals, pooled, written
from benchmarks.finished_rows import append_rows, read_rows
from datamodules.base.splits import assign_parts

ROWS = Path(__file__).with_suffix(".csv")
SEED, EPOCHS, SHARE = 0, 8, 4
SETTINGS = [
    "datamodule=phone_photos", "datamodule.folds=2", "resolution=96", "backbone.weights=imagenet", "autotune=plain",
    "callbacks.keep_best=false", f"seed={SEED}", "overwrite=true",
]  # fmt: skip
STUDENT = ["backbone=mobilenet", "width=0.5"]
PLAIN, LARGER, ALL = "a quarter of the labels", "the same, a larger network", "all labels"
DISTILLED = ["method=distillation", "method.loss=kl", "method.temperature=4", "method.soft_share=0.7"]


@dataclass(frozen=True)
class Arm:
    """A training of each fold."""

    words: list[str]
    teacher: str = ""
    """The arm whose run teaches; it is told of the unlabelled photos then."""
    folder: str = "quarter"
    epochs: int = EPOCHS


ARMS = {
    PLAIN: Arm(STUDENT, epochs=SHARE * EPOCHS),
    LARGER: Arm(["backbone=efficientnet_lite0"], epochs=SHARE * EPOCHS),
    "taught by itself on the others": Arm([*STUDENT, *DISTILLED], teacher=PLAIN),
    "taught by the larger one on the others": Arm([*STUDENT, *DISTILLED], teacher=LARGER),
    "pseudo-labels of itself": Arm([*STUDENT, "method=pseudo_labels"], teacher=PLAIN),
    ALL: Arm(STUDENT, folder="all"),
}


def divided(photos: Path, outer: int, place: Path) -> None:
    """Folders `quarter`, `all` and `away`, with the photos of their parts alone.

    In the first two the phones of each part get one source id, so that the parts are those that the outer folds leave, whatever is
    labelled; `fold` there says which of two folds has the validation set that is meant.
    """
    known, cells = pd.read_csv(photos / "photos.csv"), pd.read_csv(photos / "cells.csv", keep_default_na=False)
    graded = cells.merge(known[["photo", "source_id"]], on="photo")
    graded = graded[graded.label.astype(str) != "NA"]
    parts = assign_parts(
        graded.label.to_numpy(int), graded.source_id.to_numpy(str), fold=outer, folds=OUTER, val_folds=4, seed=0
    )
    part = dict(zip(graded.photo, parts, strict=True))
    train = np.array(sorted(name for name, own in part.items() if own == "train"))
    kept = np.random.default_rng([SEED, outer]).permutation(train)[: round(len(train) / SHARE)]
    for name, without in {"quarter": set(train) - set(kept), "all": set(), "away": set()}.items():
        own = known[known.photo.map(part).isin(["test"] if name == "away" else ["train", "val"])].copy()
        labelled = ~own.photo.isin(without)
        told = cells[cells.photo.isin(own.photo)].copy()
        told["label"] = told.label.astype(str).where(~told.photo.isin(without), "NA")
        (place / name / "photos").mkdir(parents=True)
        if name != "away":
            own.loc[labelled, "source_id"] = own.photo[labelled].map(part)
            there = graded[graded.photo.isin(own.photo[labelled])]
            fold = _fold_of_val(there.photo.map(part).to_numpy(str), there.label.to_numpy(int))
            (place / name / "fold").write_text(str(fold))
        own.to_csv(place / name / "photos.csv", index=False)
        told.to_csv(place / name / "cells.csv", index=False)
        for photo in own.photo:
            (place / name / "photos" / photo).symlink_to((photos / "photos" / photo).resolve())


def _fold_of_val(sources: npt.NDArray[np.str_], labels: npt.NDArray[np.int64]) -> int:
    for fold in range(2):
        if set(sources[assign_parts(labels, sources, fold=fold, folds=2, val_folds=0, seed=0) == "val"]) == {"val"}:
            return fold
    raise AssertionError("two sources, and neither fold has the second alone")


def train(name: str, outer: int, photos: Path, place: Path, more: Sequence[str]) -> dict[str, str]:
    """One training and its answers to the photos that were put away; its row."""
    from sweeps.records.run_record import find_runs, hold, read_record
    from tasks.grading import grader_of
    from train import train as trained

    arm, here = ARMS[name], place / f"fold{outer}"
    if not (here / "away").exists():
        divided(photos, outer, here)
    root = here / arm.folder
    words = [*SETTINGS, *arm.words, *more, f"datamodule.root={root}", f"fold={(root / 'fold').read_text()}"]
    words += [
        f"trainer.max_epochs={arm.epochs}",
        f"paths.runs={here / 'runs'}",
        f"sweep_name=arm{list(ARMS).index(name)}",
    ]
    if arm.teacher:
        (teacher,) = find_runs(here / "runs" / f"arm{list(ARMS).index(arm.teacher)}")
        words += [f"method.teacher={teacher}", f"task.unlabelled={root}"]
    shutil.rmtree(here / "runs" / f"arm{list(ARMS).index(name)}", ignore_errors=True)
    job = composed(words)
    said = ""
    try:
        with hold(job.folder):
            trained(job)
        folder = job.folder
        record = read_record(folder)
        said = told(record)
    except ValueError as error:
        if "method.precision" not in str(error):
            raise
        folder, said = teacher, "no threshold reaches the precision: the teacher's own answers"
    grader_of(folder).predict_folder(here / "away", here / "answers.csv", 64)
    phones = pd.read_csv(here / "away" / "photos.csv").set_index("photo").source_id
    answers = pd.read_csv(here / "answers.csv")
    answers = answers[answers.label.notna()].astype({"label": int})
    answers["source_id"] = answers.file.map(phones)
    answers = answers.sort_values("source_id", kind="stable")
    return {
        "fold": str(outer), "seed": str(SEED), "rule": name, "said": said,
        "per_source": "+".join(map(str, answers.source_id.value_counts().sort_index())),
        "labels": "".join(map(str, answers.label)), "grades": "".join(map(str, answers.grade)),
    }  # fmt: skip


def told(record: dict[str, Any]) -> str:
    """What a record says of labelled and unlabelled cells, and of the threshold."""
    words = [f"{sum(record['data']['cells']['train'])} labelled cells"]
    if one := record.get("unlabelled"):
        words.append(f"{one['samples']} without")
    if one := record.get("pseudo_labels"):
        words.append(
            f"{one['count']} pseudo-labels by grade {' '.join(map(str, one['per_class']))}, threshold {one['threshold']:.4f}, val "
            f"coverage {one['val_coverage']:.3f}, accuracy {one['val_accuracy']:.3f}"
        )
    return "; ".join(words)


def baseline(labels: npt.NDArray[np.int64]) -> dict[str, float]:
    """Of always answering undamaged."""
    return {name: figure(labels, np.zeros_like(labels)) for name, figure in FIGURES.items()}


def show(rows: list[dict[str, str]]) -> None:
    """A line for every arm that has all folds, and what it is less a quarter of the labels; then what was said of each."""
    from rich.console import Console
    from rich.table import Table

    known = pooled(rows)
    table = Table(title=f"phones: {len(rows)} of {OUTER * len(ARMS)} trainings", title_justify="left")
    for name in ("", *(text for figure in FIGURES for text in (figure, "less a quarter's"))):
        table.add_column(name)
    folds = {arm: {row["fold"] for row in rows if row["rule"] == arm} for arm in ARMS}
    whole = [arm for arm in ARMS if len(folds[arm]) == OUTER]
    for arm in whole:
        own = intervals(known[arm])
        apart = intervals(known[arm], known[PLAIN]) if arm != PLAIN and PLAIN in whole else {}
        cells = [
            text for name in FIGURES for text in (written(own[name]), written(apart[name], sign=True) if apart else "")
        ]
        table.add_row(arm, *cells)
    if PLAIN in whole:
        constant = baseline(known[PLAIN][SEED][0])
        table.add_row("always undamaged", *(text for name in FIGURES for text in (f"{constant[name]:.3f}", "")))
    console = Console(width=200)
    console.print(table)
    for row in rows:
        console.print(f"fold {row['fold']}, {row['rule']}: {row['said']}", highlight=False)


def main() -> None:
    """Goes on with the trainings that are missing; prints the table of those that are there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="a folder of phone photos, as datamodule=phone_photos reads it")
    parser.add_argument("--runs", type=Path, default=Path("runs/unlabelled"), help="where a training leaves its files")
    parser.add_argument("--most", type=int, default=OUTER * len(ARMS), help="trainings of this call")
    parser.add_argument("more", nargs="*", help="settings of every training, such as paths.weights=<folder>")
    given = parser.parse_args()
    there = {(row["rule"], int(row["fold"])) for row in read_rows(ROWS)}
    every = [(arm, outer) for outer in range(OUTER) for arm in ARMS]
    every.sort(
        key=lambda one: LARGER in (one[0], ARMS[one[0]].teacher)
    )  # those of the larger network last: they take longest
    missing = [one for one in every if one not in there]
    for arm, outer in missing[: given.most] if given.photos else ():
        print(f"fold {outer}, {arm}", file=sys.stderr)
        append_rows(ROWS, [train(arm, outer, given.photos.resolve(), given.runs.resolve(), given.more)])
    show(read_rows(ROWS))


if __name__ == "__main__":
    main()
