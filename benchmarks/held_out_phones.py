"""Whether files give on new phones what their reports promised: `python -m benchmarks.held_out_phones --photos <folder of phone photos>`.

A fifth of the phones is put away. With the others one does as the README says: five folds, then `fit=all`, each with its files.
The record of `fit=all` then says what to expect, and its files, and the ensemble of the folds, grade the phones that were put
away. So five times. Finished fifths lie in held_out_phones.csv; without --photos the table of what is there is printed.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.checkpoint_rules import FIGURES, written
from benchmarks.finished_rows import append_rows, read_rows
from datamodules.base.splits import assign_parts

ROWS = Path(__file__).with_suffix(".csv")
OUTER, INNER = 5, 5
SETTINGS = [
    "datamodule=phone_photos", f"datamodule.folds={INNER}", "backbone=mobilenet", "width=0.5", "trainer.max_epochs=20",
    "backbone.weights=imagenet", "autotune=plain", "export=all",
]  # fmt: skip
KINDS = ("float32", "int8")
Grades = npt.NDArray[np.int64]


def put_away(photos: Path, outer: int, place: Path) -> tuple[Path, Path]:
    """Two folders of phone photos: the phones to train with, and a fifth of the phones."""
    known, cells = pd.read_csv(photos / "photos.csv"), pd.read_csv(photos / "cells.csv", keep_default_na=False)
    cells = cells.merge(known[["photo", "source_id"]], on="photo")
    graded = cells[cells.label.astype(str) != "NA"]
    parts = assign_parts(
        graded.label.to_numpy(int), graded.source_id.to_numpy(str), fold=outer, folds=OUTER, val_folds=0, seed=0
    )
    away = set(graded.source_id[parts == "val"])
    folders = place / "known", place / "away"
    for folder, chosen in zip(folders, (~known.source_id.isin(away), known.source_id.isin(away)), strict=True):
        folder.mkdir(parents=True)
        known[chosen].to_csv(folder / "photos.csv", index=False)
        own = cells[cells.photo.isin(known.photo[chosen])]
        own.drop(columns="source_id").to_csv(folder / "cells.csv", index=False)
        (folder / "photos").symlink_to((photos / "photos").resolve())
    return folders


def train(outer: int, photos: Path, place: Path, more: Sequence[str]) -> list[dict[str, str]]:
    """All of one fifth, by train.py and predict.py; its rows."""
    from sweeps.analysis.expected import Folds
    from sweeps.records.run_record import find_runs, read_record

    shutil.rmtree(place, ignore_errors=True)
    known, away = put_away(photos, outer, place)
    words = [*SETTINGS, *more, f"datamodule.root={known}", f"paths.runs={place / 'runs'}"]
    folds = ",".join(map(str, range(INNER)))
    _call("train.py", *words, "sweep_name=folds", "-m", f"fold={folds}")
    _call("train.py", *words, "sweep_name=all", "fit=all")
    folders = find_runs(place / "runs" / "folds")
    inner = Folds(tuple(folders), tuple(read_record(one) for one in folders))
    rows = []
    for kind in KINDS:
        answers = inner.answers(kind)
        rows += _rows(outer, f"promised {kind}", answers.source_id, answers.label, answers.grade)
    (whole,) = find_runs(place / "runs" / "all")
    phones = pd.read_csv(away / "photos.csv").set_index("photo").source_id
    for kind in KINDS:
        answers = _graded(whole / "export" / f"{kind}.tflite", away)
        rows += _rows(outer, f"delivered {kind}", answers.file.map(phones), answers.label, answers.grade)
        each = [_graded(folder / "export" / f"{kind}.tflite", away) for folder in folders]
        for fold, answers in enumerate(each):
            rows += _rows(outer, f"fold {fold} {kind}", answers.file.map(phones), answers.label, answers.grade)
        chances = [name for name in each[0].columns if name.startswith("p_")]
        mean = np.mean([one[chances].to_numpy() for one in each], axis=0)
        rows += _rows(outer, f"ensemble {kind}", each[0].file.map(phones), each[0].label, mean.argmax(axis=1))
    return rows


def _call(*words: str) -> None:
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)


def _graded(file: Path, photos: Path) -> pd.DataFrame:
    table = photos.parent / "answers.csv"
    _call("predict.py", f"run={file}", f"input={photos}", f"output={table}")
    answers = pd.read_csv(table)
    return answers[answers.label.notna()].astype({"label": int})


def _rows(
    outer: int, arm: str, phones: "pd.Series[Any]", labels: "pd.Series[Any]", grades: "pd.Series[Any] | Grades"
) -> list[dict[str, str]]:
    answers = pd.DataFrame({"phone": phones.to_numpy(), "label": np.asarray(labels), "grade": np.asarray(grades)})
    return [
        {"outer": str(outer), "arm": arm, "phone": str(phone), "labels": "".join(map(str, own.label)), "grades": "".join(map(str, own.grade))}
        for phone, own in answers.groupby("phone")
    ]  # fmt: skip


Answers = dict[tuple[int, str], dict[str, tuple[Grades, Grades]]]
"""Fifth and arm → phone → labels and grades of its cells."""


def answers_of(rows: list[dict[str, str]]) -> Answers:
    """The rows as arrays."""
    found: Answers = {}
    for row in rows:
        labels, grades = (np.array(list(row[name]), np.int64) for name in ("labels", "grades"))
        found.setdefault((int(row["outer"]), row["arm"]), {})[row["phone"]] = labels, grades
    return found


def promised(answers: Answers, arm: str, figure: Callable[[Grades, Grades], float], drawn: Sequence[str]) -> float:
    """What the reports of the fifths say, their mean by the cells that were put away; of the drawn phones alone."""
    values, cells = [], []
    for outer in sorted({outer for outer, _ in answers}):
        own = answers[outer, arm]
        chosen = [own[phone] for phone in drawn if phone in own]
        if not chosen:  # the drawn phones are those that were put away
            continue
        values.append(figure(*(np.concatenate(one) for one in zip(*chosen, strict=True))))
        cells.append(sum(len(labels) for labels, _ in answers[outer, "delivered int8"].values()))
    return float(np.average(values, weights=cells)) if values else float("nan")


def delivered(answers: Answers, arm: str, figure: Callable[[Grades, Grades], float], drawn: Sequence[str]) -> float:
    """The figure over the drawn phones, each graded by the network of its fifth that had not seen it."""
    own = {phone: found for (_, name), phones in answers.items() if name == arm for phone, found in phones.items()}
    return figure(*(np.concatenate(one) for one in zip(*(own[phone] for phone in drawn), strict=True)))


def one_fold(answers: Answers, arm: str, figure: Callable[[Grades, Grades], float], drawn: Sequence[str]) -> float:
    """The mean over the folds of what each delivers alone."""
    return float(np.mean([delivered(answers, f"fold {fold} {arm}", figure, drawn) for fold in range(INNER)]))


def show(rows: list[dict[str, str]], repeats: int = 1000) -> None:
    """Promised, delivered and their difference, with 95 % intervals over phones."""
    from rich.console import Console
    from rich.table import Table

    answers = answers_of(rows)
    phones = sorted({phone for (_, arm), own in answers.items() if arm == "delivered int8" for phone in own})
    lines: dict[str, Callable[..., float]] = {}
    for kind in KINDS:
        lines[f"{kind}: promised"] = lambda *a, k=kind: promised(answers, f"promised {k}", *a)
        lines[f"{kind}: fit=all"] = lambda *a, k=kind: delivered(answers, f"delivered {k}", *a)
        lines[f"{kind}: fit=all less promised"] = lambda *a, k=kind: (
            delivered(answers, f"delivered {k}", *a) - promised(answers, f"promised {k}", *a)
        )
        lines[f"{kind}: one fold's network"] = lambda *a, k=kind: one_fold(answers, k, *a)
        lines[f"{kind}: the five folds' mean"] = lambda *a, k=kind: delivered(answers, f"ensemble {k}", *a)
        lines[f"{kind}: mean less fit=all"] = lambda *a, k=kind: (
            delivered(answers, f"ensemble {k}", *a) - delivered(answers, f"delivered {k}", *a)
        )
    rng = np.random.default_rng(0)
    draws = [[phones[at] for at in rng.integers(len(phones), size=len(phones))] for _ in range(repeats)]
    table = Table(
        title=f"{len({outer for outer, _ in answers})} of {OUTER} fifths, {len(phones)} phones", title_justify="left"
    )
    for name in ("", *FIGURES):
        table.add_column(name)
    for title, value in lines.items():
        cells = []
        for figure in FIGURES.values():
            low, high = np.nanpercentile([value(figure, drawn) for drawn in draws], [2.5, 97.5])
            cells.append(written((value(figure, phones), float(low), float(high)), sign=" less " in title))
        table.add_row(title, *cells)
    Console(width=160).print(table)


def main() -> None:
    """Goes on with the fifths that are missing; prints the table of those that are there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="a folder of phone photos, as datamodule=phone_photos reads it")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs/held_out_phones"), help="where trainings leave their files"
    )
    parser.add_argument(
        "more", nargs="*", help="settings of every training, such as resolution=96 paths.weights=<folder>"
    )
    given = parser.parse_args()
    there = {int(row["outer"]) for row in read_rows(ROWS)}
    for outer in [one for one in range(OUTER) if one not in there] if given.photos else ():
        print(f"fifth {outer}", file=sys.stderr)
        append_rows(ROWS, train(outer, given.photos.resolve(), given.runs.resolve(), given.more))
    if rows := read_rows(ROWS):
        show(rows)


if __name__ == "__main__":
    main()
