"""The camera: where the device falls in the photo, and how light becomes an 8-bit picture."""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from datamodules.rendering.look import Look
from datamodules.rendering.raster import Image, Size, blur, centred, f32, resized, times

PHOTO_SIZES: tuple[Size, ...] = (
    (1600, 1200),
    (1600, 900),
    (1536, 1152),
    (1440, 1080),
    (1360, 1020),
    (1280, 960),
)
"""Height and width in pixels of the cameras' upright pictures."""


def frame(rng: Generator, aspect: float) -> tuple[Size, NDArray[np.float32]]:
    """Picture size (h, w) and the pixels (4, 2) of the device's corners: tl, tr, br, bl of the upright phone.

    Most phones lie nearly upright, some on a side or upside down; the camera is tilted by a few degrees.
    """
    turn = float(rng.choice([0, 180, 90, 270], p=[0.82, 0.06, 0.06, 0.06]))
    height, width = PHOTO_SIZES[int(rng.integers(len(PHOTO_SIZES)))]
    if turn in (90, 270):
        height, width = width, height
    spin = np.deg2rad(turn + float(np.clip(rng.normal(0, 3.5), -8, 8)))
    flat = np.array([[-1, -aspect], [1, -aspect], [1, aspect], [-1, aspect]]) / 2
    flat = flat @ np.array([[np.cos(spin), np.sin(spin)], [-np.sin(spin), np.cos(spin)]])
    tilt = np.deg2rad(rng.normal(0, 3.0, 2))
    depth = 1 + (flat[:, 0] * np.sin(tilt[0]) + flat[:, 1] * np.sin(tilt[1])) / (1.5 * aspect)
    seen = flat * np.cos(tilt) / depth[:, None]
    low, high = seen.min(axis=0), seen.max(axis=0)
    room = np.array([width, height]) * rng.uniform(0.86, 0.955)
    scale = float(np.min(room / (high - low)))
    slack = np.array([width, height]) - (high - low) * scale
    corner = slack * np.clip(rng.normal(0.5, 0.15, 2), 0.25, 0.75)
    return (height, width), f32((seen - low) * scale + corner)


def develop(rng: Generator, light: Image, dark: bool, look: Look) -> NDArray[np.uint8]:
    """Exposure, white balance, lens and sensor: linear light (h, w, 3) to an 8-bit picture (h, w, 3)."""
    size = light.shape[0], light.shape[1]
    least, most = (1.0, 2.4) if dark else (0.9, 1.7)
    exposure = rng.uniform(least, most)
    warmth = rng.normal(0, 0.08)  # white balance errs between warm and cold more than between green and pink
    balance = np.exp(np.array([-1.0, 0.0, 0.8]) * warmth + rng.normal(0, 0.015, 3))
    if look.light != 1:
        exposure = exposure**look.light * np.sqrt(least * most) ** (1 - look.light)
        balance = balance**look.light
    x, y = centred(size)
    vignette = f32(np.maximum(1 - np.float32(rng.uniform(0.03, 0.18) * look.light) * (x**2 + y**2), 0))
    flare = blur(f32(np.minimum(light, 4.0)), size[0] / 30) * np.float32(rng.uniform(0.005, 0.03))
    light = f32(
        cv2.transform(
            cv2.add(light, flare),
            np.diag(f32(balance * exposure)),
        )
    )
    softness = look.blur * float(rng.choice([0.45, 0.6, 0.8, 1.1, 1.6], p=[0.3, 0.3, 0.2, 0.14, 0.06]))
    light = blur(times(light, vignette), softness)
    # 1 - exp(-x) rolls highlights off, the root is a display gamma of 2
    picture = _noisy(rng, f32(cv2.sqrt(1 - f32(cv2.exp(-light)))))
    if rng.random() < 0.7:  # the sharpening that phone cameras apply
        amount = float(rng.uniform(0.2, 0.9))
        picture = f32(cv2.addWeighted(picture, 1 + amount, blur(picture, 1.2), -amount, 0))
    contrast, lift = rng.uniform(1.0, 1.15 if dark else 1.06), rng.uniform(-0.02, 0.01)
    scaled = cv2.addWeighted(picture, 255 * contrast, picture, 0, 255 * lift)
    return np.asarray(np.clip(scaled, 0, 255), np.uint8)


def _noisy(rng: Generator, picture: Image) -> Image:
    """Sensor noise: grain in brightness, coarser blotches in colour."""
    size = picture.shape[0], picture.shape[1]
    level = float(np.exp(rng.uniform(np.log(0.003), np.log(0.012))))
    grain = blur(rng.standard_normal(size, dtype=np.float32), 0.5) * np.float32(level * 1.4)
    coarse = rng.standard_normal((size[0] // 3, size[1] // 3, 3), dtype=np.float32) * np.float32(level * 0.6)
    return f32(cv2.add(cv2.add(picture, resized(coarse, size)), cv2.merge([grain, grain, grain])))


def jpeg(rng: Generator, picture: NDArray[np.uint8]) -> bytes:
    """The picture as JPEG at a random quality."""
    quality = int(rng.integers(72, 96))
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise RuntimeError("OpenCV could not encode a JPEG picture")
    return data.tobytes()
