"""Dirt on the glass, which is no damage: dust and fibres, finger oil, drops."""

import cv2
import numpy as np
from numpy.random import Generator

from datamodules.rendering.raster import Image, Size, blur, cloud, f32, resized

_SHIFT = 4  # sub-pixel bits of OpenCV's drawing


def dust(rng: Generator, size: Size, density: float) -> Image:
    """Specks and a few fibres (h, w), 0..1: no damage."""
    canvas = np.zeros(size, np.uint8)
    for _ in range(int(rng.poisson(220 * density))):
        centre = (int(rng.integers(size[1] * 16)), int(rng.integers(size[0] * 16)))
        long = 16 * rng.gamma(1.4, 0.45)
        axes = (int(max(4, long)), int(max(4, long * rng.uniform(0.4, 1))))
        value = int(np.clip(rng.gamma(1.5, 70), 25, 255))
        cv2.ellipse(
            canvas,
            centre,
            axes,
            int(rng.integers(180)),
            0,
            360,
            value,
            -1,
            cv2.LINE_AA,
            _SHIFT,
        )
    for _ in range(int(rng.poisson(1.2 * density))):
        turns = np.cumsum(rng.normal(0, 0.35, 14))
        path = np.cumsum(np.stack([np.cos(turns), np.sin(turns)], axis=1) * rng.uniform(2, 5), axis=0)
        spin, at = rng.uniform(0, 6.3), rng.uniform(0, 1, 2) * size[::-1]
        turn = np.array([[np.cos(spin), -np.sin(spin)], [np.sin(spin), np.cos(spin)]])
        fibre = np.round((path @ turn + at) * 16).astype(np.int32)
        cv2.polylines(canvas, [fibre], False, int(rng.integers(60, 150)), 1, cv2.LINE_AA, _SHIFT)
    return blur(f32(canvas) / np.float32(255), 0.7)


def smears(rng: Generator, size: Size, amount: float) -> Image:
    """Finger oil (h, w), 0..1: soft wiped bands and blotches, no damage."""
    angle = rng.uniform(-60, 60)
    height, width = size
    wiped = cloud(rng, (height // 2, width // 2), 40, 2, stretch=14.0)
    turn = cv2.getRotationMatrix2D((width / 4, height / 4), angle, 1.6)
    wiped = f32(cv2.warpAffine(wiped, turn, (width // 2, height // 2), borderMode=cv2.BORDER_REFLECT))
    patch = np.clip(cloud(rng, (height // 2, width // 2), 5, 2) - 0.2, 0, 1.5)
    print_marks = np.clip(cloud(rng, (height // 2, width // 2), 14, 1) - 1.3, 0, 1)
    film = np.clip(0.5 + 0.35 * wiped, 0, 1.5) * patch + print_marks
    return f32(np.clip(resized(f32(film), size) * amount, 0, 1))


def drops(rng: Generator, size: Size, count: int) -> tuple[Image, Image]:
    """Drops of a liquid, no damage: the light (h, w) that their rims and tops throw, and the film (h, w) that they cover, 0..1."""
    rims, film = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
    around = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    for _ in range(count):
        reach = size[1] * rng.uniform(0.04, 0.2)
        waves = sum(rng.normal(0, 0.22 / k) * np.cos(k * around + rng.uniform(0, 6.3)) for k in (1, 2, 3))
        stretch, spin = rng.uniform(0.45, 1.0), rng.uniform(0, np.pi)
        flat = (
            np.stack([np.cos(around), stretch * np.sin(around)], axis=1) * (reach * np.clip(1 + waves, 0.3, 2))[:, None]
        )
        turn = np.array([[np.cos(spin), np.sin(spin)], [-np.sin(spin), np.cos(spin)]])
        outline = flat @ turn + rng.uniform(0.05, 0.95, 2) * size[::-1]
        fixed = np.round(outline * 2**_SHIFT).astype(np.int32)
        cv2.fillPoly(film, [fixed], 255, cv2.LINE_AA, _SHIFT)
        light = np.clip(np.cos(around - rng.uniform(0, 6.3)) ** 3, 0, 1) + 0.6 * np.clip(
            np.cos(around - rng.uniform(0, 6.3)) ** 5, 0, 1
        )
        level = np.clip(rng.uniform(0.25, 1.0) * light + rng.uniform(0, 0.12), 0, 1)
        for at, value in enumerate(level):
            piece = fixed[[at, (at + 1) % len(around)]]
            cv2.polylines(rims, [piece], False, int(255 * value), int(rng.integers(1, 6)), cv2.LINE_AA, _SHIFT)
    return blur(f32(rims) / np.float32(255), 1.0), blur(f32(film) / np.float32(255), 1.5)
