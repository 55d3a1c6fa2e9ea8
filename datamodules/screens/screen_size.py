"""How large a device's front is, so that what is marked on it can be told in millimetres."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from datamodules.base.errors import DataError

Size = tuple[float, float]
"""Width, along the grid's columns, and height, along its rows; millimetres."""
SMALLEST, LARGEST = 10.0, 2000.0
"""Of either, millimetres."""


def read_screen(given: Any, named: str = "datamodule.screen_mm") -> Size | None:
    """Two numbers, or None where the size is not known. Raises DataError for anything else."""
    if given is None:
        return None
    sides = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else []
    if len(sides) != 2 or not all(_is_side(one) for one in sides):
        raise DataError(
            f"{named}={given!s:.60}: want width and height in millimetres, {SMALLEST:g} to {LARGEST:g}, such as [65, 140], or null"
        )
    return float(sides[0]), float(sides[1])


def _is_side(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value) and SMALLEST <= value <= LARGEST


def given_screen(data_set: DictConfig | None) -> Size | None:
    """What `profile=` has set. Raises DataError as `read_screen` does."""
    found = None if data_set is None else data_set.get("screen_mm")
    return read_screen(OmegaConf.to_container(found) if OmegaConf.is_config(found) else found)


def screen_of(profile: Mapping[str, Any] | None) -> Size | None:
    """What a network carries, see `Samples.profile`. Raises DataError where it is none."""
    return read_screen((profile or {}).get("screen_mm"), "its profile: screen_mm")
