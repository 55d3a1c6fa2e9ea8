"""Does a file of the untrained network tell how fast the trained one is? `python -m benchmarks.latency_prediction --photos <folder>`.

Five networks at two resolutions are trained for an epoch from ImageNet where there are weights, else from a random start, and exported;
each file is timed in turns with the one that the untrained network becomes. Rows are kept in latency_prediction.csv; without --photos
the table of what is there is printed. `--stage1` asks instead what budgets would spare of the study's first stage: nothing is trained.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from benchmarks.finished_rows import append_rows, read_rows

ROWS, STAGE1 = Path(__file__).with_suffix(".csv"), Path(__file__).with_name("latency_budget.csv")
FIGURE = Path(__file__).parent.parent / "docs" / "latency_prediction.png"
NETWORKS = [
    ["backbone=mobilenet", "width=0.25"], ["backbone=mobilenet", "width=0.5"], ["backbone=mobilenetv2", "width=0.5"],
    ["backbone=mobilenetv3_small", "width=1.0"], ["backbone=efficientnet_lite0"],
]  # fmt: skip
RESOLUTIONS = "96,160"
PER_CLASS = 64
"""Cells of each grade in the one epoch: weights and activations leave their start, and minutes suffice."""
KINDS = ("float32", "float16", "dynamic", "int8")
ROUNDS = 7
"""Of 100 runs each, untrained and trained in turns."""
SWEEPS = {"stage1_mobilenet": 8.0, "stage1_mobilenetv2": 10.0, "stage1_efficientnet": 6.0}
"""Hours that their headers name, on 2 cores."""
BUDGETS_MS = (5.0, 2.0, 1.0)
NEVER_MS = "0.000001"
"""A bound that nothing keeps: every point is predicted and none is trained."""


def command(*words: str) -> None:
    """A grid of train.py."""
    subprocess.run([sys.executable, "train.py", "-m", *words], check=True)


def measured(run: Path, kind: str, source: Any) -> dict[str, str]:
    """A row: a run's file beside the file of the untrained network.

    Args:
        run: its folder, exported.
        kind: of the file.
        source: the untrained float file.

    """
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    from choices import read_choice
    from export.flatbuffer import operators_outside_int8
    from export.formats.tflite import TFLite
    from export.graph import graph_hash
    from export.latency.host import measure
    from export.untrained import fastest_form
    from sweeps.records.run_record import exported_bytes, read_record

    axes, trained = read_record(run)["axes"], exported_bytes(run, kind)
    made = instantiate(OmegaConf.create(fastest_form(read_choice("quantization", kind))))(source)
    about = {"task": "grading", "labels": ["a"], "size": [1, 1], "resolution": 1}
    files = {"predicted": TFLite().finish(made, json.dumps(about).encode()), "measured": trained}
    times: dict[str, list[float]] = {name: [] for name in files}
    for _ in range(ROUNDS):
        for name, data in files.items():
            times[name].append(measure(data, warmup_runs=10, runs=100, threads=1)[0]["latency_ms_p50"])
    row = {name: str(axes[name]) for name in ("backbone", "width", "resolution")} | {"file": kind}
    row |= {f"{name}_ms": f"{np.median(times[name]):.5f}" for name in files}
    row |= {f"{name}_kb": f"{len(data) / 1000:.3f}" for name, data in files.items()}
    more = len(operators_outside_int8(trained)) - len(operators_outside_int8(files["predicted"]))
    return row | {"same_graph": str(graph_hash(made) == graph_hash(trained)), "more_in_float": str(more)}


def train_and_time(photos: Path, place: Path) -> None:
    """Fills latency_prediction.csv with what it lacks."""
    from omegaconf import OmegaConf

    from export.untrained import float_file
    from jobs.trusted_config import trusted_config
    from lightning_modules.backbones.spec import InitialWeights
    from sweeps.records.run_record import find_runs, read_record

    for words in NETWORKS:
        known = {(row["backbone"], float(row["width"])) for row in read_rows(ROWS)}
        name, width = words[0].partition("=")[2], float(words[1].partition("=")[2]) if len(words) > 1 else 1.0
        if (name, width) in known:
            continue
        sweep = f"{name}_{width:g}"
        command(*words, f"resolution={RESOLUTIONS}", f"datamodule.root={photos}", "datamodule=phone_photos", "autotune=plain",
                "trainer.max_epochs=1",
                "imbalance=records", f"imbalance.per_class={PER_CLASS}", "export=all", "latency.host.runs=1", f"paths.runs={place}", f"sweep_name={sweep}")  # fmt: skip
        rows = []
        for run in find_runs(place / sweep):
            record = read_record(run)
            cfg, begun = OmegaConf.create(trusted_config(record)), record["initial_weights"]
            side, classes = int(record["config"]["resolution"]), len(record["data"]["class_names"])
            start = InitialWeights("random", begun["padding"], tuple(begun["mean"]), tuple(begun["std"]))
            source = float_file(cfg, start, classes, (side, side))
            rows += [measured(run, kind, source) for kind in KINDS]
        append_rows(ROWS, rows)


@dataclass(frozen=True)
class Agreement:
    """How well predictions go with measurements."""

    files: int
    spearman: float
    median_error: float
    """Of the absolute differences, as shares of the measured time."""
    p90_error: float
    """So large or smaller are nine in ten of them."""
    bias: float
    """Median of the differences with their sign: below 0 the untrained file is faster."""

    @classmethod
    def of(cls, rows: pd.DataFrame) -> "Agreement":
        """Of rows with predicted_ms and measured_ms."""
        errors = (rows.predicted_ms / rows.measured_ms - 1).to_numpy(float)
        rank = float(spearmanr(rows.predicted_ms, rows.measured_ms).statistic)
        size = np.abs(errors)
        return cls(len(rows), rank, float(np.median(size)), float(np.quantile(size, 0.9)), float(np.median(errors)))


def print_agreement(rows: pd.DataFrame) -> None:
    """A line per kind of file, then of all."""
    for name, some in [*rows.groupby("file", sort=False), ("all", rows)]:
        one = Agreement.of(some)
        same = (some.same_graph.astype(str) == "True").sum()
        size = (some.predicted_kb / some.measured_kb - 1).abs().max()
        print(
            f"{name!s:8} {one.files:3} files: Spearman {one.spearman:.3f}, error median {one.median_error:.1%}, 90 % within "
            f"{one.p90_error:.1%}, bias {one.bias:+.1%}; size within {size:.1%}; same graph {same} of {one.files}"
        )


def draw(rows: pd.DataFrame, path: Path) -> None:
    """Predicted against measured, a mark per file."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 5.6), layout="constrained")
    for (name, some), mark in zip(rows.groupby("file", sort=False), "os^D", strict=False):
        axes.plot(some.measured_ms, some.predicted_ms, mark, label=str(name), markersize=6, alpha=0.75)
    ends = [0.8 * rows.measured_ms.min(), 1.25 * rows.measured_ms.max()]
    axes.plot(ends, ends, color="0.5", linewidth=1, zorder=0)
    axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends, aspect="equal")
    axes.set_xlabel("trained file, ms")
    axes.set_ylabel("file of the untrained network, ms")
    axes.legend(title="file", frameon=False)
    figure.savefig(path, dpi=130)
    print(f"figure: {path}")


def predict_stage1(photos: Path, place: Path) -> None:
    """Fills latency_budget.csv: predicted cost of every point of the study's first stage, by train.py itself."""
    from sweeps.records.run_record import find_runs, read_record

    for sweep in SWEEPS:
        if sweep in {row["sweep"] for row in read_rows(STAGE1)}:
            continue
        command(
            f"+sweep={sweep}",
            "datamodule=phone_photos",
            f"datamodule.root={photos}",
            f"budget.ms={NEVER_MS}",
            f"paths.runs={place}",
        )
        found = [(read_record(run)["axes"], read_record(run)["budget"]) for run in find_runs(place / sweep)]
        rows = [
            {"sweep": sweep, "backbone": axes["backbone"], "width": axes["width"], "resolution": axes["resolution"],
             "file": cost["format"], "ms": f"{cost['latency_ms']:.4f}", "kb": f"{cost['size_kb']:.1f}", "device": cost["device"]}
            for axes, cost in found
        ]  # fmt: skip
        append_rows(STAGE1, rows)


def print_spared(rows: pd.DataFrame) -> None:
    """What each budget would spare; hours as if all trainings of a sweep cost the same."""
    hours = {sweep: whole / (rows.sweep == sweep).sum() for sweep, whole in SWEEPS.items()}
    whole = sum(SWEEPS.values())
    for bound in BUDGETS_MS:
        over = rows[rows.ms > bound]
        saved = over.sweep.map(hours).sum()
        per = ", ".join(
            f"{(over.sweep == one).sum()} of {(rows.sweep == one).sum()} {one.partition('_')[2]}" for one in SWEEPS
        )
        print(f"budget.ms={bound:g}: {len(over)} of {len(rows)} points spared ({len(over) / len(rows):.0%}: {per}), "
              f"some {saved:.0f} of {whole:.0f} hours")  # fmt: skip


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="folder of annotated photos of phones")
    parser.add_argument("--stage1", action="store_true", help="what budgets would spare of the study's first stage")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        if given.photos is not None:
            (predict_stage1 if given.stage1 else train_and_time)(given.photos, Path(place))
    path = STAGE1 if given.stage1 else ROWS
    if not path.exists():
        sys.exit(f"error: {path}: no measurements yet; want --photos <folder of annotated photos of phones>")
    rows = pd.read_csv(path)
    if given.stage1:
        print_spared(rows)
    else:
        print_agreement(rows)
        draw(rows, FIGURE)


if __name__ == "__main__":
    main()
