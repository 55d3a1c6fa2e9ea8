"""`python -m export score file=theirs.tflite run=<run>`: a file from elsewhere, judged as the files of a run are."""

import re
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import hydra
import numpy as np
import numpy.typing as npt
import pandas as pd
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from choices import CONF
from cli.command_line import require_keys, stop_or_report
from cli.train_schema import register
from datamodules.base.samples import Samples
from export.flatbuffer import FileError
from export.foreign.file import ClassFile, Told, described
from export.latency.result import Entry, merged, timed
from storage.whole_file import sha256_of
from sweeps.records.run_record import Record, RecordError, Status, read_record
from sweeps.tables.foreign_files import FOREIGN, foreign_entry, keep_foreign

register()


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="score")
def main(cfg: DictConfig) -> None:
    """Scores and times the file, enters it beside the sweep and prints its row."""
    require_keys(cfg, file="a .tflite, .onnx or .keras file", run="a run's folder, on whose data it is scored")
    run = Path(cfg.run)
    with stop_or_report(run):
        record = read_record(run)
        if record["status"] != Status.DONE:
            raise RecordError(f"{run}: the run is {record['status']}; want a done one")
        name = re.sub(r"[^\w.-]", "_", cfg.name or Path(cfg.file).name)
        entry, answers = scored(Path(cfg.file), told_of(cfg), record, root=cfg.root, cache=cfg.paths.cache)
        before = foreign_entry(run.parent, name, run.name)
        known = before.get("latency", []) if before.get("sha256") == entry["sha256"] else []
        threads = int(cfg.latency.host.threads) if "host" in cfg.latency else 1
        file = ClassFile.of(Path(cfg.file), told_of(cfg), record["data"]["class_names"], threads)
        entry |= {"latency": merged(known, _latency(file, cfg.latency)), "run": run.name}
        entry["axes"] |= {"backbone": f"{FOREIGN} {name}"}
        path = keep_foreign(run.parent, name, run.name, entry, answers)
        _print(name, entry, record)
        print(f"scored: {path}; `python -m sweeps table {run.parent}` and `report` show it as {FOREIGN} {name}")


def told_of(cfg: DictConfig) -> Told:
    """What the command line says of a file."""
    several: dict[str, Any] = {
        key: None if cfg[key] is None else list(cfg[key]) for key in ("mean", "std", "labels", "size")
    }
    if several["size"] is not None and len(several["size"]) == 1:
        several["size"] *= 2
    return Told(scaling=cfg.scaling, output=cfg.output, **several)


def scored(
    path: Path, told: Told, record: Record, *, root: str | None = None, cache: str | None = None
) -> tuple[Record, pd.DataFrame]:
    """A file's entry, without latency, and its answers, a row per sample, on the validation and test sets of a run.

    Raises FileError for a file that does not fit, RecordError for a run whose data has no classes or is no longer the same.
    """
    from metrics.grading import grade_metrics
    from training.finished_run import load_samples

    names = list(record["data"]["class_names"])
    file = ClassFile.of(path, told, names)
    samples = load_samples(record, root, cache)
    if samples.targets != "grades":
        raise RecordError(
            f"run: its labels are {samples.targets}; files from elsewhere are scored where each picture has one class"
        )
    table, images = pictures(file, samples)
    grades, shares = file.grade(images, names)
    entry: Record = described(file) | {"size_bytes": path.stat().st_size, "sha256": sha256_of(path)}
    entry |= {"path": str(path.resolve()), "fingerprint": samples.fingerprint}
    entry["axes"] = {
        key: record["axes"][key] for key in ("task", "datamodule", "fold", "seed") if key in record["axes"]
    }
    for part in samples.evaluated:
        here = (table.part == part).to_numpy()
        found = grade_metrics(table.label.to_numpy()[here], grades[here], shares[here], ordered=samples.ordered)
        entry |= {f"{part}/{key}": value for key, value in found.items()}
    columns = table[["sample", "source_id", "group", "part", "label"]]
    return entry, columns.assign(grade=grades, probabilities=list(shares), file=FOREIGN)


def pictures(file: ClassFile, samples: Samples) -> tuple[pd.DataFrame, npt.NDArray[np.uint8]]:
    """The evaluated rows and their pictures at the file's own size."""
    from export.comparison import evaluated

    resolution = min(file.size)
    if samples.shape(resolution) != file.size:
        have = " x ".join(map(str, samples.shape(resolution)))
        raise FileError(f"{file.path}: it takes {file.size[0]} x {file.size[1]}, the data gives {have}")
    table, _, images = evaluated(samples, resolution)
    return table, images


def _latency(file: ClassFile, places: Mapping[str, Any]) -> list[Entry]:
    """A .tflite file wherever files are timed; the others on this machine, as often and with as many threads."""
    from export.latency.host import measure_calls

    if file.path.suffix.lower() == ".tflite":
        return timed(file.path.read_bytes(), instantiate(places))
    entries: list[Entry] = []
    for name, place in places.items():
        if name != "host":
            print(f"latency={name}: times .tflite files alone; left out", file=sys.stderr)
            continue
        settings: Any = OmegaConf.to_container(place, resolve=True)
        pixels = file.pixels(np.random.default_rng(0).integers(0, 256, (*file.size, 3), np.uint8))
        about = {key: int(settings[key]) for key in ("warmup_runs", "runs", "threads")}
        entries.append(measure_calls(partial(file.backend.run, pixels), runtime=file.backend.runtime, **about))
    return entries


def _print(name: str, entry: Record, record: Record) -> None:
    from metrics.figures import figure_text
    from metrics.lookup import metrics_of

    metrics = metrics_of(str(record["axes"]["task"]))
    first = entry["latency"][0] if entry["latency"] else {}
    for part in ("val", "test"):
        figures = [f"{part}/{one}" for one in metrics.file_columns if f"{part}/{one}" in entry]
        if figures:
            torch = record.get("metrics", {})
            said = ", ".join(
                f"{metrics.title(one)} {figure_text(one, entry[one])} (the run's network {figure_text(one, torch.get(one))})"
                for one in figures
            )
            print(f"{FOREIGN} {name}, {part}: {said}")
    ms = "–" if first.get("latency_ms_p50") is None else f"{first['latency_ms_p50']:.2f} ms by {entry['runtime']}"
    print(
        f"{FOREIGN} {name}: {entry['size_bytes'] / 1000:.0f} kB, {ms}; pixels {entry['scaling']}, output {entry['output']}"
    )
