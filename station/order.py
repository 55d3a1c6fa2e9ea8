"""What a person asks for a folder of photos, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datamodules.screens.screen_size import Size
from station.drift import FALSE_ALARMS
from station.joining import Device
from station.setup import Setup


@dataclass(frozen=True)
class Order:
    """What a person has asked for."""

    photos: Path
    output: Path
    network: Path
    rules: Sequence[Mapping[str, Any]] | None
    join: str = "half"
    devices: Path | None = None
    device_pattern: str | None = None
    least_cell_px: int | None = None
    jobs: int | None = None
    """Processes; None: as many as are worth their start, at most one for each core."""
    reference: Path | None = None
    """An output folder of an earlier command, which the devices are held against."""
    false_alarms: float = FALSE_ALARMS
    """See `station.drift.compare`."""
    cost: Any = None
    """Of wrong grades, see `PhotoGrader`."""
    damage: Path | None = None
    """A network that marks damage, see `PhotoGrader`."""
    screen_mm: Size | None = None
    """See `PhotoGrader`."""

    @property
    def setup(self) -> Setup:
        """What grades."""
        return Setup(self.network, self.rules, self.least_cell_px, self.cost, self.damage, self.screen_mm)


@dataclass(frozen=True)
class Summary:
    """What came of it."""

    devices: list[Device]
    refused: dict[str, str]
    """Photo → why."""
    new: int
    """Photos that were graded, or refused, by this command and not before."""
    seconds: float
    """That these took."""
    promise: dict[str, Any] | None = None
    """By what cells are left to a person, where the file says so (`metrics.conformal.promise`)."""
    unknown: dict[str, Any] | None = None
    """From which distance on cells look like nothing in training, where the file says so (`metrics.unknown`)."""
    moved: tuple[int, int, int] | None = None
    """Of the photos' cells how many got a worse grade by what a mistake costs, how many a better one, and of how many; None without costs."""

    @property
    def to_look_at(self) -> tuple[int, int]:
        """Cells that a person should look at, and of how many devices."""
        counts = [one.asked for one in self.devices]
        return sum(counts), sum(count > 0 for count in counts)

    @property
    def strange(self) -> tuple[int, int]:
        """Cells that look like nothing in training, and of how many devices."""
        counts = [one.strange for one in self.devices]
        return sum(counts), sum(count > 0 for count in counts)

    against_reference: tuple[str, ...] = ()
    """What has changed, in words."""
