"""The checkpoints of runs: one's own, and those of others that a run learns or starts from."""

import hashlib
from collections.abc import Iterator
from glob import glob
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from sweeps.record import Record, RecordError, Status, read_record

DIVIDES = ("fold", "folds", "val_folds", "split_seed", "held_out", "test_images", "use_parts")
"""Keys of a data set by which the same one may be divided otherwise."""


def each_checkpoint(module: Any, folder: Path) -> Iterator[tuple[str, str]]:
    """Loads the last one and then the best one, of those that were kept; yields name and what figures of it are called by."""
    from lightning_modules.inference import load_checkpoint

    for checkpoint, infix in (("last", "last/"), ("best", "")):
        path = folder / "checkpoints" / f"{checkpoint}.ckpt"
        if path.exists():
            load_checkpoint(module, path)
            yield checkpoint, infix


def matching(key: str, name: str) -> list[Path]:
    """The folder of that name, or the runs that a pattern with `*` matches: one per fold, say, by `${fold}` in it.

    Raises RecordError, naming `key`, where none is called so.
    """
    if "*" not in name:
        return [Path(name)]
    found = sorted(Path(path).parent for path in glob(f"{name}/record.json"))  # noqa: PTH207  it may begin anywhere
    if not found:
        raise RecordError(f"{key}={name}: no run's folder is called so")
    return found


def checkpoint_of(key: str, folder: Path) -> tuple[Record, Path]:
    """A done run's record and its best checkpoint, the last one where no best one was kept. Raises RecordError."""
    record = read_record(folder)
    if record["status"] != Status.DONE:
        raise RecordError(f"{key}={folder}: the run is {record['status']}; want a done one")
    kept = (folder / "checkpoints" / f"{name}.ckpt" for name in ("best", "last"))
    path = next((one for one in kept if one.exists()), None)
    if path is None:
        raise RecordError(f"{key}={folder}: it has kept no checkpoint")
    return record, path


def content_of(path: Path) -> str:
    """The first 16 hex digits of a file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def must_be_divided_alike(key: str, cfg: DictConfig, folder: Path) -> None:
    """Raises RecordError for a run that has been trained on this one's val or test part.

    Two data sets are held to be the same one where they are of the same kind or lie in the same place; of rendered and
    real phones, those alone that were trained on real ones.
    """
    own, others = cfg.datamodule, read_record(folder)["config"]["datamodule"]
    place, other_place = own.get("root"), others.get("root")
    same = others["_target_"] == own["_target_"] or (place is not None and place == other_place)
    if not same or others.get("real") == 0:
        return
    for name in DIVIDES:
        if name in own and name in others and own[name] != others[name]:
            raise RecordError(
                f"{key}={folder}: was trained with datamodule.{name}={others[name]}, here it is {own[name]}: it would "
                "know the pictures that this run is measured on"
            )
