"""What a search wants high or low."""

import math
from dataclasses import dataclass
from typing import Any, Literal, cast

from sweeps.records.run_record import Record, RecordError

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
