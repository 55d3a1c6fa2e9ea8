"""Whether a grid's command line has been through already: decided before any of its points is composed."""

import hashlib
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig

from choices import ROOT, conf_folders
from cli.command_line import in_grid
from jobs.source_runs import checkpoint_of, content_of, matching
from sweeps.records.journal import Command
from sweeps.records.run_record import Record, RecordError, Status, read_record


def setting_digest(words: Sequence[str] = ()) -> str:
    """16 hex digits over what turns a command line into points: what conf/ offers and what composes it, gridlite's environment, Hydra's words."""
    digest = hashlib.blake2b("\n".join(words).encode(), digest_size=8)
    composing = [*(ROOT / "jobs").glob("*.py"), *(ROOT / "choices").glob("*.py")]
    for path in sorted([*(path for folder in conf_folders() for path in folder.rglob("*.yaml")), *composing]):
        digest.update(str(path).removeprefix(str(ROOT)).encode() + path.read_bytes())
    for name in sorted(name for name in os.environ if name.startswith("GRIDLITE_")):
        digest.update(f"{name}={os.environ[name]}".encode())
    return digest.hexdigest()


def all_points_done(sweep: Path, before: Command | None, now: Command) -> bool:
    """Whether the same command went through all of its points, all of them ended well, on data that is still the same.

    A command that trains again or retries is never through.
    """
    if (
        not now.points
        or before is None
        or not before.ended
        or before.setting != now.setting
        or len(set(before.runs)) != now.points
    ):
        return False
    if any(word.startswith(("overwrite=", "retry_failed=")) for word in now.line):
        return False
    try:
        records = [read_record(sweep / run) for run in before.runs]
        return all(_ended_well(sweep / run, record) for run, record in zip(before.runs, records, strict=True)) and all(
            fingerprint == instantiate(settings).load().fingerprint for settings, fingerprint in _data(records)
        )
    except (RecordError, ValueError, KeyError, OSError):  # whatever is odd, the points themselves will say
        return False


def skip_reason(folder: Path, fingerprint: str, cfg: DictConfig) -> str:
    """Why a job has nothing to train: done on the same data, or failed on it and not to be tried again; else empty."""
    if is_finished(folder, fingerprint) and not cfg.overwrite:
        return "done before (overwrite=true trains again)"
    if (other := _other_place(folder, fingerprint, cfg)) and not cfg.overwrite:
        raise RecordError(
            f"{folder}: holds a run on {other}; give this data a sweep_name of its own, or overwrite=true to replace it"
        )
    why = failed_before(folder, fingerprint) if in_grid() and not (cfg.retry_failed or cfg.overwrite) else ""
    return f"failed before (retry_failed=true tries again): {why}" if why else ""


def _other_place(folder: Path, fingerprint: str, cfg: DictConfig) -> str:
    """Where the data of a finished run in the folder lay, if it is other data from another place; else empty."""
    try:
        record = read_record(folder)
    except RecordError:
        return ""
    before, now = record.get("config", {}).get("datamodule", {}).get("root"), cfg.datamodule.get("root")
    other = record["status"] == Status.DONE and record["data"]["fingerprint"] != fingerprint and str(before) != str(now)
    return str(before) if other else ""


def _ended_well(folder: Path, record: Record) -> bool:
    if record["status"] == Status.NOT_APPLICABLE:
        return True
    if "later_error" in record:
        return False
    if record.get("start", {}).get("origin") == "random" and record["config"]["backbone"].get("weights") == "auto":
        return False  # weights may have come since
    begun = record.get("start", {})
    if begun.get("origin") == "run" and begun["sha256"] not in _runs_at(str(record["config"]["backbone"]["weights"])):
        return False  # that run has been trained anew
    files = record.get("exports", {}).values()
    return record["status"] == Status.DONE and all("path" in one and (folder / one["path"]).exists() for one in files)


def _runs_at(name: str) -> list[str]:
    """What the checkpoints of the runs hold that a start names."""
    return [content_of(checkpoint_of("backbone.weights", folder)[1]) for folder in matching("backbone.weights", name)]


def _data(records: list[Record]) -> list[tuple[dict[str, Any], str]]:
    """The different data sets of the runs that have one, each with the fingerprint that its runs saw."""
    seen = {
        str(record["config"]["datamodule"]) + record["data"]["fingerprint"]: (
            record["config"]["datamodule"],
            record["data"]["fingerprint"],
        )
        for record in records
        if record["status"] == Status.DONE
    }
    return list(seen.values())


def is_finished(folder: Path, fingerprint: str) -> bool:
    """Whether the run is done for the same data; its configuration is in its folder's name."""
    try:
        record = read_record(folder)
    except RecordError:
        return False
    return bool(record["status"] == Status.DONE and record["data"]["fingerprint"] == fingerprint)


def failed_before(folder: Path, fingerprint: str) -> str:
    """Why the run failed on the same data, one line; empty where it did not, or has not run."""
    try:
        record = read_record(folder)
    except RecordError:
        return ""
    same = record["status"] == Status.FAILED and record.get("data", {}).get("fingerprint") == fingerprint
    return str(record["error"]) if same else ""


def prepare_resume(folder: Path, fingerprint: str) -> Path | None:
    """The checkpoint that an interrupted or pruned run on the same data goes on from, else None; then old ones are removed."""
    last = folder / "checkpoints" / "last.ckpt"
    try:
        record = read_record(folder)
    except RecordError:
        record = {"status": Status.FAILED}
    begun = record["status"] in (Status.RUNNING, Status.PRUNED) and record["data"]["fingerprint"] == fingerprint
    begun = begun and "together" not in record  # a stack keeps its seeds in a file of its own
    if begun and zipfile.is_zipfile(last):  # a checkpoint cut off by a kill or a full disk has no directory
        return last
    for checkpoint in last.parent.glob("*.ckpt"):
        checkpoint.unlink()
    return None
