"""Surroundings all around the shackles, as pictures of longitude by latitude in linear light: sky, horizon, ground."""

import hashlib
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator

from datamodules.base.errors import DataError
from datamodules.images.decoding import SUFFIXES
from datamodules.shackles.surfaces import Map, cloud

HEIGHT, WIDTH = 768, 1536
"""Pixels; in a picture of 40 degrees some 170 of them lie side by side."""


def drawn(rng: Generator) -> Map:
    """A sky with clouds above trees, houses, masts and lines, above fields, gravel or water; `(HEIGHT, WIDTH, 3)`."""
    horizon = HEIGHT // 2 + int(rng.integers(-20, 30))
    sky = _sky(rng, horizon)
    ground = _ground(rng, HEIGHT - horizon)
    picture = np.concatenate([sky, ground])
    _skyline(rng, picture, horizon)
    _lines(rng, picture, horizon)
    return np.asarray(picture, np.float32)


def _sky(rng: Generator, rows: int) -> Map:
    up = np.linspace(1, 0, rows)[:, None, None]
    hue = rng.uniform(0, 1)
    zenith = np.array([0.10, 0.22, 0.55]) * (1 - 0.7 * hue) + np.array([0.45, 0.48, 0.52]) * 0.7 * hue
    rim = np.array([0.75, 0.80, 0.85]) * rng.uniform(0.7, 1.1) + np.array([0.25, 0.08, -0.1]) * rng.uniform(0, 1) ** 2
    blue = zenith * up**0.6 + rim * (1 - up**0.6)
    noise = cloud(rng, (1024, WIDTH), 1.7)[:rows]
    cover = 1 / (1 + np.exp(-(noise - rng.uniform(-0.6, 1.6)) * 3))[..., None]
    shade = (0.75 + 0.12 * cloud(rng, (1024, WIDTH), 1.3)[:rows])[..., None]
    return np.asarray(blue * (1 - cover) + shade * rng.uniform(0.8, 1.2) * cover, np.float32)


def _ground(rng: Generator, rows: int) -> Map:
    colours = np.array(
        [[0.10, 0.16, 0.05], [0.22, 0.18, 0.10], [0.30, 0.29, 0.27], [0.06, 0.09, 0.10], [0.45, 0.46, 0.48]]
    )
    one, other = colours[rng.choice(len(colours), 2, replace=False)]
    coarse, fine = cloud(rng, (1024, WIDTH), 1.6)[:rows], cloud(rng, (1024, WIDTH), 0.9)[:rows]
    share = (1 / (1 + np.exp(-2 * coarse)))[..., None]
    near = np.linspace(0.5, 1.0, rows)[:, None]
    return np.asarray(
        (one * share + other * (1 - share)) * (1 + 0.35 * near * fine)[..., None].clip(0.2, 3), np.float32
    )


def _skyline(rng: Generator, picture: Map, horizon: int) -> None:
    """Woods as a ragged dark rim, and houses before them."""
    rim = cloud(rng, (8, WIDTH), 1.1)[0] * rng.uniform(4, 22) + rng.uniform(5, 45)
    wood = np.array([0.03, 0.06, 0.02]) * rng.uniform(0.6, 2.5)
    texture = (1 + 0.5 * cloud(rng, (HEIGHT, WIDTH), 0.8)).clip(0.2, 3)
    for column, height in enumerate(rim.clip(0, 160).astype(int)):
        here = slice(horizon - height, horizon)
        picture[here, column] = wood * texture[here, column, None]
    for _ in range(int(rng.integers(0, 9))):
        left, width, height = int(rng.integers(WIDTH)), int(rng.integers(20, 120)), int(rng.integers(20, 130))
        colour = rng.uniform(0.08, 0.6) * np.array([1.0, rng.uniform(0.85, 1), rng.uniform(0.7, 1)])
        picture[horizon - height : horizon, left : left + width] = colour
        for row in range(horizon - height + 8, horizon - 8, 16):
            for column in range(left + 6, min(left + width, WIDTH) - 8, 14):
                picture[row : row + 7, column : column + 6] = colour * 0.25


def _lines(rng: Generator, picture: Map, horizon: int) -> None:
    """Masts and the lines between them."""
    if rng.random() < 0.4:
        return
    dark = tuple(float(one) for one in np.full(3, rng.uniform(0.02, 0.12)))
    places = np.sort(rng.integers(0, WIDTH, int(rng.integers(2, 6))))
    tops = horizon - rng.integers(90, 260, len(places))
    for column, top in zip(places.tolist(), tops.tolist(), strict=True):
        cv2.line(picture, (column, horizon), (column, top), dark, int(rng.integers(2, 6)))
        for arm in range(top + 8, top + 50, 18):
            cv2.line(picture, (column - 26, arm), (column + 26, arm), dark, 2)
    for one, other in zip(range(len(places) - 1), range(1, len(places)), strict=True):
        share = np.linspace(0, 1, 60)
        for offset in (0, 18, 36):
            x = places[one] * (1 - share) + places[other] * share
            y = tops[one] * (1 - share) + tops[other] * share + offset + 60 * share * (1 - share)
            cv2.polylines(picture, [np.stack([x, y], 1).round().astype(np.int32)], False, dark, 1, cv2.LINE_AA)


def found(folder: Path) -> list[Path]:
    """The panoramas of a folder: .hdr, .exr or pictures, twice as wide as high. Raises DataError where there are none."""
    kinds = SUFFIXES | {".hdr", ".exr"}
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in kinds) if folder.is_dir() else []
    if not files:
        raise DataError(f"datamodule.environments={folder}: no panoramas in it; want {', '.join(sorted(kinds))}")
    return files


def read(path: Path) -> Map:
    """A panorama in linear light, at HEIGHT x WIDTH. Raises DataError naming the file."""
    given = _exr(path) if path.suffix.lower() == ".exr" else cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if given is None or given.ndim != 3:
        raise DataError(f"{path}: not a panorama that can be read; want .hdr, .exr or a picture in colour")
    if not 1.8 < given.shape[1] / given.shape[0] < 2.2:
        raise DataError(f"{path}: is {given.shape[1]} x {given.shape[0]} pixels; want twice as wide as high")
    rgb = cv2.cvtColor(given[..., :3], cv2.COLOR_BGR2RGB)
    most = {"uint8": 255.0, "uint16": 65535.0}.get(rgb.dtype.name)
    light = rgb.astype(np.float32) if most is None else (rgb.astype(np.float32) / most) ** 2.2
    return np.asarray(cv2.resize(light, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.float32)


def _exr(path: Path) -> Map | None:
    """BGR, as OpenCV gives pictures; its own reader of this format is left out of many builds."""
    import mitsuba

    mitsuba.set_variant("scalar_rgb")
    try:
        picture = mitsuba.Bitmap(str(path)).convert(mitsuba.Bitmap.PixelFormat.RGB, mitsuba.Struct.Type.Float32, False)
    except RuntimeError:
        return None
    return np.asarray(np.array(picture)[..., ::-1], np.float32)


def panoramas_digest(folder: Path) -> str:
    """8 hex digits over a folder's panoramas."""
    digest = hashlib.blake2b(digest_size=4)
    for path in found(folder):
        digest.update(path.name.encode() + hashlib.blake2b(path.read_bytes()).digest())
    return digest.hexdigest()


def out_of_focus(picture: Map, degrees: float) -> Map:
    """The same surroundings seen by a lens that is set on something near.

    Args:
        degrees: diameter of the disc that a point becomes.

    """
    radius = max(1, round(degrees / 360 * WIDTH / 2))
    wide = np.concatenate([picture[:, -4 * radius :], picture, picture[:, : 4 * radius]], axis=1)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)).astype(np.float32)
    blurred = cv2.filter2D(wide, -1, disc / disc.sum(), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred[:, 4 * radius : -4 * radius], np.float32)
