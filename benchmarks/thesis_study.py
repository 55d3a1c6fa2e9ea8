"""The first thesis's study on rendered phones at half of its sides: `make study-thesis`, rows in thesis_study.csv.

Parkkinen 2020, chapter 5: 27 networks without augmentation; then, of its four finalists, augmentation, imbalance, encoding, files,
and all of it together. Sides are half of the thesis's and schedules 12 epochs, the same for all, so that two cores need hours and not days;
61 rendered phones, 36 to train on; the last epoch, scored on the validation and the test phones, which choose nothing. MobileNet, and MobileNetV2 at width 1, start from ImageNet's weights where paths.weights
has them, all others at random. Finished trainings leave rows and are not trained again; `--docs` writes the tables of
docs/results/thesis.md from the rows alone.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from benchmarks.finished_rows import append_rows, read_rows
from benchmarks.thesis_grid import Block, Point, blocks
from benchmarks.thesis_tables import with_tables
from choices import ROOT
from sweeps.records.run_record import Record, find_runs, read_record

ROWS = Path(__file__).with_suffix(".csv")
PAGE = ROOT / "docs" / "results" / "thesis.md"
EPOCHS, SEEDS = 12, 1
SETTINGS = [
    "hydra/launcher=side_by_side", "datamodule=synthetic_screens", "batch_size=32", f"trainer.max_epochs={EPOCHS}", "callbacks.keep_best=false",
    "autotune=plain", "logger=none", "export=all", "sweep_name=block",
]  # fmt: skip


def point_of(record: Record) -> Point:
    """The one that a record is of."""
    config, chosen = record["config"], record["axes"]
    return Point(
        chosen["backbone"], float(config["width"]), int(config["resolution"]), chosen["augmentation"], chosen["imbalance"],
        chosen["encoding"],
    )  # fmt: skip


def rows_of(folder: Path, parts: Sequence[str] = ("val", "test")) -> list[dict[str, str]]:
    """What a finished training and its files answered on `parts`, phones that were not trained on; the last epoch ships, nothing is chosen on them."""
    record = read_record(folder)
    point, fold = point_of(record), str(record["config"]["fold"])
    told = {
        "seed": str(record["seed"]), "start": record["initial_weights"]["origin"], "seconds": f"{record['seconds']['fit']:.0f}",
        "ten_best": f"{record['metrics']['val/accuracy_top10_mean']:.4f}",
    }  # fmt: skip
    answers = pd.read_parquet(folder / "predictions.parquet")
    rows = [
        {
            "rule": point.key(),
            "fold": fold,
            **told,
            "ms": "",
            "kb": "",
            **_answers(answers[answers.checkpoint == "last"], parts),
        }
    ]
    files = pd.read_parquet(folder / "export" / "predictions.parquet")
    for kind, entry in record["exports"].items():
        timed = {"ms": f"{entry['latency'][0]['latency_ms_p50']:.3f}", "kb": f"{entry['size_bytes'] / 1024:.0f}"}
        rows.append(
            {"rule": point.key(kind), "fold": fold, **told, **timed, **_answers(files[files.file == kind], parts)}
        )
    return rows


def _answers(answers: pd.DataFrame, parts: Sequence[str]) -> dict[str, str]:
    found = answers[answers.part.isin(parts)].sort_values(["source_id", "sample"], kind="stable")
    return {
        "per_source": "+".join(map(str, found.source_id.value_counts().sort_index())),
        "labels": "".join(map(str, found.label)), "grades": "".join(map(str, found.grade)),
    }  # fmt: skip


def train(block: Block, seed: int, place: Path, more: list[str]) -> list[dict[str, str]]:
    """The trainings of a block, those of an interrupted call not again; their rows."""
    words = [*SETTINGS, *block.words(), f"seed={seed}", *more, f"paths.runs={place}"]
    subprocess.run([sys.executable, "train.py", "-m", *words], check=True, stdout=subprocess.DEVNULL)
    rows = [row for folder in find_runs(place / "block") for row in rows_of(folder)]
    shutil.rmtree(place / "block")
    return rows


def missing(rows: list[dict[str, str]]) -> list[tuple[Block, int]]:
    """The blocks that lack a training, by seed."""
    there = {(row["rule"], int(row["seed"])) for row in rows}
    return [
        (block, seed) for seed in range(SEEDS) for block in blocks()
        if not all((one.key(block.kinds[-1]), seed) in there for one in block.points)
    ]  # fmt: skip


def main() -> None:
    """Goes on with the trainings that are missing; then writes the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs/thesis_study"), help="where trainings leave files")
    parser.add_argument("--most", type=int, default=1000, help="blocks of this call")
    parser.add_argument("--docs", action="store_true", help=f"write the tables of {PAGE.relative_to(ROOT)} and end")
    parser.add_argument("more", nargs="*", help="settings of every training, such as paths.weights=<folder>")
    given = parser.parse_args()
    for block, seed in missing(read_rows(ROWS))[: 0 if given.docs else given.most]:
        print(f"seed {seed}: {'; '.join(one.key() for one in block.points)}", file=sys.stderr)
        append_rows(ROWS, train(block, seed, given.runs.resolve(), given.more))
    PAGE.write_text(with_tables(PAGE.read_text(), read_rows(ROWS)))
    print(f"{sum(not row['ms'] for row in read_rows(ROWS))} trainings: {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
