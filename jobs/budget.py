"""`budget.ms=5 budget.kb=1000`: what a file of a point's network would cost, known before anything is trained. No torch here.

Latency and size hang on the graph. So a file of the untrained network is made and timed, once for all points that share it: seeds,
folds, augmentations and whatever else leaves the graph as it is.
"""

import hashlib
import json
import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock
from omegaconf import DictConfig, OmegaConf

from choices import ROOT, package_code, read_choice, whole_choice
from cli.command_line import in_grid
from jobs.cost_worker import CostError, ask_worker
from jobs.job import Job
from storage.whole_file import write_whole
from sweeps.records.budget import why_over
from sweeps.records.environment import host_device
from sweeps.records.latency_table import Timing, add_timings, fastest, read_table
from sweeps.records.run_record import Record, RecordError, Status, read_record, update_record

if TYPE_CHECKING:
    from datamodules.base.samples import Samples

HOST = "host"
CONVERTERS = ("torch", "timm", "onnx2tf", "ai-edge-quantizer", "ai-edge-litert")
MAKE_FILES = ("export", "export/formats", "heads", "lightning_modules", "tasks")
"""Rooms whose code makes a file what it is."""


class BudgetError(ValueError):
    """A budget that cannot be held against anything; the message says what would help."""


@dataclass(frozen=True)
class Shape:
    """What of a data set a network's graph hangs on."""

    labels: tuple[str, ...]
    size: tuple[int, int]
    """Height and width of the pictures, pixels."""
    ordered: bool

    @classmethod
    def of(cls, samples: "Samples", resolution: int) -> "Shape":
        """Of a data set at a resolution."""
        height, width = samples.shape(resolution)
        return cls(tuple(map(str, samples.class_names)), (int(height), int(width)), bool(samples.ordered))


def bounds_of(cfg: DictConfig) -> dict[str, float]:
    """What is asked for: ms, kb, both or none."""
    return {name: float(cfg.budget[name]) for name in ("ms", "kb") if cfg.budget[name] is not None}


def asks_for_budget(config: DictConfig) -> bool:
    """Whether a grid's points are known before, and some of them may have a budget."""
    words = [str(word).lstrip("+") for word in config.hydra.overrides.task]
    asked = bool(bounds_of(config)) or any(word.startswith("budget.") for word in words)
    return asked and "basic_sweeper" in config.hydra.sweeper._target_


def check_device(job: Job) -> None:
    """Before any data is read: whether the budget's device may have an answer. A run that is done needs none.

    Raises BudgetError where nothing was ever timed on the device and nothing is set to time on a phone.
    """
    device, folder = str(job.cfg.budget.device), Path(str(job.cfg.paths.cache))
    if "ms" not in bounds_of(job.cfg) or device == HOST or _status(job.folder) == Status.DONE:
        return
    asked = OmegaConf.create(_latency_settings(job, "adb")).get("benchmark_model")
    if not asked and not any(one.device == device for one in read_table(folder)):
        raise BudgetError(
            _unknown(str(job.cfg.budget.format), device, folder, "nor of any other, and no binary to take it")
        )


def predicted(job: Job, shape: Shape) -> Record:
    """`budget` as the record has it: format, device, latency_ms (None: not asked for), size_kb, most_ms, most_kb, timed, which file.

    Raises BudgetError for a device on which the network was never timed, and for a kind that cannot be made untrained.
    """
    bounds = bounds_of(job.cfg)
    kind, device = str(job.cfg.budget.format), str(job.cfg.budget.device)
    cache_folder = Path(str(job.cfg.paths.cache))
    question = _question(job, shape, kind)
    known, timing = _looked_up(question, cache_folder, device if "ms" in bounds else None, _threads(job))
    if known is None or (timing is None and "ms" in bounds):
        known, timing = _measured(question, cache_folder, job, device if "ms" in bounds else None)
    found = {"format": kind, "device": timing.device if timing else device, "size_kb": known["size_bytes"] / 1000}
    found |= {"latency_ms": timing.ms if timing else None, "timed": timing.weights if timing else ""}
    found |= {"delegate": timing.delegate, "threads": timing.threads} if timing else {}
    return found | {f"most_{name}": bounds.get(name) for name in ("ms", "kb")}


def end_over_budget(job: Job, budget: Record) -> bool:
    """Whether the point is beyond its budget: then its record says so and nothing is trained. A single run ends with exit code 1.

    What an earlier training has left stays: a done run stays done, an interrupted one goes on once its budget allows it.
    """
    why = why_over(budget)
    if not why:
        return False
    ending = {"status": Status.OVER_BUDGET, "error": why, "budget": budget}
    if _status(job.folder) != Status.DONE:
        update_record(job.folder, lambda old: old | job.identity | ending)
    if not in_grid():
        sys.exit(f"error: over budget, not trained: {why}")
    print(f"over budget: {why}: {job.folder}")
    return True


def _status(folder: Path) -> str:
    try:
        return str(read_record(folder)["status"])
    except RecordError:
        return ""


def question_key(question: Record) -> str:
    """24 hex digits: equal for questions that have the same answer."""
    return hashlib.sha256(json.dumps([question, _makers()], sort_keys=True).encode()).hexdigest()[:24]


def _question(job: Job, shape: Shape, kind: str) -> Record:
    """What `export.predicted_cost` has to know of the file, and nothing that leaves its graph as it is."""
    assert job.start is not None
    config = {key: job.config[key] for key in ("encoding", "task", "width", "fit")}
    config["task"] = {key: value for key, value in config["task"].items() if key != "unlabelled"}
    config["backbone"] = {key: value for key, value in job.config["backbone"].items() if key not in ("weights", "spec")}
    if job.config["fit"] == "ensemble":
        config["datamodule"] = {"folds": job.config["datamodule"]["folds"]}
    given = job.config["quantization"].get(kind)
    config["quantization"] = {kind: whole_choice("quantization", kind) if given is None else given}
    start = {"origin": "random", "padding": job.start.padding, "mean": list(job.start.mean), "std": list(job.start.std)}
    return {"config": config, "start": start, "labels": list(shape.labels), "size": list(shape.size),
            "ordered": shape.ordered, "kind": kind}  # fmt: skip


@cache
def _makers() -> str:
    """A digest of what makes a file: gridlite's code, that of the user's own packages, and the converters' versions."""
    digest = hashlib.sha256(" ".join(f"{name} {version(name)}" for name in CONVERTERS).encode())
    for room in MAKE_FILES:
        for path in sorted((ROOT / room).glob("*.py") if "/" in room else (ROOT / room).rglob("*.py")):
            digest.update(path.read_bytes())
    for path in package_code():
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _looked_up(question: Record, folder: Path, device: str | None, threads: int) -> tuple[Record | None, Timing | None]:
    """What is known already: of the file, and of its time on the device."""
    known = _index(folder).get(question_key(question))
    if known is None or device is None:
        return known, None
    table = read_table(folder)
    if device == HOST:  # as this machine measures now, and this very graph
        here, runtime = host_device(), f"LiteRT {version('ai-edge-litert')}"
        table = [one for one in table if (one.runtime, one.threads, one.graph) == (runtime, threads, known["graph"])]
        return known, fastest(table, known["graph"], known["network"], question["kind"], here)
    return known, fastest(table, known["graph"], known["network"], question["kind"], device)


def _measured(question: Record, folder: Path, job: Job, device: str | None) -> tuple[Record, Timing | None]:
    """Makes the file, asks the device and keeps the answers. Raises BudgetError."""
    settings = _latency_settings(job, "host" if device == HOST else "adb") if device is not None else {}
    key, kind = question_key(question), question["kind"]
    try:
        known = _index(folder).get(key)
        if known is None and device not in (None, HOST):  # the file first: it may have been timed on that phone
            _keep(folder, key, ask_worker(question | {"device": None, "latency": {}}))
            known, timing = _looked_up(question, folder, device, 0)
            if known is not None and timing is not None:
                return known, timing
        answer = ask_worker(question | {"device": device, "latency": settings})
    except CostError as error:
        raise BudgetError(_unknown(kind, device, folder, str(error))) from None
    known = _keep(folder, key, answer)
    about = {"kind": kind, "weights": "untrained", **known}
    found = [Timing.of(entry, **about) for entry in answer["timings"]]
    add_timings(folder, found)
    return known, min(found, key=lambda one: one.ms, default=None)


def _unknown(kind: str, device: str | None, folder: Path, why: str) -> str:
    if device in (None, HOST):
        return f"budget.format={kind}: {why}"
    have = ", ".join(sorted({one.device for one in read_table(folder)})) or "no device"
    return (
        f"budget.device={device}: no time of this network's {kind} file there is known ({why}; timings are kept of {have}); want the phone "
        "on adb with latency.adb.benchmark_model's binary in GRIDLITE_BENCHMARK_MODEL, or budget.device=host, which measures here"
    )


def _index(folder: Path) -> dict[str, Record]:
    try:
        found: dict[str, Record] = json.loads((folder / "untrained.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found


def _keep(folder: Path, key: str, answer: Record) -> Record:
    known = {name: answer[name] for name in ("graph", "network", "size_bytes")}
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "untrained.lock"):
        write_whole(folder / "untrained.json", json.dumps(_index(folder) | {key: known}, indent=1))
    return known


def _latency_settings(job: Job, place: str) -> Record:
    given = job.config["latency"].get(place)
    return dict(given) if given is not None else read_choice("latency", place)


def _threads(job: Job) -> int:
    return int(_latency_settings(job, "host")["threads"])
