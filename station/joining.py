"""The graded photos of each device → one grade a device, how sure it is, and how far its photos agree."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from datamodules.screens.device_rules import Rule
from datamodules.screens.grid import Grid
from station.device_grade import device_grade, other_grade
from station.drift import SHOT
from station.likeness import is_turned, look_from

Grades = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]


def half(grades: Grades, _: Shares) -> Grades:
    """Of each cell the worst grade that at least half of the photos give it, or a worse one."""
    worst_first = -np.sort(-grades, axis=0)
    return np.asarray(worst_first[(len(grades) + 1) // 2 - 1], np.int64)


def worst(grades: Grades, _: Shares) -> Grades:
    """Of each cell the worst grade that a photo gives it."""
    return np.asarray(grades.max(axis=0), np.int64)


def mean(grades: Grades, shares: Shares) -> Grades:
    """Of each cell the likeliest grade by the mean of the photos' probabilities; of one photo its grades."""
    return grades[0] if len(grades) == 1 else np.asarray(shares.mean(axis=0).argmax(axis=1), np.int64)


JOINS: dict[str, Callable[[Grades, Shares], Grades]] = {"half": half, "worst": worst, "mean": mean}
"""From grades `(photos, cells)`, 0 the best, and probabilities `(photos, cells, K)` to the device's `(cells,)`."""


@dataclass(frozen=True)
class Device:
    """One device and what its photos say together."""

    name: str
    photos: list[str]
    turned: list[bool]
    """Of each photo, whether it shows the phone the other way up than the first one."""
    grades: Grades
    """Of its cells, `(cells,)`."""
    grade: str
    reason: str
    confidence: float
    """Mean over cells and photos of the probability of the cell's grade."""
    lowest: float
    """The cell that is least sure: the mean over photos of the probability of its grade."""
    agreement: float | None
    """Mean over pairs of photos of the share of cells that both grade alike; None of one photo."""
    doubt: float
    """The chance of another grade, see `other_grade`."""
    asks: npt.NDArray[np.bool_] | None
    """Which of its cells a person should look at, `(cells,)`; None where the file does not say."""
    unknown: npt.NDArray[np.bool_] | None
    """Which of its cells look like nothing in training, in at least half of its photos, `(cells,)`; None where the file does not say."""
    damage: float
    """Mean over cells and photos of the expected grade, from 0 to 1."""
    brightness: float
    surround: float
    sharpness: float
    """Means over the photos, see `station.drift`."""

    @property
    def asked(self) -> int:
        """Cells that a person should look at."""
        return 0 if self.asks is None else int(self.asks.sum())

    @property
    def strange(self) -> int:
        """Cells that look like nothing in training."""
        return 0 if self.unknown is None else int(self.unknown.sum())

    @property
    def to_look_at(self) -> int:
        """Cells for a person, whatever the reason."""
        marks = [one for one in (self.asks, self.unknown) if one is not None]
        return int(np.any(marks, axis=0).sum()) if marks else 0


def joined(
    name: str, results: Sequence[Mapping[str, Any]], join: str, rules: Sequence[Rule], labels: Sequence[str], grid: Grid
) -> Device:
    """One device from the results of its photos, as `PhotoGrader.grade` gives them; `join` is one of JOINS.

    Corners that were found leave open which end of the phone is up; such photos are turned to fit the first one.
    """
    turned = _turned(results, grid)
    grades, shares = answers(results, turned)
    cells = JOINS[join](grades, shares)
    names = [labels[grade] for grade in cells]
    verdict = device_grade(names, rules)
    sure = np.take_along_axis(shares.mean(axis=0), cells[:, None], axis=1)[:, 0]
    alike = [float(np.mean(one == other)) for one, other in combinations(grades, 2)]
    return Device(
        name,
        [str(one["photo"]) for one in results],
        turned,
        cells,
        verdict.grade,
        verdict.reason,
        float(sure.mean()),
        float(sure.min()),
        float(np.mean(alike)) if alike else None,
        other_grade(shares.mean(axis=0), labels, rules, verdict.grade),
        _asks(results, turned, grades, cells),
        _unknown(results, turned),
        float((shares @ np.linspace(0, 1, len(labels))).mean()),
        *(float(np.mean([one["shot"][name] for one in results])) for name in SHOT),
    )


def _asks(
    results: Sequence[Mapping[str, Any]], turned: Sequence[bool], grades: Grades, cells: Grades
) -> npt.NDArray[np.bool_] | None:
    """Cells that are undamaged by all photos together, but not accepted as such in each of them.

    What passes for a device has then passed in every photo, so that what a file promises of a photo's cells holds for it too.
    """
    unsure = _marks(results, turned, "ask")
    return None if unsure is None else np.asarray((cells == 0) & (unsure | (grades > 0)).any(axis=0))


def _unknown(results: Sequence[Mapping[str, Any]], turned: Sequence[bool]) -> npt.NDArray[np.bool_] | None:
    """Cells that look strange in at least half of the photos: a reflection comes and goes, damage stays."""
    strange = _marks(results, turned, "unknown")
    return None if strange is None else np.asarray(2 * strange.sum(axis=0) >= len(strange))


def _marks(results: Sequence[Mapping[str, Any]], turned: Sequence[bool], name: str) -> npt.NDArray[np.bool_] | None:
    """What is said of each photo's cells, `(photos, cells)`, in the order of the first photo's; None where nothing is."""
    if any(cell[name] is None for one in results for cell in one["cells"]):
        return None
    marks = np.array([[cell[name] for cell in one["cells"]] for one in results], bool)
    for at in np.flatnonzero(turned):
        marks[at] = marks[at, ::-1].copy()
    return marks


def answers(results: Sequence[Mapping[str, Any]], turned: Sequence[bool]) -> tuple[Grades, Shares]:
    """Grades `(photos, cells)` and probabilities `(photos, cells, K)`, in the order of the first photo's cells."""
    grades = np.array([[cell["grade"] for cell in one["cells"]] for one in results], np.int64)
    shares = np.array([[[*cell["probabilities"].values()] for cell in one["cells"]] for one in results], np.float64)
    for at in np.flatnonzero(turned):
        grades[at], shares[at] = grades[at, ::-1].copy(), shares[at, ::-1].copy()
    return grades, shares


def _turned(results: Sequence[Mapping[str, Any]], grid: Grid) -> list[bool]:
    if len(results) < 2:
        return [False] * len(results)
    first, *others = [look_from(str(one["look"]), grid) for one in results]
    upright = [one["outline"] == "given" for one in results]
    return [False] + [
        not (upright[0] and known) and is_turned(look, first) for look, known in zip(others, upright[1:], strict=True)
    ]


def pooled_agreement(devices: Sequence[Device]) -> tuple[float, int] | None:
    """Over all pairs of photos of one device: the share of cells that both grade alike, and the pairs; None without a pair."""
    pairs = [(one.agreement, len(one.photos) * (len(one.photos) - 1) // 2) for one in devices]
    known = [(share, count) for share, count in pairs if share is not None]
    total = sum(count for _, count in known)
    return (sum(share * count for share, count in known) / total, total) if total else None
