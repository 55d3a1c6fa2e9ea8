"""Random fractures of five archetypes, in device coordinates (see geometry.py).

Shapes are grown in *square* coordinates, x in [0, 3] and y in [0, 5 * cell_aspect], where a circle is a circle
on the phone; `_to_device` squeezes them into cells.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from datamodules.rendering.geometry import COLS, ROWS, Damage, Points, Segments, Stroke

STEP = 0.07
"""Length, in cell widths, of one straight piece of a growing crack."""


def _to_device(points: Points, cell_aspect: float) -> Points:
    return np.asarray(points / np.array([1.0, cell_aspect]), np.float64)


def _walk(rng: Generator, start: Points, angle: float, length: float, wobble: float) -> Points:
    """A line (n, 2) that keeps its direction with small turns and a rare kink, as glass breaks."""
    count = max(2, int(length / STEP))
    turns = rng.normal(0.0, wobble, count)
    turns += np.where(rng.random(count) < 0.07, rng.normal(0.0, 0.35, count), 0.0)
    angles = angle + np.cumsum(turns) * 0.7
    angles[0] = angle
    moves = np.stack([np.cos(angles), np.sin(angles)], axis=1) * STEP * rng.uniform(0.5, 1.5, (count, 1))
    return np.concatenate([start[None], start + np.cumsum(moves, axis=0)])


def _branches(rng: Generator, line: Points, rate: float, depth: int) -> list[tuple[Points, float]]:
    """Side cracks of a line with their strength; `rate` is their mean number per cell width of the line."""
    grown: list[tuple[Points, float]] = []
    for _ in range(int(rng.poisson(rate * len(line) * STEP))):
        at = int(rng.integers(0, len(line) - 1))
        heading = line[at + 1] - line[at]
        angle = np.arctan2(heading[1], heading[0]) + rng.choice([-1, 1]) * rng.uniform(0.3, 1.0)
        length = max(2 * STEP, (len(line) - at) * STEP * rng.uniform(0.2, 0.8))
        child = _walk(rng, line[at], float(angle), length, 0.10)
        grown.append((child, float(rng.uniform(0.4, 0.85))))
        if depth > 1:
            grown += [(twig, s * 0.8) for twig, s in _branches(rng, child, rate, depth - 1)]
    return grown


def _rings(rng: Generator, centre: Points, radials: list[Points], radii: Points, chance: float) -> list[Points]:
    """Concentric cracks: jittered chords between neighbouring radial lines at the given radii."""
    chords = []
    order = sorted(
        radials,
        key=lambda p: float(np.arctan2(p[2, 1] - centre[1], p[2, 0] - centre[0])),
    )
    for one, other in zip(order, order[1:] + order[:1], strict=True):
        for radius in radii:
            a, b = (
                int(radius * rng.uniform(0.8, 1.2) / STEP),
                int(radius * rng.uniform(0.8, 1.2) / STEP),
            )
            if a >= len(one) or b >= len(other) or rng.random() > chance:
                continue
            if np.linalg.norm(other[b] - one[a]) > 2.4 * radius:
                continue
            t = np.linspace(0, 1, 7)[:, None]
            sag = (centre - (one[a] + other[b]) / 2) * rng.uniform(-0.15, 0.12)
            points = one[a] * (1 - t) + other[b] * t + sag * 4 * t * (1 - t)
            points[1:-1] += rng.normal(0, 0.035 * radius + 0.004, (5, 2))
            chords.append(points)
    return chords


def _crushed(rng: Generator, centre: Points, radius: float) -> Points:
    """Ragged polygon of powdered glass round an impact."""
    angles = np.sort(rng.uniform(0, 2 * np.pi, 22))
    reach = radius * rng.uniform(0.45, 1.25, 22)
    return centre + np.stack([np.cos(angles), np.sin(angles)], axis=1) * reach[:, None]


@dataclass(frozen=True)
class _Impact:
    """How an impact breaks the glass."""

    radials: int
    """Lines that leave the impact, those that leave the device at once included."""
    reach: float
    """Typical length of a radial line in cell widths."""
    branching: float
    """Mean number of side cracks per cell width of a line."""
    rings: int
    """Radii at which chords join neighbouring radial lines."""
    crush: float
    """Radius of the powdered glass in cell widths."""


def _star(rng: Generator, centre: Points, aspect: float, impact: _Impact) -> Damage:
    """Cracks and crushed glass of one impact: radial lines with branches, chords round it, splinters."""
    lines = _radials(rng, centre, aspect, impact)
    parts = [(line, float(rng.uniform(0.75, 1.0))) for line in lines]
    for line in lines:
        parts += _branches(rng, line, impact.branching, 2)
    radii = np.asarray(0.12 * 1.6 ** np.arange(impact.rings) * rng.uniform(0.85, 1.2), np.float64)
    parts += [(chord, float(rng.uniform(0.4, 0.9))) for chord in _rings(rng, centre, lines, radii, 0.75)]
    for _ in range(int(40 * impact.crush)):
        spot = centre + rng.normal(0, 0.8 * impact.crush, 2)
        parts.append((_walk(rng, spot, float(rng.uniform(0, 6.3)), float(rng.uniform(0.1, 0.3)), 0.3), 0.7))
    strokes = tuple(
        Stroke(_to_device(points, aspect), float(rng.uniform(0.6, 1.1) + 1.0 * s**3), s) for points, s in parts
    )
    return Damage(cracks=strokes, crushes=(_to_device(_crushed(rng, centre, impact.crush), aspect),))


def _radials(rng: Generator, centre: Points, aspect: float, impact: _Impact) -> list[Points]:
    box, count = np.array([COLS, ROWS * aspect]), impact.radials
    lines: list[Points] = []
    for angle in np.linspace(0, 2 * np.pi, count, endpoint=False) + rng.normal(0, 2.0 / count, count):
        probe = centre + 0.35 * np.array([np.cos(angle), np.sin(angle)])
        if np.all((probe > 0) & (probe < box)):
            length = impact.reach * float(np.clip(rng.lognormal(-0.15, 0.55), 0.25, 3.0))
            lines.append(_walk(rng, centre + rng.normal(0, 0.012, 2), float(angle), length, 0.07))
    return lines


def _edge_point(rng: Generator, aspect: float) -> Points:
    """A point at the rim, most often near a corner, where dropped phones land."""
    x = COLS * float(rng.choice([0.01, 0.99]))
    along = rng.beta(0.45, 0.45) if rng.random() < 0.7 else rng.random()
    y = ROWS * aspect * float(np.clip(along, 0.015, 0.985))
    if rng.random() < 0.2:
        x, y = (
            COLS * float(rng.uniform(0.1, 0.9)),
            ROWS * aspect * float(rng.choice([0.008, 0.992])),
        )
    return np.array([x, y])


def _inner_point(rng: Generator, aspect: float) -> Points:
    return np.array([rng.uniform(0.4, 2.6), rng.uniform(0.6, 4.4) * aspect])


def _merge(parts: list[Damage]) -> Damage:
    return Damage(
        scratches=tuple(s for p in parts for s in p.scratches),
        cracks=tuple(s for p in parts for s in p.cracks),
        dashes=np.concatenate([p.dashes for p in parts]),
        crushes=tuple(c for p in parts for c in p.crushes),
    )


def _dash_field(rng: Generator, centre: Points, aspect: float, radius: float, count: int) -> Segments:
    """Fine fissures (count, 2, 2) that circle or leave an impact, denser near it."""
    polar = rng.uniform(0, 2 * np.pi, count)
    distance = radius * rng.beta(1.2, 1.8, count)
    spots = centre + np.stack([np.cos(polar), np.sin(polar)], axis=1) * distance[:, None]
    heading = polar + (np.pi / 2 if rng.random() < 0.6 else 0.0) + rng.normal(0, 0.25, count)
    half = np.clip(rng.lognormal(-4.0, 0.6, count), 0.005, 0.08)[:, None] * np.stack(
        [np.cos(heading), np.sin(heading)], axis=1
    )
    return _to_device(np.stack([spots - half, spots + half], axis=1), aspect)


def _chip(rng: Generator, aspect: float, severity: float) -> Damage:
    """A small star, seldom larger than half a cell."""
    centre = _edge_point(rng, aspect) if rng.random() < 0.6 else _inner_point(rng, aspect)
    radials = int(rng.integers(7, 13))
    return _star(rng, centre, aspect, _Impact(radials, 0.12 + 0.3 * severity, 0.6, 1, 0.04 + 0.05 * severity))


def _line(rng: Generator, aspect: float, severity: float) -> Damage:
    """One or two long lines that start at the rim, with few branches."""
    box = np.array([COLS, ROWS * aspect])
    parts: list[tuple[Points, float]] = []
    for _ in range(1 if severity < 0.6 else 2):
        start = _edge_point(rng, aspect)
        aim = box * rng.uniform(0.25, 0.75, 2) - start
        angle = float(np.arctan2(aim[1], aim[0]))
        line = _walk(rng, start, angle, 0.8 + 4.0 * severity * float(rng.uniform(0.5, 1.0)), 0.05)
        parts += [(line, 1.0), *_branches(rng, line, 0.25, 1)]
    return Damage(cracks=tuple(Stroke(_to_device(p, aspect), float(rng.uniform(1.0, 2.2)), s) for p, s in parts))


def _corner(rng: Generator, aspect: float, severity: float) -> Damage:
    """An impact at the rim that spreads over a few cells."""
    radials, rings = int(rng.integers(8, 15)), 2 + int(2 * severity)
    impact = _Impact(radials, 0.5 + 1.0 * severity, 0.5, rings, 0.08 + 0.1 * severity)
    return _star(rng, _edge_point(rng, aspect), aspect, impact)


def _web(rng: Generator, aspect: float, severity: float) -> Damage:
    """A spider's web, sometimes with a field of fine fissures."""
    centre = _inner_point(rng, aspect) if rng.random() < 0.5 else _edge_point(rng, aspect)
    impact = _Impact(int(rng.integers(11, 20)), 0.7 + 1.8 * severity, 0.9, 4, 0.1 + 0.16 * severity)
    star = _star(rng, centre, aspect, impact)
    if rng.random() < 0.4:
        dashes = _dash_field(rng, centre, aspect, 0.5 + severity, int(500 * severity))
        star = _merge([star, Damage(dashes=dashes)])
    return star


def _shatter(rng: Generator, aspect: float, severity: float) -> Damage:
    """Two or three impacts whose cracks cover most of the front."""
    parts = []
    for k in range(2 + int(rng.random() < 0.6)):
        centre = _edge_point(rng, aspect) if k % 2 else _inner_point(rng, aspect)
        radials, pulverised = int(rng.integers(11, 18)), k == 0 and rng.random() < 0.4
        crush = float(rng.uniform(0.4, 0.9) if pulverised else rng.uniform(0.1, 0.3))
        parts.append(_star(rng, centre, aspect, _Impact(radials, 1.2 + 1.8 * severity, 0.9, 5, crush)))
        if rng.random() < 0.6:
            parts.append(Damage(dashes=_dash_field(rng, centre, aspect, 1.0 + 1.5 * severity, 1400)))
    return _merge(parts)


FRACTURES: dict[str, Callable[[Generator, float, float], Damage]] = {
    "shatter": _shatter,
    "web": _web,
    "corner": _corner,
    "line": _line,
    "chip": _chip,
}
"""Fracture archetypes: (generator, cell aspect, severity 0..1) to cracks."""
