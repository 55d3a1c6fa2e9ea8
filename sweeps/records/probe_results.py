"""What probing backbones has shown, kept beside a sweep's runs as `probes.csv`."""

import csv
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from filelock import FileLock

from storage.whole_file import replaced


@dataclass(frozen=True)
class Probe:
    """A backbone with frozen weights, judged on a validation set; shares from 0 to 1."""

    backbone: str
    width: float
    resolution: int
    start: str
    weights: str
    """First hex digits of the weights' SHA-256; empty for a random start."""
    datamodule: str
    fingerprint: str
    """Of the data and its division."""
    fold: int
    learned_from: int
    """Samples of the training set."""
    judged_on: int
    """Samples of the validation set."""
    linear: float
    """Accuracy of the linear probe."""
    low: float
    """95 % bootstrap over sources, as `high`."""
    high: float
    neighbours: float
    """Accuracy of nearest neighbours."""
    seconds: float
    at: str
    """When, ISO 8601, UTC."""

    @property
    def name(self) -> str:
        """Backbone, width, resolution and initial weights, as a chart names it."""
        return f"{self.backbone} ×{self.width:g} {self.resolution} px, {self.start} weights"


def keep(sweep: Path, probe: Probe) -> Path:
    """Enters a probe into the sweep's `probes.csv`, in place of an older one of the same backbone, weights and data."""
    path = sweep / "probes.csv"
    sweep.mkdir(parents=True, exist_ok=True)
    with FileLock(sweep / "probes.csv.lock"):
        others = [one for one in kept(sweep) if _same(one) != _same(probe)]
        with replaced(path) as unfinished, unfinished.open("w", newline="") as file:
            writer = csv.DictWriter(file, [field.name for field in fields(Probe)])
            writer.writeheader()
            writer.writerows(asdict(one) for one in sorted([*others, probe], key=lambda one: -one.linear))
    return path


def kept(sweep: Path) -> list[Probe]:
    """The probes so far, the best linear one first."""
    path = sweep / "probes.csv"
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        if not {field.name for field in fields(Probe)} <= set(file.readline().strip().split(",")):
            return []  # of an older version
        file.seek(0)
        return [
            Probe(**{field.name: field.type(row[field.name]) for field in fields(Probe)})  # type: ignore[operator]
            for row in csv.DictReader(file)
        ]


def _same(probe: Probe) -> tuple[str, float, int, str, str, str]:
    return probe.backbone, probe.width, probe.resolution, probe.start, probe.weights, probe.fingerprint
