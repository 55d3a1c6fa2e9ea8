"""Two shackles hooked into each other, as triangle meshes, and the groove that each wears into the other.

Lengths are in radii of the upper bow's centre line. z points up; the upper bow lies in the plane of x and z around the origin,
open at the top; the lower one hangs in it, turned by a right angle.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
Faces = npt.NDArray[np.int64]
AROUND = 48
"""Corners of a bar's section."""


@dataclass(frozen=True)
class Shape:
    """What both shackles are like.

    Attributes:
        bar: radius of the bars.
        legs: length of the straight legs.
        flare: how far the legs lean outwards, at their ends.
        pin: radius of the pins.
        turn: degrees by which the lower shackle is turned about z, beyond a right angle.
        sway: degrees by which it leans about the joint.

    """

    bar: float = 0.27
    legs: float = 1.5
    flare: float = 0.0
    pin: float = 0.27
    turn: float = 0.0
    sway: float = 0.0


@dataclass(frozen=True)
class Mesh:
    """Corners `(V, 3)`, triangles `(F, 3)`, places on the texture `(V, 2)` in circumferences of the bar."""

    points: Points
    faces: Faces
    places: Points


def joint(shape: Shape, wear: float) -> list[Mesh]:
    """Bars and pins of the upper shackle, then of the lower one.

    Args:
        wear: share of each bar's thickness that is gone where they touch, 0 to 0.95: the remaining section, as published
            (section 3.4: from the overlap of the two).

    The bars began to touch with their inner sides one above the other. Each has lost 2 · bar · wear since, so the lower
    shackle hangs 4 · bar · wear deeper, and both meet in a saddle that fits the round of either.
    """
    bar, lost = shape.bar, 2 * shape.bar * wear
    upper_crown = -1.0
    touching = upper_crown + bar - lost
    lower_crown = touching + bar - lost
    upper = _bow(shape)
    upper = _ground(upper, touching, bar, along=0, upwards=True)
    lower = _bow(shape)
    flipped = lower.points * (1, 1, -1)
    flipped[:, 2] += lower_crown - 1.0  # its crown's centre line
    turned = Mesh(flipped[:, [1, 0, 2]], lower.faces, lower.places)  # a mirror and a swap: the faces keep their side
    lower = _ground(turned, touching, bar, along=1, upwards=False)
    pivot = np.array([0.0, 0.0, touching])
    meshes = [upper, _pin(shape)]
    hanging = [lower, _lower_pin(shape, lower_crown)]
    return meshes + [Mesh(_swayed(one.points, pivot, shape), one.faces, one.places) for one in hanging]


def _bow(shape: Shape) -> Mesh:
    """The bar of the upper shackle: leg, half circle, leg."""
    arc = np.concatenate(
        [np.linspace(-np.pi, -1.95, 40), np.linspace(-1.95, -1.19, 110)[1:-1], np.linspace(-1.19, 0, 40)]
    )
    circle = np.stack([np.cos(arc), np.zeros_like(arc), np.sin(arc)], 1)
    rise = np.linspace(0, 1, 16)[1:]
    lean = shape.flare * rise**2
    leg = np.stack([1 + lean, np.zeros_like(rise), shape.legs * rise], 1)
    line = np.concatenate([(leg * (-1, 1, 1))[::-1], circle, leg])
    return tube(line, shape.bar)


def _pin(shape: Shape) -> Mesh:
    reach = 1 + shape.flare + 1.6 * shape.bar
    ends = np.linspace(-reach, reach, 8)
    line = np.stack([ends, np.zeros_like(ends), np.full_like(ends, shape.legs)], 1)
    return tube(line, shape.pin, caps=True)


def _lower_pin(shape: Shape, crown: float) -> Mesh:
    pin = _pin(shape)
    flipped = pin.points * (1, 1, -1)
    flipped[:, 2] += crown - 1.0
    return Mesh(flipped[:, [1, 0, 2]], pin.faces, pin.places)


def _swayed(points: Points, pivot: Points, shape: Shape) -> Points:
    turn, sway = np.radians([shape.turn, shape.sway])
    about_z = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(sway), -np.sin(sway)], [0, np.sin(sway), np.cos(sway)]])
    return np.asarray((points - pivot) @ (about_z @ about_x).T + pivot)


def _ground(mesh: Mesh, touching: float, bar: float, *, along: int, upwards: bool) -> Mesh:
    """Takes away what lies beyond the saddle, within the other bar's width.

    Args:
        touching: height of the saddle's middle.
        along: axis of the bar near its crown, 0 or 1.
        upwards: whether what lies above is taken away, or below.

    """
    x, y, z = mesh.points.T
    own, other = (x, y) if along == 0 else (y, x)
    groove = np.abs(own) < bar
    near = groove & (np.abs(other) < 1.5 * bar)
    saddle = touching + _round(x, bar) - _round(y, bar)
    limited = np.minimum(z, saddle) if upwards else np.maximum(z, saddle)
    height = np.where(near, limited, z)
    return Mesh(np.stack([x, y, height], 1), mesh.faces, mesh.places)


def _round(values: Points, radius: float) -> Points:
    """How far a bar's round has risen, so far from its middle."""
    return np.asarray(radius - np.sqrt(np.maximum(radius**2 - values**2, 0.0)))


def tube(line: Points, radius: float, *, caps: bool = False) -> Mesh:
    """A bar around a line `(N, 3)` that lies in a plane of constant y."""
    ahead = np.gradient(line, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    aside = np.broadcast_to([0.0, 1.0, 0.0], ahead.shape)
    out = np.cross(ahead, aside)
    angle = np.linspace(0, 2 * np.pi, AROUND + 1)
    ring = np.cos(angle)[None, :, None] * out[:, None] + np.sin(angle)[None, :, None] * aside[:, None]
    points = line[:, None] + radius * ring
    so_far = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    across = np.broadcast_to(so_far[:, None] / (2 * np.pi * radius), points.shape[:2])
    places = np.stack([across, np.broadcast_to(angle / (2 * np.pi), points.shape[:2])], -1)
    at = np.arange(points.shape[0] * points.shape[1]).reshape(points.shape[:2])
    corners = np.stack([at[:-1, :-1], at[:-1, 1:], at[1:, 1:], at[1:, :-1]], -1).reshape(-1, 4)
    faces = np.concatenate([corners[:, [0, 2, 1]], corners[:, [0, 3, 2]]])
    flat, flat_places = points.reshape(-1, 3), places.reshape(-1, 2)
    if caps:
        for end, order in ((0, (0, 1, 2)), (-1, (0, 2, 1))):
            rim = at[end]
            middle = len(flat)
            rim_points, rim_places = flat[rim], flat_places[rim]
            flat = np.concatenate([flat, line[[end]], rim_points])
            flat_places = np.concatenate([flat_places, flat_places[rim[:1]], rim_places])
            own = middle + 1 + np.arange(AROUND + 1)
            fan = np.stack([np.full(AROUND, middle), own[:-1], own[1:]], 1)[:, order]
            faces = np.concatenate([faces, fan])
    return Mesh(flat, faces.astype(np.int64), flat_places)
