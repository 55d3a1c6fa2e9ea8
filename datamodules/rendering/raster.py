"""Typed float32 image helpers over OpenCV. Images are (h, w) or (h, w, 3): BGR, linear light, 0 = none."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

Image = NDArray[np.float32]
Size = tuple[int, int]


def f32(values: ArrayLike) -> Image:
    """The values as float32, without a copy if they are already."""
    return np.asarray(values, dtype=np.float32)


def blur(image: Image, sigma: float) -> Image:
    """Gaussian blur with `sigma` in pixels; wide blurs are done on a smaller copy, which looks the same."""
    if sigma < 0.2:
        return image
    if sigma > 6:
        factor = sigma / 3
        height, width = image.shape[:2]
        small = cv2.resize(
            image,
            (max(2, round(width / factor)), max(2, round(height / factor))),
            interpolation=3,
        )
        return resized(blur(f32(small), 3.0), (height, width))
    return f32(cv2.GaussianBlur(image, (0, 0), sigma))


def resized(image: Image, size: Size) -> Image:
    """Bilinear resize to (height, width)."""
    return f32(cv2.resize(image, (size[1], size[0]), interpolation=cv2.INTER_LINEAR))


def cloud(rng: Generator, size: Size, cells: float, octaves: int = 3, stretch: float = 1.0) -> Image:
    """Smooth noise (h, w) of about unit spread: `cells` blobs along the long side, finer octaves half as strong.

    `stretch` > 1 makes blobs that much longer along y than along x.
    """
    height, width = size
    total = np.zeros(size, np.float32)
    for octave in range(octaves):
        n = cells * 2**octave / max(size)
        rows, cols = max(2, int(height * n / stretch)), max(2, int(width * n))
        coarse = rng.standard_normal((rows, cols), dtype=np.float32)
        total += f32(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)) * np.float32(0.5**octave)
    return total


def colour(values: Sequence[float]) -> Image:
    """A BGR triple (3,) as float32."""
    return f32(values)


def tint(rng: Generator, level: float, spread: float) -> Image:
    """A grey of about `level` with a random cast: BGR (3,)."""
    return f32(level * np.exp(rng.normal(0, spread, 3)))


def grid(size: Size) -> tuple[Image, Image]:
    """Pixel coordinates x (1, w) and y (h, 1), to broadcast."""
    return np.arange(size[1], dtype=np.float32)[None], np.arange(size[0], dtype=np.float32)[:, None]


def centred(size: Size) -> tuple[Image, Image]:
    """Coordinates x (1, w) and y (h, 1) from -1 to 1, for gradients."""
    x, y = grid(size)
    return x * np.float32(2 / size[1]) - 1, y * np.float32(2 / size[0]) - 1


def times(image: Image, plane: Image) -> Image:
    """`image` (h, w, 3) times `plane` (h, w); OpenCV does this several times faster than broadcasting."""
    return f32(cv2.multiply(image, cv2.merge([plane, plane, plane])))


def flood(plane: Image, bgr: Image) -> Image:
    """`plane` (h, w) in the colour `bgr` (3,): (h, w, 3)."""
    return f32(cv2.merge([plane * value for value in bgr]))


def plus(image: Image, plane: Image, bgr: Image) -> Image:
    """`image` (h, w, 3) with light `plane` (h, w) of the colour `bgr` (3,) added."""
    return f32(cv2.add(image, flood(plane, bgr)))


def over(base: Image, top: Image, alpha: Image) -> Image:
    """`top` (h, w, 3) or (3,) laid over `base` where `alpha` (h, w) is 1."""
    rows = np.flatnonzero(alpha.max(axis=1) > 0)
    if not len(rows):
        return base
    band = slice(rows[0], rows[-1] + 1)  # most things are small: only their rows are worked on
    result, part = base.copy(), alpha[band]
    below = times(base[band], 1 - part)
    result[band] = plus(below, part, top) if top.ndim == 1 else cv2.add(below, times(top[band], part))
    return result


def rounded_box(size: Size, box: tuple[float, float, float, float], radius: float) -> Image:
    """Signed distance (h, w) in pixels to a rounded box (x0, y0, x1, y1): negative inside."""
    x, y = grid(size)
    x0, y0, x1, y1 = box
    qx = np.abs(x - np.float32((x0 + x1) / 2)) - np.float32((x1 - x0) / 2 - radius)
    qy = np.abs(y - np.float32((y0 + y1) / 2)) - np.float32((y1 - y0) / 2 - radius)
    outside = np.sqrt(np.maximum(qx, 0) ** 2 + np.maximum(qy, 0) ** 2)
    return f32(outside + np.minimum(np.maximum(qx, qy), 0) - np.float32(radius))


def inside(distance: Image, softness: float = 1.0) -> Image:
    """Coverage 0..1 from a signed distance, with an edge of `softness` pixels."""
    return f32(np.clip(0.5 - distance * np.float32(1 / softness), 0, 1))


def moved(image: Image, tilt: Image, reach: float, scale: float = 1.0) -> Image:
    """`image` looked up `tilt` * `reach` pixels aside; `scale` is its size relative to the canvas."""
    x, y = grid((tilt.shape[0], tilt.shape[1]))
    map_x = (x + tilt[..., 0] * np.float32(reach)) * np.float32(scale)
    map_y = (y + tilt[..., 1] * np.float32(reach)) * np.float32(scale)
    return f32(cv2.remap(image, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
