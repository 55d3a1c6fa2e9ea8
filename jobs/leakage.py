"""Whether a run that is learned from has seen the pictures that this one is measured on: asked of the data sets."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.utils import get_class
from omegaconf import DictConfig

from datamodules.base.data_set import DataSet, PictureSet
from jobs.trusted_config import trusted_config
from sweeps.records.run_record import RecordError, read_record


def data_set_class(settings: Mapping[str, Any]) -> type[DataSet]:
    """What a configuration's data set is built from."""
    found: type[DataSet] = get_class(str(settings["_target_"]))
    return found


def pictures_of(settings: Mapping[str, Any], *, trained: bool) -> list[PictureSet]:
    """See `DataSet.pictures`."""
    return data_set_class(settings).pictures(settings, trained=trained)


def assert_no_leakage(key: str, cfg: DictConfig, folder: Path) -> None:
    """Raises RecordError, naming `key`, for a run that has been trained on this one's validation or test set."""
    others = trusted_config(read_record(folder))["datamodule"]
    for mine in pictures_of(cfg.datamodule, trained=False):
        for given in pictures_of(others, trained=True):
            if not mine.same(given):
                continue
            if mine.division is None or given.division is None:
                raise RecordError(
                    f"{key}={folder}: was trained on pictures of {given.name} that this run is measured on"
                )
            for name, own in mine.division.items():
                if name in given.division and own != given.division[name]:
                    raise RecordError(
                        f"{key}={folder}: was trained with datamodule.{name}={given.division[name]}, here it is {own}: it would "
                        "know the pictures that this run is measured on"
                    )
