"""What a wrong grade costs: a matrix of one's own, the expected cost of a sample as the figure that chooses, and grades of least expected cost."""

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, override

import numpy as np
import numpy.typing as npt
import yaml

from metrics.base import Figure
from metrics.grading import GradingMetrics
from metrics.resampling import CountedFigure

Numbers = npt.NDArray[np.float64]
KINDS = ("missed_damage", "false_alarm", "wrong_grade")
"""Of the short form: damage called undamaged, the undamaged called damage, and damage called another damage; what is left out costs 0."""
SHAPE = "a list of rows, one for each true grade, with a number for each answered one, or {missed_damage: 10, false_alarm: 1}"


class CostError(ValueError):
    """Costs that cannot be; the message is one line."""


@dataclass(frozen=True)
class Cost:
    """Rows are true grades, columns answered ones.

    Attributes:
        rows: of the matrix; None for the short form.
        kinds: of the short form, see KINDS.

    """

    rows: tuple[tuple[float, ...], ...] | None
    kinds: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @classmethod
    def read(cls, value: Any) -> "Cost":
        """Of a YAML text, a list of rows, or the short form. Raises CostError."""
        if isinstance(value, str):
            try:
                value = yaml.safe_load(value)
            except yaml.YAMLError:
                raise CostError(f"cost={value}: no YAML; want {SHAPE}") from None
        if isinstance(value, Mapping):
            return cls(None, _kinds(value))
        if not isinstance(value, list) or not value or not all(isinstance(row, list) for row in value):
            raise CostError(f"cost={value}: want {SHAPE}")
        for number, row in enumerate(value, 1):
            _check_row(number, row, len(value))
        return cls(tuple(tuple(map(float, row)) for row in value))

    def matrix(self, classes: int) -> Numbers:
        """`(classes, classes)`, cost of [true, answered]. Raises CostError where it is one of another size."""
        if self.rows is not None:
            if len(self.rows) != classes:
                raise CostError(
                    f"cost: {len(self.rows)} x {len(self.rows)}; want {classes} x {classes}, for as many grades"
                )
            return np.array(self.rows)
        missed, alarm, wrong = self.kinds
        made = np.full((classes, classes), wrong)
        made[1:, 0], made[0, 1:] = missed, alarm
        np.fill_diagonal(made, 0.0)
        return made

    @property
    def words(self) -> str:
        """As it was given, short."""
        if self.rows is not None:
            return json.dumps(self.rows)
        return ", ".join(
            f"{kind.replace('_', ' ')} {cost:g}" for kind, cost in zip(KINDS, self.kinds, strict=True) if cost
        )


def _kinds(given: Mapping[Any, Any]) -> tuple[float, float, float]:
    if odd := [key for key in given if key not in KINDS]:
        raise CostError(f"cost: {odd[0]}: no such mistake; want {', '.join(KINDS)}")
    for key, value in given.items():
        if not _is_cost(value):
            raise CostError(f"cost: {key}: {value}; want a number of at least 0")
    found = tuple(float(given.get(kind, 0)) for kind in KINDS)
    if not any(found):
        raise CostError("cost: nothing costs anything; want a number above 0 for one of " + ", ".join(KINDS))
    return found[0], found[1], found[2]


def _check_row(number: int, row: list[Any], size: int) -> None:
    if len(row) != size:
        raise CostError(f"cost: row {number} has {len(row)} numbers and there are {size} rows; want a square")
    if odd := [value for value in row if not _is_cost(value)]:
        raise CostError(f"cost: row {number}: {odd[0]}; want numbers of at least 0")
    if row[number - 1] > min(row):
        raise CostError(
            f"cost: row {number}: the right answer costs {row[number - 1]:g} and a wrong one {min(row):g}; want it the least of its row"
        )


def _is_cost(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < np.inf


def least_cost(probabilities: Any, matrix: Numbers) -> npt.NDArray[np.int64]:
    """Grades `(N,)` of least expected cost, of equal ones the better; probabilities `(N, K)`."""
    return np.asarray((np.asarray(probabilities, np.float64) @ matrix).argmin(axis=1), np.int64)


class CostedGrading(GradingMetrics):
    """Grades, judged by the expected cost of a sample first."""

    main = "cost"
    direction = "min"
    titles: ClassVar[Mapping[str, str]] = {**GradingMetrics.titles, "cost": "expected cost"}
    columns = ("val/cost", *GradingMetrics.columns[:4], "test/cost", *GradingMetrics.columns[4:])
    headlines = ("cost", *GradingMetrics.headlines)
    file_columns = ("cost", *GradingMetrics.file_columns)
    compared = ("val/cost", *GradingMetrics.compared)
    own_unit = frozenset({"cost"})
    beyond_baseline = ("cost",)
    pooled_files = ("cost", *GradingMetrics.pooled_files)

    def __init__(self, cost: Cost, classes: int) -> None:
        self.cost, self.classes = cost, classes
        self.matrix = cost.matrix(classes)
        self.figures: Mapping[str, Figure] = {  # type: ignore[misc]
            "cost": CountedFigure(lambda labels, grades: float(self.matrix[labels, grades].mean()), self._of_counts),
            **GradingMetrics.figures,
        }

    def _of_counts(self, matrices: Numbers) -> Numbers:
        size = matrices.shape[1]
        found: Numbers = (matrices * self.matrix[:size, :size]).sum(axis=(1, 2)) / matrices.sum(axis=(1, 2))
        return found

    @property
    @override
    def mark(self) -> str:
        return json.dumps(self.matrix.tolist())

    @override
    def derived(self, figures: Mapping[str, Any]) -> dict[str, float]:
        """The cost of each confusion matrix among them."""
        found = {}
        for name, value in figures.items():
            if name.endswith("/confusion"):
                counts = np.asarray(value, np.float64)
                if counts.shape != self.matrix.shape:
                    raise CostError(
                        f"cost: it is for {self.classes} grades, a run has {len(counts)}; want a sweep of one kind of grades"
                    )
                if counts.sum():
                    found[f"{name.removesuffix('confusion')}cost"] = float((counts * self.matrix).sum() / counts.sum())
        return found

    @override
    def derived_constant(self, figures: Mapping[str, Any], value: Any) -> dict[str, float]:
        constant: dict[str, Any] = {}
        for name, counts in figures.items():
            if name.endswith("/confusion"):
                constant[name] = np.zeros_like(np.asarray(counts))
                constant[name][:, int(value)] = np.sum(counts, axis=1)
        return self.derived(constant)

    @property
    @override
    def template(self) -> Path:
        return Path(inspect.getfile(GradingMetrics)).with_suffix(".html.j2")
