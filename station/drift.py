"""Whether camera and stock have changed: what photos look like and are answered now, against a reference.

What is compared are devices, not photos and not cells: two photos of one phone say nearly the same, and tests that take them for
two would find a change where there is none.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt
from scipy.stats import MonteCarloMethod, chi2_contingency, ks_2samp

from datamodules.base.pixels import Image, resize

SHOT = ("brightness", "surround", "sharpness")
"""Figures of a photo, see `shot_of`."""
FIGURES = (*SHOT, "damage", "confidence")
"""Compared by the Kolmogorov-Smirnov test; see `Observation`."""
GRADE = "grade"
"""Of the device; compared by the chi-squared test."""
TESTS = len(FIGURES) + 1
SMALL = 240
"""Longest side of a photo when its surround is looked at, pixels."""
LEAST_AROUND = 0.01
"""Of a photo, below which nothing is around the phone."""
LEAST = 5
"""Devices on either side, below which nothing is compared."""
FALSE_ALARMS = 0.01
"""The chance that anything is called changed where nothing has."""


class Observation(Protocol):
    """One device, as `joining.Device` has it."""

    @property
    def brightness(self) -> float:
        """Mean luma of the straightened phone, 0 to 1; of several photos their mean, as all figures."""

    @property
    def surround(self) -> float:
        """Median luma of what lies around the phone, 0 to 1: a station's lamp and camera, whatever the phone."""

    @property
    def sharpness(self) -> float:
        """log10 of the variance of the Laplacian of the straightened phone's luma (0 to 255)."""

    @property
    def damage(self) -> float:
        """Mean over cells of the expected grade, 0 (all of the best) to 1 (all of the worst)."""

    @property
    def confidence(self) -> float:
        """Mean over cells of the probability of the cell's grade."""

    @property
    def grade(self) -> str:
        """The device's."""


@dataclass(frozen=True)
class Seen:
    """An observation by itself."""

    brightness: float
    surround: float
    sharpness: float
    damage: float
    confidence: float
    grade: str


@dataclass(frozen=True)
class Compared:
    """One figure of two sets of devices."""

    figure: str
    p: float
    """The chance of so large a difference where nothing has changed."""
    was: float | str
    """Median of the reference; of grades the commonest."""
    now: float | str
    changed: bool
    """Whether p is below its share of the false alarms."""


def shot_of(phone: Image, photo: Image, corners: npt.NDArray[np.float64]) -> dict[str, float]:
    """What a photo is like, whatever it is answered; see `Observation`.

    Args:
        phone: straightened, `(rows · cell_px, columns · cell_px, 3)`.
        photo: that it was cut from, `(H, W, 3)`.
        corners: of the phone in it, `(4, 2)`.

    """
    luma = cv2.cvtColor(phone, cv2.COLOR_RGB2GRAY)
    edges = cv2.Laplacian(luma, cv2.CV_32F).var(dtype=np.float64)
    return {
        "brightness": round(float(luma.mean()) / 255, 4),
        "surround": round(_surround(photo, corners), 4),
        "sharpness": round(float(np.log10(edges + 1e-3)), 4),
    }


def _surround(photo: Image, corners: npt.NDArray[np.float64]) -> float:
    """Of a photo that the phone fills, all of it."""
    scale = min(1.0, SMALL / max(photo.shape[:2]))
    width, height = (max(1, round(scale * side)) for side in photo.shape[1::-1])
    luma = np.asarray(cv2.cvtColor(resize(photo, (width, height)), cv2.COLOR_RGB2GRAY), np.uint8)
    outside = np.ones(luma.shape, np.uint8)
    middle = corners.mean(axis=0)
    beyond = scale * (middle + 1.05 * (corners - middle))  # edges and shadows are the phone's
    cv2.fillConvexPoly(outside, np.round(beyond).astype(np.int32), 0)
    around = luma[outside.astype(bool)]
    return float(np.median(around if around.size >= LEAST_AROUND * luma.size else luma)) / 255


def compare(
    reference: Sequence[Observation], now: Sequence[Observation], false_alarms: float = FALSE_ALARMS, windows: int = 1
) -> list[Compared]:
    """Every figure of two sets of devices; empty where they are too few to tell, see `enough`.

    Args:
        reference, now: the devices; no device in both.
        false_alarms: the chance that one or more of the figures is called changed, in any of the windows, where nothing has:
            each test is given its share (Bonferroni's correction, which holds whatever the tests have to do with each other).
        windows: how many such comparisons with this reference are made.

    """
    if not enough(len(reference), len(now), false_alarms, windows):
        return []
    level = false_alarms / (TESTS * windows)
    found = []
    for name in FIGURES:
        was, is_ = (np.array([getattr(one, name) for one in side], float) for side in (reference, now))
        p = float(ks_2samp(was, is_).pvalue)
        found.append(Compared(name, p, float(np.median(was)), float(np.median(is_)), p < level))
    before, after = ([one.grade for one in side] for side in (reference, now))
    p = _p_of_grades(before, after, level)
    return [*found, Compared(GRADE, p, _commonest(before), _commonest(after), p < level)]


def enough(reference: int, now: int, false_alarms: float, windows: int = 1) -> bool:
    """Whether there are LEAST devices on either side, and so many that sets without any overlap would be called changed."""
    smallest_p = 2 / math.comb(reference + now, now)
    return min(reference, now) >= LEAST and smallest_p < false_alarms / (TESTS * windows)


def _p_of_grades(before: Sequence[str], after: Sequence[str], level: float) -> float:
    """Of the chi-squared statistic among tables of the same sums, drawn: right for few devices and rare grades too."""
    names = sorted({*before, *after})
    if len(names) == 1:
        return 1.0
    table = [[side.count(name) for name in names] for side in (before, after)]
    draws = min(1_000_000, max(10_000, int(10 / level)))  # p cannot be below 1 / draws
    drawn = MonteCarloMethod(n_resamples=draws, rng=np.random.default_rng(0))
    return float(chi2_contingency(table, correction=False, method=drawn).pvalue)


def _commonest(grades: Sequence[str]) -> str:
    return max(sorted(set(grades)), key=list(grades).count)


def said(one: Compared) -> str:
    """`sharpness 2.10, was 2.85 (p 0.0001)`."""
    was, now = (value if isinstance(value, str) else f"{value:.3f}" for value in (one.was, one.now))
    return f"{one.figure} {now}, was {was} (p {one.p:.2g})"


class Watch:
    """Devices as they come, in windows one after the other, each held against the reference.

    Raises ValueError where a window is too small to tell anything, see `enough`.

    Args:
        reference: devices graded earlier; None takes the first `reference_size` that come.
        reference_size: see there.
        window: devices that are compared at a time.
        windows, false_alarms: in so many windows there is so small a chance that anything is called changed where nothing has.

    """

    def __init__(
        self,
        reference: Sequence[Observation] | None,
        reference_size: int,
        window: int,
        windows: int,
        false_alarms: float,
    ) -> None:
        self.reference = list(reference or [])
        self.reference_size = len(self.reference) or reference_size
        self.window, self.windows, self.false_alarms = window, windows, false_alarms
        if not enough(self.reference_size, window, false_alarms, windows):
            raise ValueError(
                f"drift: windows of {window} devices against {self.reference_size} could never be called changed with "
                f"{false_alarms:g} false alarms in {windows} windows; want more devices, or fewer windows"
            )
        self.now: list[Observation] = []
        self.done = 0
        """Windows that are compared."""
        self.alarms = 0
        """Those of them in which something has changed."""
        self.last: list[Compared] = []
        """Of the last one."""

    def add(self, one: Observation) -> list[Compared]:
        """Takes a device; what has changed, where a window is full with it and something has."""
        if len(self.reference) < self.reference_size:
            self.reference.append(one)
            return []
        self.now.append(one)
        if len(self.now) < self.window:
            return []
        self.last, self.now = compare(self.reference, self.now, self.false_alarms, self.windows), []
        changed = [found for found in self.last if found.changed]
        self.done += 1
        self.alarms += bool(changed)
        return changed

    def state(self) -> dict[str, Any]:
        """Plain values: how far it is, and what the last full window said."""
        return {
            "reference": {"devices": len(self.reference), "of": self.reference_size},
            "window": {"devices": len(self.now), "of": self.window},
            "windows": self.done,
            "alarms": self.alarms,
            "false_alarms": f"{self.false_alarms:g} in {self.windows} windows of {TESTS} tests each",
            "changed": [one.figure for one in self.last if one.changed],
            "last": [{"figure": one.figure, "p": one.p, "was": one.was, "now": one.now, "changed": one.changed} for one in self.last],
        }  # fmt: skip
