"""Textures of metal: base colour, metallic, roughness and normal, as published (seed 004, figure 3.2)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

Map = npt.NDArray[np.float32]
SIDE = 256
"""Pixels of a texture; it repeats."""
RUST = np.array([[0.21, 0.07, 0.025], [0.36, 0.14, 0.05], [0.10, 0.045, 0.025]])
"""Linear colours that rust is mixed from."""


@dataclass(frozen=True)
class Surface:
    """What a bar is covered with; all maps `(SIDE, SIDE, …)`, float32."""

    base: Map
    """Linear RGB."""
    metallic: Map
    roughness: Map
    normal: Map
    """0 to 1, the flat one is (0.5, 0.5, 1)."""


def cloud(rng: Generator, shape: tuple[int, int], slope: float) -> Map:
    """Noise that repeats at its borders: its spectrum falls by frequency to the power of `slope`; mean 0, deviation 1."""
    down, across = np.fft.fftfreq(shape[0]), np.fft.rfftfreq(shape[1])
    frequency = np.hypot(down[:, None], across[None, :])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal(shape)) * frequency ** (-slope)
    found = np.fft.irfft2(spectrum, shape)
    return np.asarray((found - found.mean()) / found.std(), np.float32)


def worn_metal(rng: Generator) -> Surface:
    """Galvanised, blank or painted steel with some rust, scratches and pits."""
    shape = (SIDE, SIDE)
    grain, large, fine = cloud(rng, shape, 1.6), cloud(rng, shape, 2.2), cloud(rng, shape, 0.7)
    tone = rng.uniform(0.32, 0.68) * np.array([1.0, rng.uniform(0.95, 1.02), rng.uniform(0.88, 1.02)])
    rusty = _step(large + 0.45 * grain, rng.uniform(-0.6, 2.2), 0.25)[..., None]
    share = _step(grain, 0.0, 1.2)[..., None]
    rust = RUST[0] * share + RUST[1] * (1 - share)
    rust = rust * (1 + 0.25 * fine[..., None]) + 0.15 * (RUST[2] - rust) * (fine[..., None] > 1)
    metal = tone * (1 + 0.10 * grain[..., None] + 0.05 * fine[..., None])
    base = np.clip(metal * (1 - rusty) + rust * rusty, 0.01, 0.95)
    smooth = rng.uniform(0.22, 0.5)
    roughness = np.clip((smooth + 0.06 * grain) * (1 - rusty[..., 0]) + (0.8 + 0.05 * fine) * rusty[..., 0], 0.12, 1.0)
    metallic = np.clip(0.95 - 0.9 * rusty[..., 0], 0.0, 1.0)
    height = 0.5 * grain + 0.12 * fine + rusty[..., 0] * (0.8 * fine + 0.6 * grain)
    return Surface(
        base.astype(np.float32), metallic.astype(np.float32), roughness.astype(np.float32),
        normals(height, rng.uniform(0.4, 1.0)),
    )  # fmt: skip


def normals(height: Map, strength: float) -> Map:
    """The normal map of a height that repeats at its borders."""
    across = strength * (np.roll(height, -1, 1) - np.roll(height, 1, 1)) / 2
    down = strength * (np.roll(height, -1, 0) - np.roll(height, 1, 0)) / 2
    found = np.stack([-across, -down, np.ones_like(across)], -1)
    found /= np.linalg.norm(found, axis=-1, keepdims=True)
    return np.asarray(found / 2 + 0.5, np.float32)


def _step(values: Map, edge: float, width: float) -> Map:
    """From 0 to 1 around an edge."""
    return np.asarray(1 / (1 + np.exp(-(values - edge) / width)), np.float32)
