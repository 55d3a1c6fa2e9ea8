"""Rendered and invented phones before other backgrounds, turned, tilted, held and lit: what the mask is learned from."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from datamodules.base.pixels import resize
from datamodules.images.decoding import decode
from datamodules.screens.photo_folder import PhotoFolder
from export.outline.faces import face
from export.outline.network_file import SIDE
from export.outline.scenery import Image, Points, background, fingers, lit, palm, skin

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
    """One sample: picture `(160, 160, 3)` and mask `(80, 80)`, 0 to 1.

    Half of the phones are rendered, half invented; one in ten is left before the background it was rendered with.
    """
    if rng.random() < 0.5:
        phone = phones[rng.integers(len(phones))]
        image, corners = phone.image, phone.corners
        alone = rng.random() < 0.8
    else:
        image = face(rng)
        reach = image.shape[1::-1]
        corners = np.array([[0, 0], [reach[0], 0], reach, [0, reach[1]]], np.float64)
        alone = True
    height, width, target = _placed(corners, rng)
    move = cv2.getPerspectiveTransform(corners.astype(np.float32), target.astype(np.float32))
    warped = cv2.warpPerspective(image, move, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    picture = np.asarray(warped, np.float32)
    held, tone = rng.random() < 0.5, skin(rng)
    if alone:
        cover = cv2.warpPerspective(_rounded(image, corners, rng), move, (width, height), flags=cv2.INTER_LINEAR)
        behind = background(height, width, rng)
        if held:
            palm(behind, target, tone, rng)
        if rng.random() < 0.6:
            fall = np.array([[1, 0, rng.normal(0, 4)], [0, 1, rng.normal(0, 4)]])
            shadow = cv2.GaussianBlur(cv2.warpAffine(cover, fall, (width, height)), (0, 0), rng.uniform(1, 8))
            behind = np.asarray(behind * (1 - rng.uniform(0, 0.7) * shadow[..., None]), np.float32)
        picture = np.asarray(picture * cover[..., None] + behind * (1 - cover[..., None]), np.float32)
    if held:
        fingers(picture, target, tone, rng)
    small = resize(np.clip(lit(picture, rng), 0, 255).astype(np.uint8), (SIDE, SIDE))
    return small, _mask(target * [SIDE / width, SIDE / height])


def _mask(corners: Points) -> Image:
    """Share of each of the 80 × 80 places that the quadrilateral covers; corners in pixels of the network's square."""
    fine = np.zeros((FINE * SIDE, FINE * SIDE), np.uint8)
    cv2.fillConvexPoly(fine, np.round(corners * FINE - 0.5).astype(np.int32), 1)
    step = 2 * FINE
    return np.asarray(fine.reshape(SIDE // 2, step, SIDE // 2, step).mean((1, 3)), np.float32)


def _rounded(image: Image, corners: Points, rng: np.random.Generator) -> Image:
    """How much of each pixel the phone covers, its corners rounded, `(H, W)`, 0 to 1."""
    quad = np.zeros((image.shape[0] + 2, image.shape[1] + 2), np.uint8)
    cv2.fillConvexPoly(quad, np.round((corners + 1) * 16).astype(np.int32), 1, cv2.LINE_8, 4)
    quad[[0, -1]], quad[:, [0, -1]] = 0, 0
    short = min(np.linalg.norm(corners[0] - corners[1]), np.linalg.norm(corners[1] - corners[2]))
    radius = float(short * rng.uniform(0.02, 0.14))
    inner = (cv2.distanceTransform(quad, cv2.DIST_L2, 5) > radius).astype(np.float32)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * int(radius) + 1,) * 2)
    return np.asarray(cv2.GaussianBlur(cv2.dilate(inner, disc), (0, 0), 0.8)[1:-1, 1:-1], np.float32)


def _placed(corners: Points, rng: np.random.Generator) -> tuple[int, int, Points]:
    """Height and width of the sample, and where the phone's corners go: most phones fill most of their photo."""
    shape = rng.choice(SHAPES)
    width = int(AREA * np.sqrt(shape))
    height = AREA * AREA // width
    right = rng.integers(4) * np.pi / 2 + rng.normal(0, 0.12)
    angle = rng.uniform(0, 2 * np.pi) if rng.random() < 0.25 else right
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    target = (corners - corners.mean(0)) @ turn.T
    reach = target.max(0) - target.min(0)
    target *= (1.02 - 0.5 * rng.random() ** 1.7) * min(width / reach[0], height / reach[1])
    if rng.random() < 0.6:
        target += rng.normal(0, 0.03, target.shape) * np.abs(target).max()
    low, high = -target.min(0), np.array([width, height]) - target.max(0)
    return height, width, target + rng.uniform(np.minimum(low, high) - 5, np.maximum(low, high) + 5)
