"""How promises on missed damage are kept on real phones: `python -m benchmarks.asked_photos --runs <a sweep over folds, exported>`.

Each cell answered by the file of the fold that has not seen its phone, pooled; each phone is judged by the threshold that the other
phones give, and the means over phones stand with their 95 % bootstrap interval.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from metrics.conformal import Answers, PromiseError, least_promise, leave_one_out, needed_sources
from sweeps.records.run_record import find_runs

SHARES = (0.05, 0.1, 0.15, 0.2, 0.3)


def answers_of(sweep: Path, file: str) -> Answers:
    """Of all cells of all phones, each by the fold that had not seen it."""
    frames = []
    for run in find_runs(sweep):
        rows = pd.read_parquet(run / "export" / "predictions.parquet")
        rows = rows[rows.file == file]
        frames.append(rows[rows.part == ("test" if (rows.part == "test").any() else "val")])
    everything = pd.concat(frames)
    if everything["sample"].duplicated().any():
        raise SystemExit(f"error: {sweep}: two runs answer the same cells; want one run for each fold")
    return Answers.of(everything)


def main() -> None:
    """Reads the command line, works it out, and prints."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.asked_photos", description=main.__doc__)
    parser.add_argument("--runs", type=Path, required=True, help="a sweep over the folds of annotated phones, exported")
    parser.add_argument("--files", nargs="+", default=["float32", "int8"], help="kinds of files")
    arguments = parser.parse_args()
    console = Console(width=130)
    for file in arguments.files:
        answers = answers_of(arguments.runs, file)
        damaged = len(answers.damaged_sources)
        console.print(
            f"{file}: {len(answers.labels)} cells of {len(np.unique(answers.source_ids))} phones, {(answers.labels > 0).sum()} damaged cells "
            f"on {damaged} phones; least promise {100 * least_promise(damaged):.1f} %; nobody asked: {100 * answers.missed(0.0)[0]:.1f} % missed"
        )
        table = Table()
        for column in (
            "at most",
            "accepted above",
            "to a person",
            "missed",
            "to a person, others' threshold",
            "missed, others' threshold",
        ):
            table.add_column(column, justify="right")
        for share in SHARES:
            table.add_row(f"{100 * share:g} %", *row_of(answers, share))
        console.print(table)


def row_of(answers: Answers, share: float) -> list[str]:
    """By the threshold of all phones, then by those of the others."""
    try:
        threshold = answers.threshold(share)
    except PromiseError as error:
        return ["refused", str(error), "", "", ""]
    row = [
        f"{threshold:.4f}",
        *(f"{100 * one[0]:.1f} %" for one in (answers.asked(threshold), answers.missed(threshold))),
    ]
    try:
        left = leave_one_out(answers, share)
    except PromiseError:
        return [*row, f"{needed_sources(share)} others needed", ""]
    low, high = left.interval()
    return [*row, f"{100 * left.asked:.1f} %", f"{100 * left.missed.mean():.1f} % [{100 * low:.1f}, {100 * high:.1f}]"]


if __name__ == "__main__":
    main()
