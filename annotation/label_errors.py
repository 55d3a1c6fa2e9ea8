"""Labels that are probably wrong, by what networks say that were not trained on them (confident learning, by cleanlab)."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from annotation.log import AnnotationError, table_of
from annotation.state import UNUSABLE
from annotation.store import Book
from datamodules.screens.photo_folder import cell_name
from storage.whole_file import replaced
from sweeps.records.run_record import find_runs, read_record

if TYPE_CHECKING:
    import pandas as pd

FILE = "doubtful.csv"
COLUMNS = ("photo", "row", "col", "label", "suggested", "quality")


def rank(labels: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64]) -> tuple[Any, Any]:
    """Samples in the order in which their labels should be looked at.

    Args:
        labels: `(N,)`.
        probabilities: `(N, K)`, of networks that did not see these samples.

    Returns:
        the order `(N,)`, and each sample's quality `(N,)`, 0 to 1: the probability of its label (self-confidence, Northcutt et
        al. 2021). Adjusted by how sure the networks usually are of a class it found fewer: `benchmarks.label_errors`.

    """
    from cleanlab.rank import get_label_quality_scores

    quality = get_label_quality_scores(labels, probabilities, method="self_confidence")
    return np.argsort(quality, kind="stable"), np.asarray(quality)


def held_out(folders: Sequence[Path]) -> "pd.Series[Any]":
    """What runs say of the cells that they were not trained on: of the folds of a sweep, or of one run.

    Returns:
        sample → probabilities `(K,)`, the mean over the runs that had it in val or test; of their last epoch, because the
        best one was chosen on some of these cells.

    Raises AnnotationError where there is nothing of that kind.

    """
    import pandas as pd

    from sweeps.records.answers import answers_of

    tables = [
        answers_of(path, ["sample", "part", "checkpoint", "probabilities"])
        for path in (folder / "predictions.parquet" for folder in folders)
        if path.exists()
    ]
    if not tables:
        raise AnnotationError("runs: none of them is finished: there are no predictions yet")
    every = pd.concat(tables)
    chosen = every[(every.checkpoint == "last") & every.part.isin(["val", "test"])]
    return chosen.groupby("sample").probabilities.agg(lambda many: np.mean(np.stack(list(many)), axis=0))


def doubts(book: Book, runs: Path) -> list[tuple[Any, ...]]:
    """The labelled cells of a folder that runs were scored on, the most doubtful first, as rows of COLUMNS.

    Judged are the labels of now, not those of when the runs were trained. Raises AnnotationError for runs of other data.
    """
    folders = [runs] if (runs / "record.json").exists() else find_runs(runs)
    if not folders:
        raise AnnotationError(f"runs={runs}: no run in it: want a run's folder, or a sweep's with its folds")
    for folder in folders:
        names = read_record(folder).get("data", {}).get("class_names", [])
        if tuple(names) != book.class_names:
            raise AnnotationError(f"{folder}: grades {', '.join(names)}, not {', '.join(book.class_names)}")
    said = held_out(folders)
    cells, labels, chances = [], [], []
    for name, one in book.state.photos.items():
        for cell in book.cells:
            label, sample = one.label(cell), cell_name(name, *cell)
            if label not in ("", UNUSABLE) and sample in said.index:
                cells.append((name, *cell))
                labels.append(int(label))
                chances.append(said[sample])
    if not cells:
        raise AnnotationError(f"runs={runs}: scored none of the labelled cells of {book.photos.root}")
    order, quality = rank(np.array(labels), np.array(chances))
    return [
        (*cells[at], labels[at], int(np.argmax(chances[at])), f"{quality[at]:.5f}")
        for at in order
        if int(np.argmax(chances[at])) != labels[at]
    ]


def write_doubts(root: Path, rows: Iterable[Sequence[Any]]) -> Path:
    """Writes the list that the review page walks through; rows as COLUMNS."""
    path = root / FILE
    with replaced(path) as unfinished, unfinished.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    return path


def read_doubts(root: Path) -> list[dict[str, Any]]:
    """The list, empty where none was made. Raises AnnotationError for a line that is none."""
    path = root / FILE
    if not path.exists():
        return []
    rows = [row for _, row in table_of(path, COLUMNS)]
    try:
        return [
            {"photo": row["photo"], "row": int(row["row"]), "col": int(row["col"]), "label": int(row["label"]),
             "suggested": int(row["suggested"]), "quality": float(row["quality"])}
            for row in rows
        ]  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise AnnotationError(f"{path}: not a list of doubtful labels ({error}): make it again") from None
