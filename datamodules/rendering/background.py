"""Procedural surfaces that phones lie on, in linear light (h, w, 3)."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator

from datamodules.rendering.raster import (
    Image,
    Size,
    blur,
    cloud,
    colour,
    f32,
    grid,
    tint,
)


def _wood(rng: Generator, size: Size) -> Image:
    grain = cloud(rng, size, 90, 3, stretch=25.0)
    figure = cloud(rng, size, 5, 2, stretch=6.0)
    x, _ = grid(size)
    rings = np.sin(x / size[1] * rng.uniform(20, 60) + figure * 5)
    tone = np.exp(0.16 * grain + 0.14 * rings + 0.15 * figure)
    base = np.array(
        [
            [0.05, 0.11, 0.22],
            [0.16, 0.30, 0.45],
            [0.02, 0.035, 0.06],
            [0.25, 0.36, 0.46],
        ]
    )[int(rng.integers(4))]
    surface = f32(tone[..., None] * base)
    if rng.random() < 0.5:  # planks
        width = size[1] / rng.uniform(2, 5)
        gap = np.abs((x + rng.uniform(0, width)) % width - width / 2) < 1.6
        surface = f32(surface * (1 - 0.7 * gap)[..., None])
    return (
        surface if rng.random() < 0.5 else f32(np.ascontiguousarray(surface.transpose(1, 0, 2)[: size[0], : size[1]]))
    )


def _cloth(rng: Generator, size: Size) -> Image:
    x, y = grid(size)
    pitch = rng.uniform(3.5, 8)
    wobble = cloud(rng, size, 30, 2) * 1.2
    weave = np.sin((x + wobble) * (2 * np.pi / pitch)) * np.sin((y + wobble) * (2 * np.pi / pitch))
    folds = cloud(rng, size, 3, 2)
    fuzz = cloud(rng, size, size[0] / 3, 1)
    tone = np.exp(0.16 * weave + 0.12 * folds + 0.12 * fuzz)
    return f32(tone[..., None] * tint(rng, float(rng.choice([0.03, 0.08, 0.2, 0.5])), 0.15))


def _paper(rng: Generator, size: Size) -> Image:
    sheet = np.full(size, 0.75, np.float32) + 0.02 * cloud(rng, size, 300, 1) + 0.05 * cloud(rng, size, 3, 1)
    ink = np.zeros(size, np.uint8)
    letters = np.array(list("eeeaaatttnnoosriidlucmhpfgbv    "))
    height = float(rng.uniform(0.45, 0.9))
    pitch, left = int(45 * height), int(rng.integers(10, 160))
    for top in range(int(rng.integers(10, 60)), size[0], pitch):
        length = int((size[1] - left) / (17 * height) * (1.0 if rng.random() < 0.8 else rng.random()))
        text = "".join(rng.choice(letters, max(0, length)))
        cv2.putText(ink, text, (left, top), cv2.FONT_HERSHEY_SIMPLEX, height, 215, 1, cv2.LINE_AA)
    printed = sheet * (1 - 0.85 * f32(ink) / 255)
    return f32(printed[..., None] * colour((0.92, 0.97, 1.0)))


def _metal(rng: Generator, size: Size) -> Image:
    brushed = cloud(rng, size, 500, 2, stretch=120.0)
    tone = np.exp(0.10 * brushed + 0.2 * cloud(rng, size, 2, 1))
    return f32(tone[..., None] * tint(rng, rng.uniform(0.2, 0.5), 0.05))


def _plain(rng: Generator, size: Size) -> Image:
    tone = np.exp(0.05 * cloud(rng, size, 3, 2) + 0.04 * cloud(rng, size, 400, 2))
    level = float(rng.choice([0.02, 0.06, 0.2, 0.55, 0.8]))
    return f32(tone[..., None] * tint(rng, level, 0.1))


def _stone(rng: Generator, size: Size) -> Image:
    veins = np.exp(-6 * np.abs(cloud(rng, size, 4, 4)))
    speckle = cloud(rng, size, 250, 2)
    level = rng.uniform(0.15, 0.6)
    tone = level * np.exp(0.18 * speckle) * (1 - 0.22 * veins)
    return f32(tone[..., None] * tint(rng, 1.0, 0.06))


SURFACES: tuple[Callable[[Generator, Size], Image], ...] = (
    _wood,
    _wood,
    _cloth,
    _cloth,
    _paper,
    _metal,
    _plain,
    _plain,
    _stone,
)


def surface(rng: Generator, size: Size) -> Image:
    """One random surface; drawn at two thirds of the size, as desks are a little out of focus anyway."""
    small = size[0] * 2 // 3, size[1] * 2 // 3
    drawn = SURFACES[int(rng.integers(len(SURFACES)))](rng, small)
    if drawn.shape[:2] != small:
        drawn = f32(cv2.resize(drawn, small[::-1]))
    big = f32(cv2.resize(drawn, size[::-1], interpolation=cv2.INTER_LINEAR))
    return blur(np.clip(big, 0.002, 1.0), float(rng.uniform(0, 1.2)))
