"""Whether a grid's command line has been through already: decided before any of its points is composed."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.utils import instantiate

from choices import ROOT, conf_folders, package_code
from jobs.initial_weights import KEY, ZOO, zoo_network
from jobs.source_runs import checkpoint_of, content_of, matching
from jobs.trusted_config import trusted_config
from storage.inside import inside
from sweeps.records.journal import Command
from sweeps.records.run_record import Record, RecordError, Status, read_record


def setting_digest(words: Sequence[str] = ()) -> str:
    """16 hex digits over what turns a command line into points: what conf/ offers and what composes it, the user's own packages,
    gridlite's environment, Hydra's words.
    """
    digest = hashlib.blake2b("\n".join(words).encode(), digest_size=8)
    composing = [*(ROOT / "jobs").glob("*.py"), *(ROOT / "choices").glob("*.py"), *package_code()]
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
        if any(_by_another_rule(one, now.line) for one in records):
            return False  # another command's budget or halving
        return all(_ended_well(sweep / run, record) for run, record in zip(before.runs, records, strict=True)) and all(
            fingerprint == instantiate(settings).load().fingerprint for settings, fingerprint in _data(records)
        )
    except (RecordError, ValueError, KeyError, OSError):  # whatever is odd, the points themselves will say
        return False


RULES = {Status.OVER_BUDGET: "budget.", Status.PRUNED: "halving."}
"""Status → what the settings begin with that have kept such a point from being trained to its end."""


def _by_another_rule(record: Record, line: Sequence[str]) -> bool:
    begin = RULES.get(Status(record["status"]))
    own, now = (
        {word for word in words if begin and word.startswith(begin)} for words in (record.get("overrides", ()), line)
    )
    return own != now


def _ended_well(folder: Path, record: Record) -> bool:
    if record["status"] in (Status.NOT_APPLICABLE, Status.OVER_BUDGET):
        return True
    if "later_error" in record:
        return False
    if (
        record.get("initial_weights", {}).get("origin") == "random"
        and record["config"]["backbone"].get("weights") == "auto"
    ):
        return False  # weights may have come since
    if record.get("config", {}).get("method", {}).get("teacher") or record.get("config", {}).get("task", {}).get(
        "unlabelled"
    ):
        return False  # teachers or pictures without labels may have changed
    begun = record.get("initial_weights", {})
    if begun.get("origin") == "file":
        return False  # as may the weights
    if begun.get("origin") in ("run", "zoo") and begun["sha256"] not in _runs_at(record):
        return False  # that run has been trained anew
    if record["status"] == Status.PRUNED:
        return bool(record.get("halving"))
    files = record.get("exports", {}).values()
    return record["status"] == Status.DONE and all(
        "path" in one and inside(folder, one["path"]).exists() for one in files
    )


def _runs_at(record: Record) -> list[str]:
    """What the checkpoints of the runs hold that a record's start names."""
    config = record["config"]
    name = str(config["backbone"]["weights"])
    if name == ZOO:
        folders = [zoo_network(str(config["backbone"]["spec"]["name"]), float(config["width"]))]
    else:
        folders = matching(KEY, name)
    return [content_of(checkpoint_of(KEY, folder)[1]) for folder in folders]


def _data(records: list[Record]) -> list[tuple[dict[str, Any], str]]:
    """The different data sets of the runs that have one, each with the fingerprint that its runs saw."""
    seen = {
        str(record["config"]["datamodule"]) + record["data"]["fingerprint"]: (
            trusted_config(record, ["datamodule"])["datamodule"],
            record["data"]["fingerprint"],
        )
        for record in records
        if record["status"] in (Status.DONE, Status.PRUNED)
    }
    return list(seen.values())
