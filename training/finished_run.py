"""A finished run, rebuilt from its record: its network and its data."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.utils import instantiate

from jobs.trusted_config import trusted_config
from storage.whole_file import sha256_of
from sweeps.records.run_record import Record, RecordError

if TYPE_CHECKING:
    from datamodules.base.samples import Samples


def load_run(record: Record, checkpoint: Path) -> Any:
    """The trained module of a record, on the CPU. Raises RecordError where the checkpoint is not the one that the record has scored."""
    from lightning_modules.backbones.spec import InitialWeights
    from lightning_modules.checkpoints import load_checkpoint
    from training.build import build_module

    begun, data = record["initial_weights"], record["data"]
    start = InitialWeights(
        begun["origin"], begun["padding"], tuple(begun["mean"]), tuple(begun["std"]), eps=float(begun["eps"])
    )
    module = build_module(trusted_config(record), start, len(data["class_names"]), ordered=data["ordered"])
    load_checkpoint(module, checkpoint)
    scored = record.get("checkpoints", {}).get(checkpoint.stem)
    if scored is not None and sha256_of(checkpoint) != scored:
        raise RecordError(f"{checkpoint}: not the checkpoint that the record's figures are of (its SHA-256 is another)")
    return module


def load_samples(record: Record, root: str | None, cache: str | None) -> "Samples":
    """The data of a record, divided as it was. Raises RecordError when it is no longer the same.

    It is read where the record says, or in `root`; nothing is written where a record says: `cache` is this machine's.
    """
    settings = dict(trusted_config(record)["datamodule"])
    settings |= {"root": root} if root is not None else {}
    settings |= {"cache": cache or os.environ.get("GRIDLITE_CACHE", ".cache")} if "cache" in settings else {}
    if "folder" in settings and not Path(settings["folder"]).is_dir():  # where rendered sets lay when it was trained
        settings["folder"] = os.environ.get("GRIDLITE_DATA", "data")
    samples: Samples = instantiate(settings).load()
    if samples.fingerprint != record["data"]["fingerprint"]:
        raise RecordError(
            f"{settings['root']}: not the data that the run was trained on (fingerprint {samples.fingerprint}, the "
            f"record says {record['data']['fingerprint']}); root=<folder> names another place"
        )
    return samples
