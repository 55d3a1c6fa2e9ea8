"""From where damage is major: another shop's rule gives the same pictures other labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.base.errors import DataError
from datamodules.rendering.geometry import (
    CELL_DIAGONAL,
    CRACK_MAJOR_COVER,
    SCRATCH_MAJOR,
    SCRATCH_VISIBLE,
    Damage,
    crack_cover,
    crack_grades,
    length_per_cell,
    scratch_grades,
    segments_of,
)


@dataclass(frozen=True)
class GradeRule:
    """What makes a cell's damage major.

    Args:
        major_scratches: length of the scratches in it from which on they are, in cell diagonals.
        major_cracks: share of it covered by cracks and crushed glass above which they are.

    Raises DataError for a length at which scratches cannot be seen or that is above 4, and for a share that is none.

    """

    major_scratches: float = SCRATCH_MAJOR
    major_cracks: float = CRACK_MAJOR_COVER

    def __post_init__(self) -> None:
        for name, least, most in (("major_scratches", SCRATCH_VISIBLE, 4.0), ("major_cracks", 0.0, 1.0)):
            given = getattr(self, name)
            if isinstance(given, bool) or not isinstance(given, int | float) or not least <= given <= most:
                raise DataError(f"{name}={given}: want a number from {least:g} to {most:g}")

    @classmethod
    def of(cls, given: Mapping[str, Any] | None, key: str) -> "GradeRule":
        """From settings by name; None is the renderer's own. Raises DataError that names the setting, which stands under `key`."""
        if given is not None and not isinstance(given, Mapping):
            raise DataError(f"{key}={given}: want limits by name, such as {{major_cracks: 0.2}}")
        for name in sorted((given or {}).keys() - {"major_scratches", "major_cracks"}):
            raise DataError(f"{key}.{name}: no such limit; want major_scratches or major_cracks")
        try:
            return cls(**{name: value for name, value in (given or {}).items() if value is not None})
        except DataError as error:
            raise DataError(f"{key}.{error}") from None

    @property
    def suffix(self) -> str:
        """What tells the folder of a set with these labels from that of the renderer's own; empty for those."""
        scratches = f"-scratches{self.major_scratches:g}" if self.major_scratches != SCRATCH_MAJOR else ""
        return scratches + (f"-cracks{self.major_cracks:g}" if self.major_cracks != CRACK_MAJOR_COVER else "")

    def grades(self, damage: Damage) -> NDArray[np.int64]:
        """Grade (5, 3) of every cell, 0..4 in the order of CLASS_NAMES; cracks beat scratches."""
        lengths = length_per_cell(segments_of(damage.scratches)) / CELL_DIAGONAL
        scratched = np.where(scratch_grades(damage.scratches) > 0, np.where(lengths >= self.major_scratches, 2, 1), 0)
        lines = np.concatenate([segments_of(damage.cracks), damage.dashes])
        covered = crack_cover(lines, damage.crushes) > self.major_cracks
        cracked = np.where(crack_grades(damage) > 0, np.where(covered, 4, 3), 0)
        found: NDArray[np.int64] = np.maximum(scratched, cracked).astype(np.int64)
        return found
