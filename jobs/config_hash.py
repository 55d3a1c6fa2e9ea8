"""What makes two configurations the same run: a hash over all that changes the result. No torch here."""

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from typing import Any

from choices import CONF, ChoiceError, choice_file, read_choice
from jobs.leakage import data_set_class
from lightning_modules.backbones.spec import InitialWeights

HASH_EXCLUDED_KEYS = frozenset(
    {
        "paths", "logger", "sweep_name", "drop_colour", "overwrite", "retry_failed", "trial",
        "callbacks.keep_best", "callbacks.keep_last",
        "trainer.accelerator", "trainer.strategy", "trainer.devices", "trainer.num_nodes",
        "prefetch", "cache_on_device", "autotune", "num_stacked_seeds",
        "task.metrics", "task.targets", "encoding.targets", "encoding.needs_ordered_classes", "encoding.output_per_class",
        "encoding.weights_in_head",
        "method.teacher", "method.temperatures", "task.unlabelled",
        "export", "quantization", "format", "latency", "check", "backbone.spec", "backbone.weights", "hydra", "experiment", "sweep",
        "finalist", "budget", "halving",
    }
)  # fmt: skip
"""Keys that leave a run's result as it is; the initial weights, the teachers, pictures without labels and the data are covered by their own digests.

Several processes hold the batch of one together, so how many they are may change when a run goes on. Of the data set, what its
class calls `location_keys` is left out as well.
"""
ADDED_KEYS: Mapping[str, Any] = {
    "callbacks.ships": "best",
    "fit": "fold",
    "imbalance.power": 1.0,
    "datamodule.targets": "grades",
}
"""Full key → the value at which it changes nothing, for every key that came after version 2 of the record.

The one rule for a new key: it stands here, and at that value it is part of no hash, so that earlier runs keep theirs. Another
default than that value is another run.
"""


def config_hash(
    plain: Mapping[str, Any],
    choices: Mapping[str, str],
    start: InitialWeights | None,
    added: Mapping[str, Any] = ADDED_KEYS,
) -> str:
    """64 hex digits (SHA-256) over the settings and the names of the choices that change the result.

    Args:
        plain: the resolved configuration, defaults filled in.
        choices: group → name of the choice, as Hydra knows them.
        start: the initial weights; None where the job cannot exist.
        added: see ADDED_KEYS.

    """
    kept = _without(plain, excluded_keys(plain["datamodule"]), added)
    named = {
        group: _by_choice(node, group, choices[group]) if isinstance(node, dict) and group in choices else node
        for group, node in kept.items()
    }
    named["start"] = start.identity if start else None
    return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()


def excluded_keys(data_set: Mapping[str, Any]) -> frozenset[str]:
    """HASH_EXCLUDED_KEYS and where the data set lies."""
    return HASH_EXCLUDED_KEYS | {f"datamodule.{key}" for key in data_set_class(data_set).location_keys}


def _without(
    tree: Mapping[str, Any], excluded: frozenset[str], added: Mapping[str, Any], prefix: str = ""
) -> dict[str, Any]:
    """Without the excluded keys and without added ones at their neutral value; 1.0 is 1."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        full = f"{prefix}{key}"
        if full in excluded or (full in added and added[full] == value):
            continue
        if isinstance(value, Mapping):
            found[key] = _without(value, excluded, added, f"{full}.")
        else:
            found[key] = int(value) if isinstance(value, float) and value.is_integer() else value
    return found


def _by_choice(node: dict[str, Any], group: str, choice: str) -> dict[str, Any]:
    """A group's settings with the choice's name in place of the classes that gridlite's own conf/ names for it.

    A class from elsewhere stays, with the version of its package: moving gridlite's code renames nothing, another package's class of
    the same name is another run.
    """
    # trainer=ddp is the same run in several processes
    name = "default" if (group, choice) == ("trainer", "ddp") else choice
    try:
        ours = choice_file(group, choice).is_relative_to(CONF)
        known = _targets(read_choice(group, choice)) if ours else {}
    except ChoiceError:
        known = {}
    return {"choice": name, **_relabelled(node, known)}


def _targets(node: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    found = {}
    for key, value in node.items():
        if key == "_target_":
            found[prefix] = str(value)
        elif isinstance(value, Mapping):
            found |= _targets(value, f"{prefix}{key}.")
    return found


def _relabelled(node: Mapping[str, Any], known: Mapping[str, str], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.items():
        if key == "_target_" and known.get(prefix) == value:
            continue
        if key == "_target_":
            found[key] = f"{value} {_version_of(str(value))}".rstrip()
        else:
            found[key] = _relabelled(value, known, f"{prefix}{key}.") if isinstance(value, Mapping) else value
    return found


def _version_of(target: str) -> str:
    """Of the package that a class comes from; empty for one that is not installed but lies on the path."""
    top = target.partition(".")[0]
    try:
        return version(packages_distributions().get(top, [top])[0])
    except PackageNotFoundError:
        return ""
