"""Rendered damage on a photo of a real phone: everything else in the picture stays as the camera saw it."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from datamodules.rendering import dirt, marks
from datamodules.rendering.body import HEIGHT, PAD
from datamodules.rendering.geometry import COLS, ROWS, Damage
from datamodules.rendering.look import Look
from datamodules.rendering.raster import (
    Image,
    Size,
    blur,
    cloud,
    f32,
    flood,
    inside,
    moved,
    over,
    plus,
    rounded_box,
    times,
)
from datamodules.screens.grid import Grid, rectify

SEEN_PX, SEEN_LEVELS = 6, 40
"""The shortest scratch that counts is 0.04 of a cell's diagonal: 6 pixels of a cell of 100."""
LIT = 0.25
"""Linear light, against white in that room, at which a place counts as half lit: there lines darken more than they shine."""


def canvas_size(aspect: float) -> Size:
    """Height and width of the canvas of a front that is `aspect` times as high as wide, the padding included."""
    return HEIGHT + 2 * PAD, round(HEIGHT / aspect) + 2 * PAD


def front_aspect(corners: NDArray[np.float64]) -> float:
    """Height by width of a front in a photo, from its corners (4, 2): tl, tr, br, bl; the mean of opposite sides."""
    top, right, bottom, left = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    return float((left + right) / max(top + bottom, 1e-6))


@dataclass(frozen=True)
class _Scene:
    """A photo as light (h, w, 3), 1 = what the sensor takes at most, and where its phone's glass is."""

    light: Image
    glass: Image
    white: Image
    size: Size
    view: NDArray[np.float64]
    scale: float
    sharpness: float

    def seen(self, plane: Image) -> Image:
        """A plane of the canvas as the camera sees it."""
        soft = blur(plane, self.sharpness)
        return f32(cv2.warpPerspective(soft, self.view, (self.light.shape[1], self.light.shape[0])))

    def photo(self, light: Image) -> NDArray[np.uint8]:
        """The 8-bit picture (h, w, 3) with other light on the glass."""
        light = f32(self.light + times(f32(light - self.light), self.glass))
        return np.asarray(np.clip(np.sqrt(np.clip(light, 0, 1)) * 255 + 0.5, 0, 255), np.uint8)


def _scene(rng: Generator, photo: NDArray[np.uint8], corners: NDArray[np.float64]) -> _Scene:
    size = canvas_size(front_aspect(corners))
    view, scale = _view(size, corners)
    light = np.square(f32(photo) / np.float32(255))  # a display gamma of 2, as the renderer's camera has it
    front = inside(rounded_box(size, (PAD, PAD, size[1] - PAD, size[0] - PAD), 0.06 * size[1]), 4.0)
    glass = f32(cv2.warpPerspective(front, view, (photo.shape[1], photo.shape[0])))
    sharpness = float(rng.uniform(0.45, 0.9)) * max(scale, 1.0)
    return _Scene(light, glass, _white(light, glass), size, view, scale, sharpness)


def paint(
    rng: Generator, photo: NDArray[np.uint8], corners: NDArray[np.float64], damage: Damage, look: Look
) -> NDArray[np.uint8]:
    """A photo (h, w, 3), 8 bits, with `damage` on the glass between its `corners` (4, 2); of the same shape.

    Scratches and cracks catch the light of the room on dark glass and darken what shines through lit glass; cracks also tilt
    what lies between them, scatter powder and let shards fall out. How sharp they are follows from the phone's size in the photo.
    """
    scene = _scene(rng, photo, corners)
    size, white, light = scene.size, scene.white, scene.light
    heading = float(rng.uniform(0, np.pi))
    scratches = look.pieces(marks.scratch_pieces(rng, damage, size))
    cracks = look.pieces(marks.crack_pieces(rng, damage, size))
    walls = marks.wall_pieces(rng, damage, size)
    broken = look.broken(marks.break_glass(rng, damage, cracks, walls, size))
    if broken.any:
        light = _shattered(rng, scene, broken)
    lit = _lit(light, scene)
    for pieces, floor, gain in ((scratches, 0.6, rng.uniform(0.25, 0.8)), (cracks, 0.3, rng.uniform(0.4, 1.0))):
        caught = marks.caught_light(rng, pieces, size, heading, floor)
        dark = float(rng.uniform(0.5, 0.85))
        shining = scene.seen(caught)
        light = times(light, f32(1 - np.clip(shining, 0, 1) * dark * lit))
        light = plus(light, f32(shining * (1 - 0.85 * lit) * gain), white)
    if broken.any:
        faces = marks.caught_light(rng, look.walls(walls), size, heading + float(rng.normal(0, 0.5)), 0.05)
        flakes = broken.powder * np.clip(1 + 0.6 * cloud(rng, size, 220, 1), 0, 2)
        extra = scene.seen(f32(0.35 * faces + float(rng.uniform(0.5, 0.9)) * flakes))
        light = plus(light, f32(extra * (1 - 0.7 * lit) * float(rng.uniform(0.4, 1.0))), white)
    return scene.photo(light)


def soil(rng: Generator, photo: NDArray[np.uint8], corners: NDArray[np.float64]) -> NDArray[np.uint8]:
    """A photo (h, w, 3), 8 bits, with dust, finger oil and, one time in three, drops on its glass: what is no damage."""
    scene = _scene(rng, photo, corners)
    specks = scene.seen(dirt.dust(rng, scene.size, float(rng.gamma(1.2, 0.4))))
    film = scene.seen(dirt.smears(rng, scene.size, float(np.clip(rng.gamma(1.0, 0.4), 0, 1.5))))
    count = int(rng.integers(1, 4)) if rng.random() < 1 / 3 else 0
    rims, wet = (scene.seen(plane) for plane in dirt.drops(rng, scene.size, count))
    dark = 1 - _lit(scene.light, scene)
    light = times(scene.light, f32(1 - 0.03 * film - 0.1 * specks + 0.08 * wet))
    added = film * rng.uniform(0.002, 0.02) + specks * rng.uniform(0.02, 0.2) + wet * rng.uniform(0, 0.006)
    return scene.photo(plus(light, f32((added + rims * rng.uniform(0.2, 0.8)) * dark), scene.white))


def seen_cells(before: NDArray[np.uint8], after: NDArray[np.uint8], corners: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which cells (5, 3) of a photo (h, w, 3) show that something was painted: SEEN_PX pixels of a cell of 100 that differ by
    SEEN_LEVELS of 255 in a channel. A line in a white rim or a mirrored lamp may be lost.
    """
    grid = Grid(COLS, ROWS, 100)
    one, other = (rectify(np.ascontiguousarray(picture), corners, grid).astype(np.int16) for picture in (before, after))
    changed = (np.abs(one - other).max(axis=2) >= SEEN_LEVELS).reshape(ROWS, 100, COLS, 100)
    return np.asarray(changed.sum(axis=(1, 3)) >= SEEN_PX)


def _view(size: Size, corners: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """The canvas's way into the photo, and how many of its pixels fall on one of the photo's."""
    height, width = size
    own = f32([[PAD, PAD], [width - PAD, PAD], [width - PAD, height - PAD], [PAD, height - PAD]])
    sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    view = np.asarray(cv2.getPerspectiveTransform(own, f32(corners)), np.float64)
    return view, 2 * HEIGHT / float(sides[1] + sides[3])


def _white(light: Image, glass: Image) -> Image:
    """What a white thing on the phone would send to the camera, BGR (3,): between half and all of what the sensor takes."""
    bright = np.percentile(light[glass < 0.5] if (glass < 0.5).any() else light.reshape(-1, 3), 97, axis=0)
    level = float(np.clip(bright.max(), 0.5, 1.0))
    hue = bright / max(float(bright.mean()), 1e-3)  # of the light, and of the desk: a wooden one must not dye the glass
    return f32(level * np.clip(hue**0.3, 0.9, 1.1))


def _lit(light: Image, scene: _Scene) -> Image:
    """How much each place (h, w) shines by itself or is white, 0..1, whatever lines cross it."""
    grey = blur(f32(light.mean(axis=2) / np.float32(scene.white.mean())), 3.0 / scene.scale)
    return f32(np.clip(grey / (2 * LIT), 0, 1))


def _shattered(rng: Generator, scene: _Scene, broken: marks.Broken) -> Image:
    """What lies under broken glass: looked at askew through each shard, dimmed by powder, gone where one has fallen out."""
    white, seen = scene.white, scene.seen
    tilt = f32(np.stack([seen(f32(broken.tilt[..., axis])) for axis in (0, 1)], axis=2))
    light = moved(scene.light, tilt, float(rng.uniform(2.0, 5.0)) / scene.scale)
    slope = f32(tilt @ f32(rng.normal(0, 1, 2)))
    light = plus(light, f32(np.clip(slope, 0, 2) * float(rng.uniform(0.0, 0.03))), white)
    brown = f32(0.12 * (1 + 0.2 * cloud(rng, (light.shape[0], light.shape[1]), 30, 4)))
    light = over(light, flood(brown, f32(white * f32((0.8, 0.95, 1.1)))), seen(broken.missing))
    return times(light, f32(1 - 0.6 * np.clip(seen(broken.powder), 0, 1) * _lit(light, scene)))
