"""The checkpoints of runs: one's own, and those of others that a run learns or starts from."""

import hashlib
from collections.abc import Iterator, Mapping
from glob import glob
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from sweeps.record import Record, RecordError, Status, read_record

DIVIDES = ("fold", "folds", "val_folds", "split_seed", "held_out", "test_images", "use_parts")
"""Keys of a data set by which the same one may be divided otherwise."""


PHONES = ("phone_photos.PhonePhotos", "mixed_screens.MixedScreens", "painted_screens.PaintedScreens")
"""Kinds that read the same photos: each by itself, beside rendered ones, and with painted damage."""


def kind_of(data: Mapping[str, Any]) -> str:
    """What a data set is read as; the same for those that read the same photos."""
    kind = str(data["_target_"])
    return "phones" if kind.removeprefix("datamodules.") in PHONES else kind


def each_checkpoint(module: Any, folder: Path) -> Iterator[tuple[str, str]]:
    """Loads the last one and then the best one, of those that were kept; yields name and what figures of it are called by."""
    from lightning_modules.inference import load_checkpoint

    for checkpoint, infix in (("last", "last/"), ("best", "")):
        path = folder / "checkpoints" / f"{checkpoint}.ckpt"
        if path.exists():
            load_checkpoint(module, path)
            yield checkpoint, infix


def matching(key: str, name: str, without: Path | None = None) -> list[Path]:
    """The folder of that name, or the runs that a pattern with `*` matches: one per fold, say, by `${fold}` in it.

    Args:
        key: what the name was given to.
        without: a sweep's folder, the runs of which are passed over: those that ask.

    Raises RecordError, naming `key`, where none is called so.
    """
    if "*" not in name:
        return [Path(name)]
    found = sorted(Path(path).parent for path in glob(f"{name}/record.json"))  # noqa: PTH207  it may begin anywhere
    found = [one for one in found if without is None or one.parent.resolve() != without.resolve()]
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

    Two data sets are held to be the same one where they are of the same kind or lie in the same place; rendered phones, where
    the renderer was asked for the same ones, whatever their look.
    """
    own, others = cfg.datamodule, read_record(folder)["config"]["datamodule"]
    for mine, measured in _sets(own, trained=False):
        for given, seen in _sets(others, trained=True):
            if not _same(mine, given):
                continue
            if measured is None or seen is None:
                raise RecordError(
                    f"{key}={folder}: was trained on pictures of {given[-1]} that this run is measured on"
                )
            for name in DIVIDES:
                if name in measured and name in seen and measured[name] != seen[name]:
                    raise RecordError(
                        f"{key}={folder}: was trained with datamodule.{name}={seen[name]}, here it is {measured[name]}: it would "
                        "know the pictures that this run is measured on"
                    )


Place = tuple[str, str, str]
"""Kind of a data set, its folder (empty where its kind says all), and what it is called."""


def _sets(data: Mapping[str, Any], *, trained: bool) -> Iterator[tuple[Place, dict[str, Any] | None]]:
    """The data sets that a run is trained on, or measured on, each with what divides it; None where all of it is."""
    kind, rendered = kind_of(data), data.get("rendered")
    divided = {name: data[name] for name in DIVIDES if name in data}
    if rendered is None:
        yield _drawn(data) if "render_seed" in data and "devices" in data else _lying(kind, data), divided
        return
    alone = data.get("real") == 0
    if not (alone and trained):
        yield _lying(kind, data), None if alone else divided
    if rendered.get("photos") and (alone or trained):
        yield _drawn(rendered), divided | {"val_folds": 0} if alone else None


def _lying(kind: str, data: Mapping[str, Any]) -> Place:
    root = data.get("root")
    return kind, "" if root is None else str(Path(root).resolve()), str(root or kind.rpartition(".")[2])


def _drawn(data: Mapping[str, Any]) -> Place:
    which = ", ".join(f"{name}={data.get(name)}" for name in ("devices", "photos", "render_seed"))
    return f"rendered {which}", "", f"rendered phones ({which})"


def _same(one: Place, other: Place) -> bool:
    return one[0] == other[0] or ("" != one[1] == other[1])
