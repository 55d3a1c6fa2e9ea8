"""How photos of one device are best joined into its grade, and how far they agree: `python -m benchmarks.joined_photos`.

Each photo is graded by the fold of a sweep that has not seen its device, its outline found anew. What is right of a device's cell
follows from the labels of all its photos: the worst of them, or the worst that half of them have at least.
"""

import argparse
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.console import Console
from rich.table import Table
from sklearn.metrics import f1_score, roc_auc_score
from tqdm import tqdm

from datamodules.images.decoding import decode
from datamodules.screens.device_rules import Rule
from datamodules.screens.outline import OutlineError
from datamodules.screens.photo_folder import Photo, read_photo_folder
from station.device_grade import device_grade, other_grade
from station.joining import JOINS, answers, half, joined, worst
from station.photo_grader import PhotoGrader
from sweeps.records.run_record import find_runs

Labels = npt.NDArray[np.int64]


def out_of_fold(
    root: Path, sweep: Path, file: str
) -> Iterator[tuple[PhotoGrader, Photo, dict[str, Any], Labels, bool]]:
    """The grader, each photo, what it says of it, its labels in the order of the cells that it found, and whether these begin
    at the lower end of the phone.
    """
    for run in find_runs(sweep):
        by = PhotoGrader(run / "export" / f"{file}.tflite")
        answered = pd.read_parquet(run / "predictions.parquet", columns=["source_id", "part"])
        unseen = set(answered[answered.part != "train"].source_id)
        data = read_photo_folder(root, by.grid, len(by.labels))
        shown = [at for at, photo in enumerate(data.photos) if photo.source_id in unseen]
        for at in tqdm(shown, desc=run.name, leave=False, disable=None):
            try:
                found = by.grade(data.photos[at].name, decode(data.files[at])).found
            except OutlineError:
                continue
            corners = np.array(found["corners"])
            upright = data.photos[at].corners
            assert upright is not None
            off = [np.linalg.norm(corners - np.roll(upright, ends, axis=0)) for ends in (0, 2)]
            about = bool(off[1] < off[0])
            yield by, data.photos[at], found, data.labels[at][::-1] if about else data.labels[at], about


def main() -> None:
    """Reads the command line, grades, and prints."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.joined_photos", description=main.__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="a folder of annotated photos of phones")
    parser.add_argument("--runs", type=Path, required=True, help="a sweep over folds of it, exported")
    parser.add_argument("--file", default="float32", help="kind of file")
    arguments = parser.parse_args()
    graded = list(out_of_fold(arguments.photos, arguments.runs, arguments.file))
    by, console = graded[0][0], Console(width=110)
    alone(graded, by, console)
    devices: dict[str, list[Any]] = {}
    for _, photo, found, labels, about in graded:
        devices.setdefault(photo.source_id, []).append((found, labels, about))
    table = Table(
        title=f"{len(graded)} photos of {len(devices)} devices, joined; devices graded right, cells: accuracy, macro F1"
    )
    for column in ("join", "devices, worst label", "cells", "devices, label of half", "cells", "agreement"):
        table.add_column(column, justify="right")
    for join in JOINS:
        table.add_row(join, *row_of(join, devices, by))
    console.print(table)
    right = [
        turned == (about != shots[0][2])
        for shots in devices.values()
        for turned, (_, _, about) in zip(
            joined("", [one for one, _, _ in shots], "half", by.rules, by.labels, by.grid).turned, shots, strict=True
        )
    ]
    console.print(
        f"which end is up, against a device's first photo: right for {sum(right) - len(devices)} of {len(right) - len(devices)}"
    )


def alone(graded: list[Any], by: PhotoGrader, console: Console) -> None:
    """Prints how often one photo gives the grade that its labels give, and whether doubt finds those where it does not."""
    wrong, doubt, lowest = [], [], []
    for _, _, found, labels, _ in graded:
        _, shares = answers([found], [False])
        wrong.append(found["grade"] != grade_of(labels, by))
        doubt.append(other_grade(shares[0], by.labels, by.rules, found["grade"]))
        lowest.append(1 - shares[0].max(axis=1).min())
    ranks = [roc_auc_score(wrong, scores) for scores in (doubt, lowest)]
    console.print(
        f"one photo alone: grade of the device right for {len(wrong) - sum(wrong)} of {len(wrong)}; mean doubt {np.mean(doubt):.2f}, share wrong "
        f"{np.mean(wrong):.2f}; wrong ones ranked by doubt: AUC {ranks[0]:.2f}, by the least sure cell {ranks[1]:.2f}"
    )


def row_of(join: str, devices: dict[str, list[Any]], by: PhotoGrader) -> list[str]:
    """Of a table: devices and cells right by the worst label and by that of half of the photos, and the agreement."""
    truths: dict[str, list[Labels]] = {"worst": [], "half": []}
    given, alike = [], []
    for shots in devices.values():
        device = joined("", [found for found, _, _ in shots], join, by.rules, by.labels, by.grid)
        # cells are in the order of the first photo; labels are turned by what is known of each
        labels = np.array([one[::-1] if about != shots[0][2] else one for _, one, about in shots])
        truths["worst"].append(worst(labels, np.zeros(0)))
        truths["half"].append(half(labels, np.zeros(0)))
        given.append(device.grades)
        grades, _ = answers([found for found, _, _ in shots], device.turned)
        alike += [float(np.mean(one == other)) for one, other in combinations(grades, 2)]
    row = []
    for truth in truths.values():
        right = sum(grade_of(one, by) == grade_of(other, by) for one, other in zip(truth, given, strict=True))
        cells, wanted = np.concatenate(given), np.concatenate(truth)
        f1 = f1_score(wanted, cells, average="macro")
        row += [f"{right} of {len(given)}", f"{np.mean(cells == wanted):.3f}, {f1:.3f}"]
    return [*row, f"{np.mean(alike):.3f} ({len(alike)} pairs)"]


def grade_of(cells: Labels, by: PhotoGrader) -> str:
    """The device's, of labels or grades `(cells,)`."""
    rules: list[Rule] = by.rules
    return device_grade([by.labels[one] for one in cells], rules).grade


if __name__ == "__main__":
    main()
