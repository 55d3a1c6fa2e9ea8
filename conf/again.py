"""Whether a grid's command line has been through already: decided before any of its points is composed."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig

from conf.checkpoints import checkpoint_of, content_of, matching
from conf.command_line import in_grid
from sweeps.commands import Command
from sweeps.record import Record, RecordError, Status, failed_before, is_finished, read_record

CONF = Path(__file__).parent


def setting_digest(words: Sequence[str] = ()) -> str:
    """16 hex digits over what turns a command line into points: the files of conf/, gridlite's environment, Hydra's words."""
    digest = hashlib.blake2b("\n".join(words).encode(), digest_size=8)
    for path in sorted([*CONF.rglob("*.yaml"), *CONF.glob("*.py")]):
        digest.update(str(path.relative_to(CONF)).encode() + path.read_bytes())
    for name in sorted(name for name in os.environ if name.startswith("GRIDLITE_")):
        digest.update(f"{name}={os.environ[name]}".encode())
    return digest.hexdigest()


def nothing_left(sweep: Path, before: Command | None, now: Command) -> bool:
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


def ended_before(folder: Path, fingerprint: str, cfg: DictConfig) -> str:
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
