"""What torch says of the evaluated cells, and how a file is held against it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sweeps.metrics import grade_metrics


@dataclass(frozen=True)
class Scored:
    """What torch says of the val and test cells, and what is needed to hold a file against it."""

    columns: pd.DataFrame
    """sample, source_id, group, part, label; a row per cell."""
    images: npt.NDArray[np.uint8]
    """`(N, S, S, 3)`."""
    grades: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float64]

    @cached_property
    def accuracy(self) -> dict[str, float]:
        """Torch's, per part."""
        right = self.columns.label.to_numpy() == self.grades
        return {part: float(right[self.columns.part == part].mean()) for part in self.columns.part.unique()}

    def figures(
        self, grades: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float32], *, ordered: bool, most_lost: float
    ) -> dict[str, Any]:
        """Of a file's answers: metrics per part as training has them, agreement with torch, whether too much was lost.

        Args:
            grades: `(N,)`.
            probabilities: `(N, K)`.
            ordered: whether the classes are grades.
            most_lost: a file that loses more accuracy than this, on any part, is marked; 0 to 1.

        """
        labels, parts = self.columns.label.to_numpy(), self.columns.part
        figures: dict[str, Any] = {
            "agreement": float(np.mean(grades == self.grades)),
            "max_probability_difference": float(np.abs(probabilities - self.probabilities).max()),
            "mean_probability_difference": float(np.abs(probabilities - self.probabilities).mean()),
        }
        lost = []
        for part in parts.unique():
            here = (parts == part).to_numpy()
            chances = probabilities[here].astype(np.float64)
            found = grade_metrics(labels[here], grades[here], chances, ordered=ordered)
            figures |= {f"{part}/{key}": value for key, value in found.items()}
            drop = self.accuracy[part] - found["accuracy"]
            figures[f"{part}/accuracy_drop"] = drop
            if drop > most_lost:
                lost.append(f"{100 * drop:.1f} points of {part} accuracy")
        return figures | {"marked": f"loses {' and '.join(lost)} against torch" if lost else ""}
