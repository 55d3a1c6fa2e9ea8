"""Bodies of phones and tablets: frame, front glass, bezels, openings, keys, and what the lit screen shows."""

from dataclasses import dataclass

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
    flood,
    inside,
    over,
    rounded_box,
    times,
)

PAD = 20
"""Pixels round the front on the canvas, for side keys and soft edges."""
HEIGHT = 1300
"""Height of the front on the canvas in pixels: a cell is 260 pixels high."""


@dataclass(frozen=True)
class Body:
    """A device without damage on its canvas (h, w), h = HEIGHT + 2 * PAD.

    `alpha` (h, w) is 1 on the device; `albedo` (h, w, 3) its diffuse colour; `screen` (h, w) is 1 on the
    panel; `glass` (h, w) is 1 under the front glass; `rim` (h, w, 2) the outward normal of the frame, zero
    elsewhere; `emission` (h, w, 3) the light of the panel when lit, white = 1.
    """

    alpha: Image
    albedo: Image
    screen: Image
    glass: Image
    rim: Image
    emission: Image

    @property
    def size(self) -> Size:
        """Canvas (height, width) in pixels."""
        return self.alpha.shape[0], self.alpha.shape[1]


def _disc(size: Size, x: float, y: float, radius: float) -> Image:
    return rounded_box(size, (x - radius, y - radius, x + radius, y + radius), radius)


def _lens(albedo: Image, x: float, y: float, radius: float, ring: float) -> Image:
    """A camera: dark disc, lighter ring, bluish glint."""
    size = albedo.shape[0], albedo.shape[1]
    albedo = over(albedo, colour((ring, ring, ring)), inside(_disc(size, x, y, radius * 1.25)))
    albedo = over(albedo, colour((0.006, 0.005, 0.005)), inside(_disc(size, x, y, radius)))
    glint = inside(_disc(size, x - radius * 0.25, y - radius * 0.25, radius * 0.35), radius * 0.5)
    return over(albedo, colour((0.12, 0.05, 0.03)), glint * 0.7)


def _modern(
    rng: Generator, albedo: Image, screen: Image, box: tuple[float, float, float, float]
) -> tuple[Image, Image]:
    """Notch, drop or punch hole in a screen that fills the front."""
    size = screen.shape[0], screen.shape[1]
    x0, y0, x1, _ = box
    middle, width = (x0 + x1) / 2, x1 - x0
    style = rng.choice(["notch", "drop", "punch", "side_punch", "none"])
    slit = (middle - width * 0.08, y0 - 7, middle + width * 0.08, y0 - 3)
    cut: Image = np.full(size, 1e3, np.float32)
    lens = (middle, y0 + width * 0.05, width * 0.016)
    if style == "notch":
        half = width * rng.uniform(0.15, 0.27)
        cut = rounded_box(
            size,
            (middle - half, y0 - 60, middle + half, y0 + width * 0.075),
            width * 0.04,
        )
        lens = (middle + half * 0.55, y0 + width * 0.03, width * 0.014)
        slit = (middle - width * 0.07, y0 + 8, middle + width * 0.07, y0 + 16)
    elif style == "drop":
        lens = (middle, y0 + width * 0.035, width * 0.02)
        cut = np.minimum(
            _disc(size, middle, lens[1], width * 0.042),
            _disc(size, middle, y0, width * 0.045),
        )
    elif style in ("punch", "side_punch"):
        x = middle if style == "punch" else x0 + width * rng.choice([0.09, 0.91])
        lens = (float(x), y0 + width * 0.065, width * 0.02)
        cut = _disc(size, lens[0], lens[1], width * rng.uniform(0.028, 0.036))
    screen = f32(screen * (1 - inside(cut)))
    albedo = over(albedo, colour((0.02, 0.02, 0.02)), inside(rounded_box(size, slit, 3)) * 0.8)
    return (albedo if style == "none" else _lens(albedo, *lens, 0.012)), screen


def _classic(rng: Generator, albedo: Image, box: tuple[float, float, float, float], bezel: float) -> Image:
    """Speaker slit, camera and sensors above the screen, a key or nothing below."""
    size = albedo.shape[0], albedo.shape[1]
    height, width = size
    x0, y0, x1, y1 = box
    middle, top, low = (x0 + x1) / 2, (PAD + y0) / 2, (height - PAD + y1) / 2
    span = width * rng.uniform(0.07, 0.12)
    slit = rounded_box(size, (middle - span, top - 5, middle + span, top + 5), 5)
    albedo = over(albedo, colour((0.03, 0.03, 0.03)), inside(slit))
    albedo = _lens(
        albedo,
        middle + rng.choice([-1, 1]) * span * 2.0,
        top,
        width * 0.017,
        0.03 + bezel * 0.3,
    )
    sensor = inside(_disc(size, middle + span * 1.5, top + 2, 6))
    albedo = over(albedo, colour((0.02, 0.012, 0.012)), sensor * 0.8)
    key = rng.choice(["round", "oblong", "none"])
    room = height - PAD - y1
    if key != "none" and room > 70:
        tall = min(room * 0.33, width * 0.075)
        wide = tall if key == "round" else tall * 2.2
        shape = rounded_box(size, (middle - wide, low - tall, middle + wide, low + tall), tall * 0.98)
        ring = inside(f32(np.abs(shape) - 2.0), 2.0)
        face = colour([min(0.75, bezel * 0.9 + 0.006)] * 3)
        albedo = over(
            over(albedo, face, inside(shape)),
            colour([0.25 + 0.4 * bezel] * 3),
            ring * 0.8,
        )
    return albedo


def _qr_panel(rng: Generator, size: Size, box: tuple[float, float, float, float], text: str) -> Image:
    """White panel (h, w, 3) with a QR code somewhere round the middle and a little uneven backlight."""
    x0, y0, x1, y1 = (int(v) for v in box)
    white = colour((rng.uniform(0.97, 1.06), 1.0, rng.uniform(0.94, 1.0)))
    panel = flood(f32(1 + 0.012 * cloud(rng, size, 3, 1)), white)
    code = np.asarray(cv2.QRCodeEncoder.create().encode(text), np.uint8)
    side = int((x1 - x0) * rng.uniform(0.28, 0.62))
    code = np.asarray(cv2.resize(code, (side, side), interpolation=cv2.INTER_NEAREST), np.uint8)
    left = int((x0 + x1 - side) / 2 + rng.normal(0, 0.04) * (x1 - x0))
    top = int((y0 + y1 - side) / 2 + rng.uniform(-0.25, 0.25) * (y1 - y0))
    left, top = max(x0, min(left, x1 - side)), max(y0, min(top, y1 - side))
    panel[top : top + side, left : left + side] *= (0.02 + 0.98 * (code[..., None] > 127)).astype(np.float32)
    return blur(panel, 0.6)


def _side_keys(rng: Generator, size: Size, alpha: Image, albedo: Image, metal: Image) -> tuple[Image, Image]:
    width = size[1]
    side = bool(rng.random() < 0.75)
    keys = [(side, 0.26, 0.06), (side if rng.random() < 0.5 else not side, 0.37, 0.11)]
    for right, at, span in keys:
        x = width - PAD if right else PAD
        box = (x - 5, PAD + HEIGHT * at, x + 5, PAD + HEIGHT * (at + span))
        shape = inside(rounded_box(size, box, 3))
        albedo = over(albedo, metal * 0.8, shape * (1 - alpha))
        alpha = np.maximum(alpha, shape)
    return alpha, albedo


@dataclass(frozen=True)
class _Build:
    """Measures in canvas pixels and colours (linear BGR) of one model."""

    modern: bool
    radius: float
    frame: float
    bezel: float
    hue: Image
    metal: Image
    box: tuple[float, float, float, float]


def _build(rng: Generator, aspect: float, width: int) -> _Build:
    modern = aspect >= 2.0
    black = modern or rng.random() < 0.55
    hue = np.exp(rng.normal(0, 0.03, 3)) if black or rng.random() < 0.7 else np.array([0.75, 0.9, 1.0])
    metal = float(rng.choice([0.02, 0.05, 0.35, 0.45, 0.55])) * np.exp(rng.normal(0, 0.05, 3))
    side = width * (rng.uniform(0.022, 0.045) if modern else rng.uniform(0.035, 0.06))
    top = side * rng.uniform(1.0, 1.6) if modern else HEIGHT * rng.uniform(0.07, 0.115)
    low = side * rng.uniform(1.1, 2.2) if modern else HEIGHT * rng.uniform(0.06, 0.12)
    return _Build(
        modern=modern,
        radius=width * (rng.uniform(0.10, 0.16) if modern else rng.uniform(0.05, 0.13)),
        frame=width * rng.uniform(0.008, 0.018),
        bezel=rng.uniform(0.006, 0.016) if black else rng.uniform(0.6, 0.8),
        hue=f32(hue),
        metal=f32(metal),
        box=(PAD + side, PAD + top, PAD + width - side, PAD + HEIGHT - low),
    )


def make_body(rng: Generator, aspect: float, name: str) -> Body:
    """A random body of the given height by width; `name` goes into the QR code."""
    width = round(HEIGHT / aspect)
    size, build = (HEIGHT + 2 * PAD, width + 2 * PAD), _build(rng, aspect, width)
    outline = rounded_box(size, (PAD, PAD, PAD + width, PAD + HEIGHT), build.radius)
    inner = max(2.0, build.radius - (build.box[0] - PAD)) if build.modern else 2.0
    screen = inside(rounded_box(size, build.box, inner))
    albedo = f32(np.full((*size, 3), build.bezel * build.hue))
    if build.modern:
        albedo, screen = _modern(rng, albedo, screen, build.box)
    else:
        albedo = _classic(rng, albedo, build.box, build.bezel)
    panel_off = rng.uniform(0.004, 0.012) * np.exp(np.array([1.0, 0.2, -0.4]) * rng.normal(0.05, 0.2))
    albedo = over(albedo, f32(panel_off), screen)
    glass = inside(outline + build.frame)
    albedo = over(f32(np.full((*size, 3), build.metal)), albedo, glass)
    seam = inside(f32(np.abs(outline + build.frame) - 0.8), 1.5) * rng.uniform(0.2, 0.8)
    albedo = over(albedo, colour((0.004, 0.004, 0.004)), seam)
    alpha, albedo = _side_keys(rng, size, inside(outline), albedo, build.metal)
    emission = times(_qr_panel(rng, size, build.box, name), screen)
    return Body(alpha, albedo, screen, glass, _rim(outline, build.frame), emission)


def _rim(outline: Image, frame: float) -> Image:
    """Outward normal (h, w, 2) of the rounded frame: flat at its inner edge, steep at its outer edge."""
    ny, nx = np.gradient(outline)
    tilt = np.clip((outline + frame) / frame, 0, 1) ** 1.5
    return f32(np.stack([nx, ny], axis=-1) * tilt[..., None])
