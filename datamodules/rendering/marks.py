"""Damage drawn on the device's canvas: lines that catch light, shards that tilt, powder, dust and smears."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from datamodules.rendering.body import HEIGHT, PAD
from datamodules.rendering.geometry import COLS, ROWS, Damage, Segments, Stroke
from datamodules.rendering.raster import Image, Size, blur, cloud, f32

_LEVELS = 10  # brightness steps of one drawing pass: pieces of a step are drawn by one OpenCV call
SHIFT = 4
"""Sub-pixel bits of OpenCV's line drawing."""


@dataclass(frozen=True)
class Broken:
    """What the device's damage is made of, the same in all photos, on the canvas (h, w).

    `any` tells whether there is a crack at all; `lines` are crack lines 0..1; `walls` the slanting fracture
    faces beside wide cracks 0..1; `powder` crushed glass 0..1; `tilt` (h, w, 2) the random tilt of each shard
    between cracks, zero on unbroken glass; `missing` is 1 where a shard has fallen out.
    """

    any: bool
    lines: Image
    walls: Image
    powder: Image
    tilt: Image
    missing: Image


@dataclass(frozen=True)
class Pieces:
    """Short straight bits of lines on the canvas: what is drawn."""

    ends: NDArray[np.float64]  # (m, 2, 2) pixels on the canvas
    width: NDArray[np.float64]  # (m,) pixels
    strength: NDArray[np.float64]  # (m,) 0..1


def _scale(size: Size) -> NDArray[np.float64]:
    return np.array([(size[1] - 2 * PAD) / COLS, HEIGHT / ROWS])


def _pieces(rng: Generator, strokes: tuple[Stroke, ...], size: Size, rough: float, taper: bool) -> Pieces:
    """Strokes as short pieces on the canvas with ragged edges; `rough` is the jitter in pixels."""
    ends: list[Segments] = [np.zeros((0, 2, 2))]
    widths, strengths = [np.zeros(0)], [np.zeros(0)]
    for stroke in strokes:
        points = stroke.points * _scale(size) + PAD
        steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
        along = np.concatenate([[0.0], np.cumsum(steps)])
        count = max(2, int(along[-1] / 5.0))
        at = np.linspace(0, along[-1], count + 1)
        fine = np.stack(
            [np.interp(at, along, points[:, 0]), np.interp(at, along, points[:, 1])],
            axis=1,
        )
        fine[1:-1] += rng.normal(0, rough, (count - 1, 2))
        fade = np.clip(2.5 * (1 - at[:-1] / at[-1]), 0.3, 1) if taper else np.ones(count)
        waves = np.interp(
            np.arange(count),
            np.arange(0, count + 8, 4),
            rng.uniform(0.35, 1.35, len(range(0, count + 8, 4))),
        )
        ends.append(np.stack([fine[:-1], fine[1:]], axis=1))
        widths.append(stroke.width * fade * waves)
        strengths.append(np.full(count, stroke.strength) * np.sqrt(fade))
    return Pieces(np.concatenate(ends), np.concatenate(widths), np.concatenate(strengths))


def thickness(pieces: Pieces) -> NDArray[np.int64]:
    """Whole pixels (m,) that the pieces are drawn in."""
    return np.clip(np.ceil(pieces.width - 0.35), 1, 5).astype(np.int64)


def fixed_point(pieces: Pieces) -> NDArray[np.int32]:
    """Ends (m, 2, 2) with SHIFT bits behind the point, as OpenCV draws them."""
    return np.asarray(np.round(pieces.ends * 2**SHIFT), np.int32)


def fill_crushed(mask: NDArray[np.uint8], damage: Damage) -> NDArray[np.uint8]:
    """`mask` (h, w) of the canvas, 255 in the polygons of crushed glass."""
    size = mask.shape[0], mask.shape[1]
    for polygon in damage.crushes:
        cv2.fillPoly(mask, [np.round(polygon * _scale(size) + PAD).astype(np.int32)], 255)
    return mask


def _draw(size: Size, pieces: Pieces, light: NDArray[np.float64]) -> Image:
    """Coverage (h, w) of the pieces times `light` (m,) 0..1; OpenCV draws none below 1 px: they are dimmed."""
    canvas = np.zeros(size, np.uint8)
    thick = thickness(pieces)
    level = np.clip(light * np.minimum(pieces.width / thick, 1.0), 0, 1)
    step = np.ceil(level * _LEVELS).astype(int)
    fixed = fixed_point(pieces)
    for value in range(1, _LEVELS + 1):
        for t in range(1, 6):
            lines = list(fixed[(step == value) & (thick == t)])
            if lines:
                cv2.polylines(
                    canvas,
                    lines,
                    False,
                    int(255 * value / _LEVELS),
                    t,
                    cv2.LINE_AA,
                    SHIFT,
                )
    return f32(canvas) / np.float32(255)


def _dash_pieces(rng: Generator, damage: Damage, size: Size) -> Pieces:
    ends = damage.dashes * _scale(size) + PAD
    return Pieces(
        ends,
        rng.uniform(0.4, 1.2, len(ends)),
        np.clip(rng.gamma(1.3, 0.3, len(ends)), 0.08, 1.0),
    )


def _joined(*parts: Pieces) -> Pieces:
    return Pieces(
        np.concatenate([p.ends for p in parts]),
        np.concatenate([p.width for p in parts]),
        np.concatenate([p.strength for p in parts]),
    )


def crack_pieces(rng: Generator, damage: Damage, size: Size) -> Pieces:
    """Pieces of all crack lines and dashes, the same in every photo of the device."""
    return _joined(_pieces(rng, damage.cracks, size, 0.6, True), _dash_pieces(rng, damage, size))


def wall_pieces(rng: Generator, damage: Damage, size: Size) -> Pieces:
    """Fracture faces beside strong cracks: bands of changing width on one side, the same in every photo."""
    strong = tuple(s for s in damage.cracks if s.strength > 0.6)
    lines = _pieces(rng, strong, size, 0.0, True)
    step = lines.ends[:, 1] - lines.ends[:, 0]
    normal = np.stack([-step[:, 1], step[:, 0]], axis=1) / np.linalg.norm(step, axis=1, keepdims=True).clip(1e-6)
    count = len(step)
    knots = max(2, count // 7)
    wave = np.interp(np.linspace(0, knots - 1, count), np.arange(knots), rng.gamma(0.8, 2.0, knots))
    width = np.clip(wave * lines.width, 0, 5.0)
    side = np.sign(np.interp(np.linspace(0, knots - 1, count), np.arange(knots), rng.normal(0, 1, knots)))
    shifted = lines.ends + (normal * (side * width * 0.5)[:, None])[:, None]
    return Pieces(shifted, width, lines.strength * rng.uniform(0.25, 1.0, count))


def scratch_pieces(rng: Generator, damage: Damage, size: Size) -> Pieces:
    """Pieces of all scratches, the same in every photo of the device."""
    return _pieces(rng, damage.scratches, size, 0.35, True)


def caught_light(rng: Generator, pieces: Pieces, size: Size, heading: float, floor: float) -> Image:
    """Light (h, w) that lines throw to the camera: strongest across `heading` (radians), patchy along them."""
    step = pieces.ends[:, 1] - pieces.ends[:, 0]
    across = np.abs(np.sin(np.arctan2(step[:, 1], step[:, 0]) - heading))
    sparkle = np.clip(rng.gamma(2.0, 0.4, len(across)), 0.15, 1.6)
    return _draw(size, pieces, pieces.strength * (floor + (1 - floor) * across**1.5) * sparkle)


def break_glass(rng: Generator, damage: Damage, pieces: Pieces, walls: Pieces, size: Size) -> Broken:
    """Lines, shards and powder of a device."""
    lines = _draw(size, pieces, pieces.strength)
    mask = fill_crushed(np.zeros(size, np.uint8), damage)
    crushed = blur(f32(mask) / np.float32(255), 7.0)
    grain = np.clip(0.25 + 0.55 * cloud(rng, size, 160, 3), 0, 1.3) ** 2
    powder = f32(np.clip(crushed * 1.3, 0, 1) * grain)
    if not damage.cracks:
        zero = np.zeros(size, np.float32)
        return Broken(False, lines, zero, powder, np.zeros((*size, 2), np.float32), zero)
    faces = blur(_draw(size, walls, walls.strength), 0.7)
    return Broken(True, lines, faces, powder, *_shards(rng, lines, crushed, len(damage.cracks)))


def _shards(rng: Generator, lines: Image, crushed: Image, cracks: int) -> tuple[Image, Image]:
    """Tilt (h, w, 2) per shard and the mask (h, w) of fallen ones; shards are what cracks cut off."""
    half = lines.shape[1] // 2, lines.shape[0] // 2
    small = (cv2.resize(lines, half, interpolation=cv2.INTER_AREA) < 0.10).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(small, connectivity=4)
    area = stats[:, cv2.CC_STAT_AREA].astype(np.float64)
    slope = rng.normal(0, 1, (count, 2)) * (area < 0.6 * small.size)[:, None]
    tilt = f32(slope)[labels]
    tilt = blur(
        f32(cv2.resize(tilt, (lines.shape[1], lines.shape[0]), interpolation=cv2.INTER_NEAREST)),
        1.2,
    )
    near = np.zeros(count)
    np.maximum.at(
        near,
        np.asarray(labels, np.int64).ravel(),
        f32(cv2.resize(crushed, small.shape[::-1])).ravel(),
    )
    fallen = (near > 0.3) & (area < 6000) & (area > 60) & (rng.random(count) < 0.25) & (cracks > 30)
    if cracks > 150 and rng.random() < 0.4:
        fallen[np.argsort(-np.where(area < 0.12 * small.size, area, 0))[: int(rng.integers(1, 4))]] = True
    fallen[labels[0, 0]] = False
    missing = f32(fallen)[labels]
    return tilt, blur(f32(cv2.resize(missing, (lines.shape[1], lines.shape[0]))), 0.8)
