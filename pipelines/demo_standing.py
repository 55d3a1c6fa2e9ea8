"""Where the demo's grid stands: beside the majority baseline, a random start, and the networks that it went on from."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from metrics.intervals import bootstrap_interval, resampled_sources
from sweeps.records.checkpoints import checkpoint_file, shipped_checkpoint
from sweeps.records.run_record import Status, find_runs, read_run
from tasks.base import metrics_of_record

if TYPE_CHECKING:
    from datamodules.screens.cells import Cells

SHOWN = ("macro_f1", "accuracy", "missed_damage")


def print_standing(sweep: Path, samples: "Cells", untouched: Sequence[Path]) -> None:
    """Prints a table of figures on the test set with 95 % by bootstrap over phones; the grid's best is the best on the validation set.

    Args:
        sweep: folder of finished runs, all on `samples`.
        untouched: folders of runs that are scored on them as they are.

    """
    from rich.console import Console
    from rich.table import Table

    from metrics.figures import figure_title
    from sweeps.tables.console import print_fitting

    rows = samples.table[samples.table.part == "test"]
    truth, sources = rows.label.to_numpy(), rows.source_id.to_numpy(str)
    answers = _of_runs(sweep, list(rows["sample"]))
    answers = {_baseline_name(samples): _constant(samples, len(rows))} | _untouched(samples, untouched) | answers
    table = Table(
        title=f"on {len(rows)} cells of {len(set(sources))} phones that no training has seen, 95 % over phones",
        title_justify="left",
        title_style="bold",
    )
    for name in ("", *map(figure_title, SHOWN)):
        table.add_column(name)
    metrics = metrics_of_record(read_run(untouched[0]))
    known = {name: metrics.figures[name] for name in SHOWN}
    for name, grades in answers.items():
        intervals = bootstrap_interval(truth, grades, sources, known)
        cells = [f"{known[one](truth, grades):.3f} [{intervals[one][0]:.3f}, {intervals[one][1]:.3f}]" for one in SHOWN]
        table.add_row(name, *cells, style="bold" if name.startswith("best") else "")
    print_fitting(Console(width=None if Console().is_terminal else 120), table)
    best, start = (
        next((one for one in answers if word in one), None) for word in ("best of", f"{untouched[-1].name}, untouched")
    )
    if best and start:
        gain, low, high = _gain(known["macro_f1"], truth, answers[best], answers[start], sources)
        print(f"best of the grid less {start}, on the same cells: macro F1 {gain:+.3f} [{low:+.3f}, {high:+.3f}]")


Grades = npt.NDArray[np.int64]


def _gain(
    figure: Callable[[Grades, Grades], float],
    truth: Grades,
    ours: Grades,
    theirs: Grades,
    sources: npt.NDArray[np.str_],
) -> tuple[float, float, float]:
    """By how much a figure of `ours` is above that of `theirs`, with 95 % by bootstrap over phones, paired."""
    drawn = [
        figure(truth[cells], ours[cells]) - figure(truth[cells], theirs[cells])
        for cells in resampled_sources(sources, 1000)
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return figure(truth, ours) - figure(truth, theirs), float(low), float(high)


def _constant(samples: "Cells", count: int) -> Grades:
    train = samples.table.label[samples.table.part == "train"].to_numpy()
    return np.full(count, int(np.bincount(train).argmax()), np.int64)


def _baseline_name(samples: "Cells") -> str:
    return f"majority baseline: always {samples.class_names[int(_constant(samples, 1)[0])]}"


def _untouched(samples: "Cells", folders: Sequence[Path]) -> dict[str, Grades]:
    from export.comparison import in_batches
    from lightning_modules.inference import grade_images
    from training.finished_run import load_run

    chosen = np.flatnonzero((samples.table.part == "test").to_numpy())
    found = {}
    for folder in folders:
        record = read_run(folder)
        module = load_run(record, checkpoint_file(folder, record))
        images = samples.images(int(record["config"]["resolution"]))[chosen]
        found[f"{folder.parent.name}/{folder.name}, untouched"] = grade_images(module, in_batches(images))[0]
    return found


def _of_runs(sweep: Path, order: list[str]) -> dict[str, Grades]:
    """Of a random start, and of the best of the others on the validation set."""
    records = {folder: record for folder in find_runs(sweep) if (record := read_run(folder))["status"] == Status.DONE}
    at_random = [folder for folder, record in records.items() if record["initial_weights"]["origin"] == "random"]
    others = sorted(
        (one for one in records if one not in at_random), key=lambda one: -records[one]["metrics"]["val/macro_f1"]
    )
    named = {f"random start, width {records[one]['config']['width']:g}": one for one in at_random}
    named |= {
        f"best of the grid: width {records[one]['config']['width']:g}, {records[one]['config']['resolution']} px": one
        for one in others[:1]
    }
    found: dict[str, Grades] = {}
    for name, folder in named.items():
        table = pd.read_parquet(folder / "predictions.parquet")
        shown = table[(table.part == "test") & (table.checkpoint == shipped_checkpoint(records[folder]))]
        found[name] = shown.set_index("sample").grade.loc[order].to_numpy(np.int64)
    return found
