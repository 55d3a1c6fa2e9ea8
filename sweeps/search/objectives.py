"""What a search wants high or low."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal, cast

from sweeps.records.run_record import Record, RecordError

if TYPE_CHECKING:
    from metrics.base import TaskMetrics

Direction = Literal["maximize", "minimize"]


@dataclass(frozen=True)
class Objective:
    """A figure of a record that is to be high or low."""

    figure: str
    """A metric such as val/accuracy, or of an exported file such as int8:val/accuracy or int8:latency_ms_p50."""
    direction: Direction

    @classmethod
    def parse(cls, words: str) -> "Objective":
        """From `maximize <figure>` or `minimize <figure>`; ValueError otherwise."""
        direction, _, figure = words.partition(" ")
        if direction not in ("maximize", "minimize") or not figure.strip():
            raise ValueError(f"hydra.sweeper.objectives: {words!r}: want maximize or minimize and a figure")
        return cls(figure.strip(), cast(Direction, direction))

    @property
    def file(self) -> str:
        """The kind of file whose figure it is; empty where it is the network's."""
        return self.figure.rpartition(":")[0]

    def check(self, metrics: "TaskMetrics", kinds: Collection[str]) -> None:
        """Raises ValueError for a figure that no run will have: of a file that is not made, or misspelled.

        Args:
            metrics: of the task.
            kinds: of the files that each run makes.

        """
        file, name = self.file, self.figure.rpartition(":")[2]
        said = f"hydra.sweeper.objectives: {self.direction} {self.figure}"
        if file and file not in kinds:
            have = f"the files are {', '.join(sorted(kinds))}" if kinds else "no files are made"
            raise ValueError(f"{said}: {have}; export=all with quantization={file} makes that one")
        part, _, figure = name.rpartition("/")
        known = {*metrics.epoch_figures, *metrics.figures, *metrics.headlines, *metrics.file_columns, *metrics.repeated}
        if part and figure not in known and (near := get_close_matches(figure, sorted(known), 1)):
            raise ValueError(f"{said}: no such figure; did you mean {part}/{near[0]}?")

    def value(self, record: Record) -> float:
        """What a record says. Raises RecordError where it does not have the figure."""
        file, _, name = self.figure.rpartition(":")
        entry: Any = record.get("exports", {}).get(file, {}) if file else record.get("metrics", {})
        value = entry.get(name, next((timed[name] for timed in entry.get("latency", []) if name in timed), None))
        if name in entry and value is None:  # an epoch that never came
            return math.inf if self.direction == "minimize" else -math.inf
        if not isinstance(value, int | float):
            need = f"; export=all with quantization={file} makes it" if file else ""
            raise RecordError(f"objective {self.figure}: the run's record has no such figure{need}")
        return float(value)
