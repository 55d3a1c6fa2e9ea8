"""By what photos are graded, as it is handed to processes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datamodules.screens.screen_size import Size
from station.photo_grader import PhotoGrader


@dataclass(frozen=True)
class Setup:
    """See `PhotoGrader`."""

    network: Path
    rules: Sequence[Mapping[str, Any]] | None = None
    least_cell_px: int | None = None
    cost: Any = None
    damage: Path | None = None
    screen_mm: Size | None = None

    def grader(self, threads: int = 2) -> PhotoGrader:
        """Raises what `PhotoGrader` raises."""
        return PhotoGrader(
            self.network, self.rules, self.least_cell_px, threads, self.cost, self.damage, self.screen_mm
        )
