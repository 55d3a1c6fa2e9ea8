"""What a sweep costs beside its trainings: `python -m benchmarks.sweep`.

Prints a ratio for 24 small jobs (whole command over the sum of its trainings) and seconds for what reads records. There
is no peer that resumes a multirun, so the trainings themselves are what it is held against.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent.parent
GRID = ["encoding=one_hot,ordinal,coral,corn", "width=0.25,0.5", "seeds=3"]
SMALL = [
    "backbone=mobilenet", "backbone.weights=none", "resolution=64", "batch_size=32", "trainer.max_epochs=3",
    "datamodule.devices=12", "datamodule.photos=44", "datamodule.folds=4", "datamodule.val_folds=3",
]  # fmt: skip


def seconds(*line: str, cwd: Path = HERE) -> float:
    """Wall time of a command that must succeed."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *line], cwd=cwd, check=True, capture_output=True, text=True)
    return time.perf_counter() - began


def copies(source: Path, target: Path, count: int) -> None:
    """`count` runs, each a copy of one of the source's with a seed of its own."""
    import json

    runs = sorted(path.parent for path in source.glob("*/record.json"))
    for number in range(count):
        run = runs[number % len(runs)]
        record = json.loads((run / "record.json").read_text())
        record["axes"] |= {"seed": number, "width": [0.25, 0.5, 0.75, 1.0][number % 4]}
        folder = target / f"job{number:05d}"
        folder.mkdir(parents=True)
        (folder / "record.json").write_text(json.dumps(record, indent=1))
        for name in ("predictions.parquet", "mistakes.jpg"):
            if count <= 1000 and (run / name).exists():
                shutil.copy(run / name, folder / name)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        paths = [f"paths.{name}={place / name}" for name in ("runs", "data", "cache")]
        seconds("train.py", *SMALL, "trainer.max_epochs=1", "sweep_name=warm", *paths)  # renders, cuts, compiles
        grid = ["train.py", "-m", *GRID, *SMALL, "sweep_name=grid", *paths]
        whole = seconds(*grid)
        import json

        records = [json.loads(path.read_text()) for path in (place / "runs" / "grid").glob("*/record.json")]
        fits = [record["seconds"]["fit"] for record in records]
        loops = [sum(epoch["seconds"] for epoch in record["history"]) for record in records]
        again = median(seconds(*grid) for _ in range(arguments.rounds))
        copies(place / "runs" / "grid", place / "many", arguments.records)
        copies(place / "runs" / "grid", place / "some", 200)
        status = [seconds("-m", "sweeps", "status", str(place / "many")) for _ in range(arguments.rounds)]
        table = [seconds("-m", "sweeps", "table", str(place / "many")) for _ in range(arguments.rounds)]
        report = [seconds("-m", "sweeps", "report", str(place / "some")) for _ in range(arguments.rounds)]
        size = (place / "some" / "report.html").stat().st_size / 1e6
    shown = Table(title=f"sweeps: {len(records)} jobs, {arguments.records} records, medians of {arguments.rounds}")
    for name in ("what", "measured", "goal"):
        shown.add_column(name)
    shown.add_row(f"{len(records)} small jobs / their fits", f"{whole / sum(fits):.2f}", "")
    shown.add_row(f"{len(records)} small jobs / their epochs", f"{whole / sum(loops):.2f} ({whole:.0f} s)", "1.10")
    shown.add_row("beside the epochs, per job", f"{(whole - sum(loops)) / len(records):.2f} s", "")
    shown.add_row("the finished sweep again", f"{again:.1f} s", "5 s")
    shown.add_row(f"status of {arguments.records} records", f"{np.median(status):.1f} s", "2 s")
    shown.add_row(f"table of {arguments.records} records", f"{np.median(table):.1f} s", "2 s")
    shown.add_row("report of 200 jobs", f"{np.median(report):.1f} s, {size:.1f} MB", "10 s, 5 MB")
    Console().print(shown)


if __name__ == "__main__":
    main()
