"""What makes two configurations the same run: a hash over all that changes the result. No torch here."""

import hashlib
import json
from typing import Any

from lightning_modules.backbones.spec import Start

RESULT_FREE = {
    "paths",
    "logger",
    "sweep_name",
    "overwrite",
    "retry_failed",
    "trial",
    "callbacks.keep_best",
    "callbacks.keep_last",
    "trainer.accelerator",
    "trainer.strategy",
    "trainer.devices",
    "trainer.num_nodes",
    "ahead",
    "resident",
    "speed",
    "stack",
    "task.score",
    "task.files",
    "task.prepare",
    "task.samples",
    "task.teacher",
    "task.temperatures",
    "datamodule.root",
    "datamodule.cache",
    "datamodule.folder",
    "datamodule.groups",
    "export",
    "quantization",
    "latency",
    "backbone.spec",
    "backbone.weights",
    "hydra",
    "experiment",
    "sweep",
    "finalist",
}
"""Keys that leave a run's result as it is; the start and the data are covered by their own fingerprints.

Several processes hold the batch of one together, so how many they are may change when a run goes on.
"""


def config_hash(plain: dict[str, Any], start: Start | None) -> str:
    """SHA-256 over the configuration without the result-free keys, and the content of the starting weights."""
    kept = _without(plain, RESULT_FREE) | {"start": start.identity if start else None}
    kept["trainer"] |= {"devices": 1}  # part of every hash before trainer=ddp
    if kept.get("callbacks", {}).get("patience", "") is None:
        del kept["callbacks"]["patience"]  # part of no hash before training could end early
    if kept["datamodule"].get("labels") == "settled":
        del kept["datamodule"]["labels"]  # part of no hash before votes could be trained on
    if kept["datamodule"].get("severity") is True:
        del kept["datamodule"]["severity"]  # these two are part of no hash of painted phones before there were any
        if kept["datamodule"].get("real") == 1:
            del kept["datamodule"]["real"]
    _without_plain_look(kept["datamodule"])
    _without_plain_look(kept["datamodule"].get("rendered"))
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def _without_plain_look(data: Any) -> None:
    """Takes factors of the renderer that are 1 out: part of no hash before there were any; 0 and 0.0 are the same."""
    look = data.get("look") if isinstance(data, dict) else None
    if isinstance(look, dict):
        other = {name: float(value) if isinstance(value, int) else value for name, value in look.items() if value != 1}
        data["look"] = other
    if isinstance(data, dict) and not data.get("look", True):
        del data["look"]


def _without(tree: dict[str, Any], keys: set[str], prefix: str = "") -> dict[str, Any]:
    return {
        key: _without(value, keys, f"{prefix}{key}.") if isinstance(value, dict) else value
        for key, value in tree.items()
        if f"{prefix}{key}" not in keys
    }
