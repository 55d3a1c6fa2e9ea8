"""What int8 layer by layer is worth: `python -m benchmarks.mixed_precision --photos <folder of phone photos>`, or `--run <a run's folder>`.

Without --run, EfficientNet-B0 is trained from a random start (20 epochs, 128 px, a fold each for validation and test): the network of
which plain int8 keeps least. Its int8 files are made in several ways and held against torch, answer by answer, on the validation and the
test set; then all are timed in turns on one thread. The test set chooses nothing.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.export import interleaved

if TYPE_CHECKING:
    from export.comparison import FileComparison
    from export.float_file import FloatFile

INT8: dict[str, Any] = {"estimator": "mse", "per_channel": True, "float_edges": True, "bias_correction": True}
SETTINGS = [
    "backbone=efficientnet_b0", "backbone.weights=none", "resolution=128", "datamodule=phone_photos", "datamodule.val_folds=4",
    "trainer.max_epochs=20", "autotune=plain", "sweep_name=mixed_precision",
]  # fmt: skip
BASE = "int8"
"""The file that others' times are divided by."""


@dataclass(frozen=True)
class Made:
    """A file, how long it took to make, and what the record would say of its layers."""

    data: bytes
    seconds: float
    note: dict[str, Any]


def main() -> None:
    """Trains if need be, makes the files, prints a table and the layers that are in float."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="a folder of phone photos, to train on or where a run's lie now")
    parser.add_argument("--run", type=Path, help="a trained run's folder")
    parser.add_argument("--rounds", type=int, default=15, help="of 30 runs of each file, in turns")
    parser.add_argument("--most-lost", type=float, default=0.01, help="as export.max_accuracy_drop")
    parser.add_argument("more", nargs="*", help="further settings of train.py")
    given = parser.parse_args()
    if given.run is None and given.photos is None:
        parser.error("want --photos <folder of phone photos>, or --run <a run's folder>")
    run = given.run or trained(given.photos, given.more)
    says, source = float_file(run, given.photos, given.most_lost)
    files = {name: made_by(way, source) for name, way in WAYS.items()}
    times = interleaved({name: one.data for name, one in files.items()}, given.rounds)
    report(run, says, files, times)


def trained(photos: Path, more: list[str]) -> Path:
    """The folder of a new run."""
    from sweeps.records.run_record import find_runs

    command = [sys.executable, "train.py", *SETTINGS, f"datamodule.root={photos}", *more]
    subprocess.run(command, check=True)
    runs = next((word.partition("=")[2] for word in more if word.startswith("paths.runs=")), "runs")
    return max(find_runs(Path(runs) / "mixed_precision"), key=lambda one: one.stat().st_mtime)


def float_file(run: Path, root: Path | None, most_lost: float) -> "tuple[FileComparison, FloatFile]":
    """Torch's answers, and what the files are made from, as `python -m export` has them."""
    from omegaconf import OmegaConf

    from export.bound import Bound
    from export.convert import to_float32, to_onnx
    from export.deployable import deployable
    from export.float_file import FloatFile
    from export.made_files import samples_of
    from export.quantization_aware import tuned_for_int8
    from jobs.trusted_config import trusted_config
    from sweeps.records.checkpoints import checkpoint_file
    from sweeps.records.run_record import read_record
    from tasks.base import metrics_of_record, task_of_record
    from training.build import build_data
    from training.finished_run import load_run

    record = read_record(run)
    samples = samples_of(record, None if root is None else str(root), None)
    module = load_run(record, checkpoint_file(run, record, "shipped"))
    resolution = int(record["config"]["resolution"])
    says = task_of_record(record).file_comparison.by(module, samples, resolution)
    size = samples.shape(resolution)
    shipped = deployable(module, size, says.answer)
    calibration = np.random.default_rng(0).permutation(np.flatnonzero(samples.table.calibration.to_numpy()))
    images = np.asarray(samples.images(resolution)[calibration])
    data = to_float32(to_onnx(shipped, size, shipped.outputs))
    bound = Bound.of(says, metrics_of_record(record), most_lost)

    def retrain(epochs: int, lr: float) -> FloatFile:
        loader = build_data(OmegaConf.create(trusted_config(record)), samples).train_dataloader()
        after = deployable(tuned_for_int8(module, loader, epochs, lr), size, says.answer)
        return FloatFile(to_float32(to_onnx(after, size, after.outputs)), images, says.model)

    return says, FloatFile(data, images, says.model, bound=bound, retrain=retrain)


def leading(source: "FloatFile") -> bytes:
    """As before layers went one by one: so many leading convolutions in float as change the probabilities least, a third at most."""
    from export.bias_correction import convolution_outputs
    from export.flatbuffer import unpack
    from export.quantize import STEMS, int8, probability_change

    most = len(convolution_outputs(unpack(source.data))) / 3
    plain = INT8 | {"bias_correction": False}
    change = {
        stem: probability_change(int8(source, **plain, float_layers=stem), source) for stem in STEMS if stem <= most
    }
    return int8(source, **INT8, float_layers=min(change, key=lambda stem: change[stem]))


def _int8(layers: int | str, **other: Any) -> "Callable[[FloatFile], bytes]":
    def made(source: "FloatFile") -> bytes:
        from export.quantize import int8

        return int8(source, **INT8 | other, float_layers=layers)

    return made


def as_configured(kind: str) -> "Callable[[FloatFile], bytes]":
    """A kind of file as conf/quantization makes it."""

    def made(source: "FloatFile") -> bytes:
        from hydra.utils import instantiate

        from choices import read_choice

        return bytes(instantiate(read_choice("quantization", kind))(source))

    return made


WAYS: "dict[str, Callable[[FloatFile], bytes]]" = {
    "float32": lambda source: source.data,
    "int8_plain": _int8(0, estimator="min_max", float_edges=False, bias_correction=False),
    BASE: _int8(0),
    "int8, leading": leading,
    "int8, mixed": _int8("mixed"),
    "int8_qat": as_configured("int8_qat"),
}
"""Name → how the file is made; `int8` has every layer in int8 and the means of `quantization=int8` otherwise."""


def made_by(way: "Callable[[FloatFile], bytes]", source: "FloatFile") -> Made:
    """A file, timed."""
    source.notes.clear()
    began = time.perf_counter()
    data = way(source)
    return Made(data, time.perf_counter() - began, dict(source.notes))


def report(run: Path, says: "FileComparison", files: dict[str, Made], times: dict[str, list[float]]) -> None:
    """A row per file; then what was said of each one's layers."""
    from export.precision_note import NOTE, text_of
    from sweeps.records.environment import fast_int8, processor
    from sweeps.records.run_record import read_record
    from tasks.base import metrics_of_record

    metrics = metrics_of_record(read_record(run))
    parts = [part for part in ("val", "test") if (says.columns.part == part).any()]
    table = Table(
        "file",
        *(f"{part} {what}" for part in parts for what in ("same", "lost")),
        "Δp",
        "kB",
        "ms",
        f"of {BASE}",
        "s to make",
    )
    for name, one in files.items():
        cells = []
        for part in parts:
            own = says.of_rows(np.flatnonzero(says.columns.part.to_numpy(str) == part))
            figures, _ = own.judge(own.model(one.data), metrics, most_lost=1.0)
            cells += [
                f"{100 * figures['agreement']:.1f} %",
                f"{100 * figures[f'{part}/{metrics.drop_figure}_drop']:.1f}",
            ]
        figures, _ = says.judge(says.model(one.data), metrics, most_lost=1.0)
        ratios = [mine / other for mine, other in zip(times[name], times[BASE], strict=True)]
        ratio = f"{statistics.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}]"
        ms = statistics.median(times[name])
        table.add_row(
            name, *cells, f"{figures['mean_probability_difference']:.4f}", f"{len(one.data) / 1000:.0f}", f"{ms:.2f}", ratio,
            f"{one.seconds:.0f}",
        )  # fmt: skip
    counts = ", ".join(f"{(says.columns.part == part).sum()} {part}" for part in parts)
    print(f"{run}: {counts}; {processor()}, int8: {fast_int8()}, one thread, {len(times[BASE])} interleaved rounds")
    Console(width=160).print(table)
    for name, one in files.items():
        if NOTE in one.note:
            print(f"{name}: {text_of(one.note[NOTE])}")
            for step in one.note[NOTE]["steps"]:
                lost = f", loses {100 * step['lost']:.1f} points" if "lost" in step else ""
                moved = ", ".join(step["to_float"]) or "nothing in float"
                print(f"  Δp {step['probability_change']:.4f}, {step['extra_ms']:+.3f} ms{lost}: {moved}")


if __name__ == "__main__":
    main()
