"""From a mask of a phone to its four corners: the same steps as `web/pages/outline.js`, which a phone runs.

A phone's corners are round, its sides are straight: the corners are where lines through the sides meet, as the labels have
them too. Lines are fitted by total least squares, reweighted against fingers and bumps (Holland and Welsch 1977).
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
RAYS = 360
ROUNDS = 12
INNER = 0.07
"""Share of a side at each end that its line is not fitted to: the round corners."""
LEAST_SHARE = 0.04
LEAST_SEEN = 0.4
"""Share of a side that must lie within the picture for the parts at its border to be left out of the line."""
LEAST_OVERLAP = 0.85
LEAST_AGREEMENT = 0.7
"""Intersection over union of the mask of a mirrored picture and the mean of all."""
MOST_SKEW_DEG = 25.0
"""Of a corner, from a right angle: a phone that is photographed, not glanced at."""
RATIOS = (1.25, 3.0)
"""Long side over short side of what passes for a phone, perspective included."""


class OutlineError(ValueError):
    """No phone whose corners could be trusted; the message says what is odd, one line."""


@dataclass(frozen=True)
class Outline:
    """Corners `(4, 2)` in pixels of the picture, clockwise, the first the start of a short side; overlap 0 to 1 of mask and
    quadrilateral.
    """

    corners: Points
    overlap: float


def agreed(masks: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The mean `(h, w)` of masks `(n, h, w)` of one picture, mirrored each way and back; raises OutlineError where one
    of them says something else.
    """
    mean = np.asarray(masks.mean(0), np.float32)
    both, either = (np.logical_and(masks > 0.5, mean > 0.5), np.logical_or(masks > 0.5, mean > 0.5))
    least = float((both.sum((1, 2)) / np.maximum(either.sum((1, 2)), 1)).min())
    if (mean > 0.5).any() and least < LEAST_AGREEMENT:
        raise OutlineError(f"no clear outline: the mirrored picture gives another one, {100 * least:.0f} % alike")
    return mean


def find_outline(mask: npt.NDArray[np.float32], width: int, height: int) -> Outline:
    """The corners of the phone in a picture.

    Args:
        mask: `(h, w)` probabilities that a place belongs to the phone; it spans the whole picture.
        width, height: of the picture, pixels.

    Raises OutlineError where there is no phone, or none that is a quadrilateral of a phone's shape.

    """
    part = _largest_part(mask > 0.5)
    if part.mean() < LEAST_SHARE:
        raise OutlineError(f"no phone found: {100 * part.mean():.0f} % of the picture looks like one")
    kept = np.where(cv2.dilate(part.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0, mask, 0.0).astype(np.float64)
    points = _boundary(kept, part)
    quad = _smallest_rectangle(points)
    edge = (
        (points[:, 0] < 1)
        | (points[:, 1] < 1)
        | (points[:, 0] > mask.shape[1] - 1)
        | (points[:, 1] > mask.shape[0] - 1)
    )
    for _ in range(ROUNDS):
        quad = _fitted(points, edge, quad)
    overlap = _overlap(part, quad)
    corners = quad * [width / mask.shape[1], height / mask.shape[0]]
    _must_be_a_phone(corners, overlap)
    return Outline(_ordered(corners), overlap)


def _largest_part(inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside.astype(np.uint8), connectivity=4)
    if count < 2:
        return np.zeros_like(inside)
    return np.asarray(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])))


def _boundary(mask: npt.NDArray[np.float64], part: npt.NDArray[np.bool_]) -> Points:
    """Where rays from the middle leave the part for good, `(RAYS, 2)`; places are cells, their middles at .5."""
    rows, columns = np.nonzero(part)
    centre = np.array([columns.mean() + 0.5, rows.mean() + 0.5])
    angles = 2 * np.pi * np.arange(RAYS) / RAYS
    steps = np.arange(0.0, float(np.hypot(mask.shape[0], mask.shape[1])), 0.25)
    ways = np.stack([np.cos(angles), np.sin(angles)], 1)
    values = _at(mask, (centre + steps[None, :, None] * ways[:, None]).reshape(-1, 2)).reshape(RAYS, len(steps))
    inside = values > 0.5
    last = np.where(inside.any(axis=1), len(steps) - 1 - inside[:, ::-1].argmax(axis=1), 0)
    rays = np.arange(RAYS)
    here, after = values[rays, last], np.append(values, np.zeros((RAYS, 1)), axis=1)[rays, last + 1]
    reach = np.where(here > 0.5, steps[last] + 0.25 * (here - 0.5) / np.maximum(here - after, 1e-9), 0.0)
    found = centre + reach[:, None] * ways
    return np.asarray(np.clip(found, 0, [mask.shape[1], mask.shape[0]]))


def _at(mask: npt.NDArray[np.float64], places: Points) -> npt.NDArray[np.float64]:
    """Bilinear values at places; 0 outside."""
    padded = np.pad(mask, 1)
    x, y = (
        np.clip(places[:, 0] + 0.5, 0, padded.shape[1] - 1.001),
        np.clip(places[:, 1] + 0.5, 0, padded.shape[0] - 1.001),
    )
    left, top = x.astype(int), y.astype(int)
    u, v = x - left, y - top
    above = (1 - u) * padded[top, left] + u * padded[top, left + 1]
    below = (1 - u) * padded[top + 1, left] + u * padded[top + 1, left + 1]
    return np.asarray((1 - v) * above + v * below)


def _smallest_rectangle(points: Points) -> Points:
    """Of rectangles at every degree around the points the smallest, `(4, 2)`."""
    best: tuple[float, Points] | None = None
    for angle in np.radians(np.arange(90)):
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        turned = points @ turn
        low, high = turned.min(0), turned.max(0)
        area = float(np.prod(high - low))
        if best is None or area < best[0]:
            box = np.array([low, [high[0], low[1]], high, [low[0], high[1]]])
            best = area, box @ turn.T
    assert best is not None
    return best[1]


def _fitted(points: Points, edge: npt.NDArray[np.bool_], quad: Points) -> Points:
    """The quadrilateral moved onto the points: each side's line fitted to those that are nearest to it; those at the
    picture's border, where the phone may go on, count only where the side has hardly others.
    """
    ends = np.roll(quad, -1, axis=0)
    along = ends - quad
    length = np.hypot(along[:, 0], along[:, 1])
    unit = along / np.maximum(length, 1e-9)[:, None]
    offset = points[:, None] - quad[None]
    share = (offset * unit[None]).sum(2) / np.maximum(length, 1e-9)
    away = np.abs(offset[:, :, 0] * unit[None, :, 1] - offset[:, :, 1] * unit[None, :, 0])
    nearest = away.argmin(1)
    lines = []
    for side in range(4):
        own = (nearest == side) & (share[:, side] > INNER) & (share[:, side] < 1 - INNER)
        within = own & ~edge
        if within.any() and np.ptp(share[within, side]) >= LEAST_SEEN:
            own = within
        lines.append(_line(points[own], away[own, side]) if own.sum() >= 5 else (quad[side], unit[side]))
    corners = [_meeting(lines[side - 1], lines[side]) for side in range(4)]
    return np.array([quad[side] if corner is None else corner for side, corner in enumerate(corners)])


def _line(points: Points, away: npt.NDArray[np.float64]) -> tuple[Points, Points]:
    """A point and the unit direction of the line through the points; those far off count little."""
    weights = 1 / (1 + (away / 0.75) ** 2)
    middle = (weights[:, None] * points).sum(0) / weights.sum()
    x, y = (points - middle).T
    angle = 0.5 * np.arctan2(2 * (weights * x * y).sum(), (weights * (x * x - y * y)).sum())
    return middle, np.array([np.cos(angle), np.sin(angle)])


def _meeting(one: tuple[Points, Points], other: tuple[Points, Points]) -> Points | None:
    (p, u), (q, v) = one, other
    cross = u[0] * v[1] - u[1] * v[0]
    if abs(cross) < 0.2:  # sides that meet at less than 12 degrees are no phone's
        return None
    step = ((q[0] - p[0]) * v[1] - (q[1] - p[1]) * v[0]) / cross
    return np.asarray(p + step * u)


def _overlap(part: npt.NDArray[np.bool_], quad: Points) -> float:
    """Intersection over union of the part and the quadrilateral, by the middles of the cells."""
    rows, columns = np.indices(part.shape) + 0.5
    inside = np.ones(part.shape, bool)
    turn = np.sign(_area(quad))
    for start, end in zip(quad, np.roll(quad, -1, axis=0), strict=True):
        inside &= turn * ((end[0] - start[0]) * (rows - start[1]) - (end[1] - start[1]) * (columns - start[0])) >= 0
    return float((inside & part).sum() / max((inside | part).sum(), 1))


def _area(quad: Points) -> float:
    x, y = quad.T
    return float(0.5 * (x * np.roll(y, -1) - y * np.roll(x, -1)).sum())


def _must_be_a_phone(corners: Points, overlap: float) -> None:
    sides = np.hypot(*(np.roll(corners, -1, axis=0) - corners).T)
    ratio = (sides[0] + sides[2]) / max(sides[1] + sides[3], 1e-9)
    ratio = max(ratio, 1 / max(ratio, 1e-9))
    if overlap < LEAST_OVERLAP:
        raise OutlineError(
            f"no clear outline: four straight sides fit what looks like a phone to {100 * overlap:.0f} %"
        )
    if not RATIOS[0] <= ratio <= RATIOS[1]:
        raise OutlineError(f"no phone's shape: the long side is {ratio:.1f} times the short one")
    skew = max(abs(_angle(corners, place) - 90) for place in range(4))
    if skew > MOST_SKEW_DEG:
        raise OutlineError(f"no phone's shape: a corner is {skew:.0f} degrees off a right angle")


def _angle(corners: Points, place: int) -> float:
    """Degrees between the sides that meet at a corner."""
    one, other = corners[place - 1] - corners[place], corners[(place + 1) % 4] - corners[place]
    cosine = float(one @ other) / max(float(np.hypot(*one) * np.hypot(*other)), 1e-9)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def _ordered(corners: Points) -> Points:
    """Clockwise as seen, starting with the short side whose middle is higher in the picture, or further left if level."""
    return from_upper_side(corners[::-1] if _area(corners) < 0 else corners, short=True)


def from_upper_side(corners: Points, *, short: bool) -> Points:
    """Clockwise corners `(4, 2)`, from the start of the short (or of the long) side whose middle is higher in the picture, or
    further left where both are level.
    """
    sides = np.hypot(*(np.roll(corners, -1, axis=0) - corners).T)
    first = int((sides[0] + sides[2] <= sides[1] + sides[3]) != short)
    middles = 0.5 * (corners + np.roll(corners, -1, axis=0))
    one, other = middles[first], middles[(first + 2) % 4]
    level = abs(one[1] - other[1]) < 0.5 * abs(one[0] - other[0])
    later = one[0] > other[0] if level else one[1] > other[1]
    return np.roll(corners, -(first + 2 if later else first), axis=0)
