"""Rendered phones before other backgrounds, turned, tilted, held and lit otherwise: what the mask is learned from."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from datamodules.decoding import decode
from datamodules.photo_folder import PhotoFolder
from datamodules.screen_grid import resize
from export.outline.network_file import SIDE

Image = npt.NDArray[np.float32]
Points = npt.NDArray[np.float64]
KEPT = 260
"""Long side, pixels, at which rendered photos are kept."""
AREA = 200
"""Root of a sample's area before it is squeezed into the network's square."""
FINE = 4
"""Masks are drawn so many times larger: a drawn polygon includes its border pixels, half of one too many on each side."""
SHAPES = (1.0, 4 / 3, 3 / 4, 16 / 9, 9 / 16)


@dataclass(frozen=True)
class Rendered:
    """A rendered photo, RGB 0..255, and its phone's corners."""

    image: Image
    corners: Points


def rendered(folder: PhotoFolder) -> list[Rendered]:
    """Every photo of a rendered folder, made small."""
    found = []
    for photo, path in zip(folder.photos, folder.files, strict=True):
        picture = decode(path)
        scale = KEPT / max(picture.shape[:2])
        small = resize(picture, (round(picture.shape[1] * scale), round(picture.shape[0] * scale)))
        found.append(Rendered(small.astype(np.float32), np.asarray(photo.corners, np.float64) * scale))
    return found


def draw(phones: list[Rendered], rng: np.random.Generator) -> tuple[npt.NDArray[np.uint8], Image]:
    """One sample: picture `(160, 160, 3)` and mask `(80, 80)`, 0 to 1."""
    phone = phones[rng.integers(len(phones))]
    image, corners = phone.image, phone.corners
    if rng.random() < 0.8:
        image = _before_another(image, corners, rng)
    height, width, target = _placed(corners, rng)
    move = cv2.getPerspectiveTransform(corners.astype(np.float32), target.astype(np.float32))
    warped = cv2.warpPerspective(image, move, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    picture = np.asarray(warped, np.float32)
    if rng.random() < 0.5:
        _hold(picture, target, rng)
    picture = _lit(picture, rng)
    small = resize(np.clip(picture, 0, 255).astype(np.uint8), (SIDE, SIDE))
    return small, _mask(target * [SIDE / width, SIDE / height])


def _mask(corners: Points) -> Image:
    """Share of each of the 80 × 80 places that the quadrilateral covers; corners in pixels of the network's square."""
    fine = np.zeros((FINE * SIDE, FINE * SIDE), np.uint8)
    cv2.fillConvexPoly(fine, np.round(corners * FINE - 0.5).astype(np.int32), 1)
    step = 2 * FINE
    return np.asarray(fine.reshape(SIDE // 2, step, SIDE // 2, step).mean((1, 3)), np.float32)


def _before_another(image: Image, corners: Points, rng: np.random.Generator) -> Image:
    """The phone, its corners rounded, before a drawn background."""
    height, width = image.shape[:2]
    quad = np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(quad, np.round(corners * 16).astype(np.int32), 1, cv2.LINE_8, 4)
    short = min(np.linalg.norm(corners[0] - corners[1]), np.linalg.norm(corners[1] - corners[2]))
    radius = float(short * rng.uniform(0.02, 0.12))
    inner = (cv2.distanceTransform(quad, cv2.DIST_L2, 5) > radius).astype(np.float32)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * int(radius) + 1,) * 2)
    shape = cv2.GaussianBlur(cv2.dilate(inner, disc), (0, 0), 0.8)[..., None]
    return np.asarray(image * shape + _background(height, width, rng) * (1 - shape), np.float32)


def _background(height: int, width: int, rng: np.random.Generator) -> Image:
    """One colour, or clouds, or clouds with lines and patches; grain over all."""
    image = np.ones((height, width, 3), np.float32) * rng.integers(0, 256, 3)
    kind = rng.integers(4)
    if kind >= 1:
        count = int(rng.integers(2, 9))
        clouds = rng.integers(0, 256, (count, count, 3)).astype(np.float32)
        image = 0.5 * image + 0.5 * cv2.resize(clouds, (width, height), interpolation=cv2.INTER_CUBIC)
    if kind >= 2:
        for _ in range(rng.integers(2, 14)):
            colour = tuple(int(level) for level in rng.integers(0, 256, 3))
            spots = rng.integers(-20, max(height, width) + 20, (rng.integers(3, 6), 2)).astype(np.int32)
            if rng.random() < 0.5:
                cv2.fillPoly(image, [spots], colour)
            else:
                cv2.line(image, spots[0].tolist(), spots[1].tolist(), colour, int(rng.integers(1, 12)))
    image += rng.normal(0, rng.uniform(0, 14), image.shape).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 4)) if rng.random() < 0.5 else image, np.float32)


def _placed(corners: Points, rng: np.random.Generator) -> tuple[int, int, Points]:
    """Height and width of the sample, and where the phone's corners go."""
    shape = rng.choice(SHAPES)
    width = int(AREA * np.sqrt(shape))
    height = AREA * AREA // width
    right = rng.integers(4) * np.pi / 2 + rng.normal(0, 0.15)
    angle = rng.uniform(0, 2 * np.pi) if rng.random() < 0.4 else right
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    target = (corners - corners.mean(0)) @ turn.T
    reach = target.max(0) - target.min(0)
    target *= rng.uniform(0.55, 1.02) * min(width / reach[0], height / reach[1])
    if rng.random() < 0.6:
        target += rng.normal(0, 0.03, target.shape) * np.abs(target).max()
    low, high = -target.min(0), np.array([width, height]) - target.max(0)
    return height, width, target + rng.uniform(np.minimum(low, high) - 5, np.maximum(low, high) + 5)


def _hold(picture: Image, corners: Points, rng: np.random.Generator) -> None:
    """Fingers in tones of skin over the phone's edges, drawn into the picture."""
    red = rng.uniform(120, 240)
    skin = np.array([red, red * rng.uniform(0.6, 0.82), red * rng.uniform(0.45, 0.7)])
    for _ in range(rng.integers(1, 6)):
        side = rng.integers(4)
        start, along = corners[side], corners[(side + 1) % 4] - corners[side]
        outward = np.array([along[1], -along[0]]) / np.linalg.norm(along)
        length, thick = rng.uniform(13, 44), rng.uniform(5, 13)
        middle = start + along * rng.uniform(0.05, 0.95) + outward * (length - rng.uniform(-3, 10))
        angle = np.degrees(np.arctan2(outward[1], outward[0]) + rng.normal(0, 0.4))
        colour = tuple(float(level) for level in skin * rng.uniform(0.8, 1.15))
        spot = tuple(int(at) for at in np.round(middle))
        cv2.ellipse(picture, spot, (int(length), int(thick)), float(angle), 0, 360, colour, -1, cv2.LINE_AA)


def _lit(picture: Image, rng: np.random.Generator) -> Image:
    """Other exposure, colour of light, gradient, blur and grain."""
    height, width = picture.shape[:2]
    lit = (picture * rng.uniform(0.5, 1.35) + rng.normal(0, 12)) * rng.uniform(0.85, 1.15, 3)
    across, down = np.linspace(-1, 1, width)[None, :], np.linspace(-1, 1, height)[:, None]
    lit *= (1 + across * rng.normal(0, 0.15) + down * rng.normal(0, 0.15))[..., None]
    if rng.random() < 0.3:
        lit = np.asarray(cv2.GaussianBlur(lit, (0, 0), rng.uniform(0.4, 1.8)))
    return np.asarray(lit + rng.normal(0, rng.uniform(0, 8), lit.shape), np.float32)
