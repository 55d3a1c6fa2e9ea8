"""Whether a run that is learned from has seen the pictures that this one is measured on."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from sweeps.records.run_record import RecordError, read_record

DIVIDES = ("fold", "folds", "val_folds", "split_seed", "held_out", "test_images", "use_parts")
"""Keys of a data set by which the same one may be divided otherwise."""


PHONES = ("phone_photos.PhonePhotos", "mixed_screens.MixedScreens", "painted_screens.PaintedScreens")
"""Kinds that read the same photos: each by itself, beside rendered ones, and with painted damage."""


def kind_of(data: Mapping[str, Any]) -> str:
    """What a data set is read as; the same for those that read the same photos."""
    kind = str(data["_target_"])
    return "phones" if kind.removeprefix("datamodules.") in PHONES else kind


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
