"""Random scratches: thin shallow strokes, single, side by side or in a patch, in device coordinates (see geometry.py)."""

import numpy as np
from numpy.random import Generator

from datamodules.rendering.geometry import COLS, ROWS, Points, Stroke


def _stroke(rng: Generator, start: Points, angle: float, length: float, cell_aspect: float) -> Stroke:
    """A slightly curved line from `start` (square coordinates, see fractures.py)."""
    pieces = max(5, int(length / 0.02))
    angles = angle + np.linspace(0, rng.normal(0, 0.3), pieces) + rng.normal(0, 0.03, pieces)
    moves = np.stack([np.cos(angles), np.sin(angles)], axis=1) * (length / pieces)
    width = 1.1 + 1.4 * rng.beta(1.3, 2.2)
    points = (start + np.cumsum(moves, axis=0)) / np.array([1.0, cell_aspect])
    return Stroke(points, float(width), float(rng.uniform(0.55, 1.0)))


def scratch(rng: Generator, cell_aspect: float, length: float) -> tuple[Stroke, ...]:
    """Strokes of about `length` cell widths together: one, a few side by side, or a patch of nicks."""
    start = np.array([rng.uniform(0.08, COLS - 0.08), rng.uniform(0.1, ROWS - 0.1) * cell_aspect])
    angle = rng.uniform(0, 2 * np.pi)
    if length > 0.5 or rng.random() < 0.6:
        return (_stroke(rng, start, angle, length, cell_aspect),)
    if rng.random() < 0.5:
        count = int(rng.integers(2, 4))
        aside = np.array([-np.sin(angle), np.cos(angle)]) * rng.uniform(0.03, 0.1)
        starts = start + aside * np.arange(count)[:, None] + rng.normal(0, 0.03, (count, 2))
        return tuple(_stroke(rng, s, angle, length / count, cell_aspect) for s in starts)
    count, spread = int(rng.integers(3, 7)), rng.uniform(0.05, 0.15)
    starts = start + rng.normal(0, spread, (count, 2))
    turns = angle + rng.normal(0, 0.7, count)
    lengths = length / count * rng.uniform(0.6, 1.6, count)
    return tuple(_stroke(rng, s, t, n, cell_aspect) for s, t, n in zip(starts, turns, lengths, strict=True))
