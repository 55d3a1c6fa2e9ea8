"""Changes of an image that its masks follow: turns, mirroring, a little rotation, brightness."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

GREY = 127
"""Surroundings of a rotated image; they belong to no class."""


@dataclass(frozen=True)
class MaskAugmentation:
    """What it does depends on (seed, epoch, sample) alone. With all at 0 it does nothing.

    Args:
        half_turn: probability of 180°.
        mirror: probability of a flip, along each axis.
        rotate_deg: drawn uniformly from [-x, x], degrees (published: 10).
        brightness: grey levels, drawn uniformly from [-x, x].
        contrast: factor drawn uniformly from [1 - x, 1 + x], around mid-grey.
        crop_width: pixels, a multiple of 32: training sees a piece so wide, of full height, of each picture; 0: all of it.
        crop_on_defect: share of pieces that are cut around a pixel of a defect, where there is one.

    """

    half_turn: float = 0.0
    mirror: float = 0.0
    rotate_deg: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    crop_width: int = 0
    crop_on_defect: float = 0.5

    def __post_init__(self) -> None:
        """Raises ValueError for probabilities that are none, and negative ranges."""
        if self.crop_width < 0 or self.crop_width % 32:
            raise ValueError(f"augmentation.crop_width={self.crop_width}: want 0 or a multiple of 32")
        for name in ("half_turn", "mirror", "crop_on_defect"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"augmentation.{name}={getattr(self, name):g}: want 0 to 1")
        for name in ("rotate_deg", "brightness", "contrast"):
            if getattr(self, name) < 0:
                raise ValueError(f"augmentation.{name}={getattr(self, name):g}: want 0 or more")

    @property
    def changes(self) -> bool:
        """Whether it does anything."""
        return any((self.half_turn, self.mirror, self.rotate_deg, self.brightness, self.contrast, self.crop_width))

    def on_pair(
        self, image: npt.NDArray[np.uint8], bits: npt.NDArray[np.uint8], key: tuple[int, int, int]
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """An image `(H, W, 3)` and its masks' bits `(H, W)`, both changed as (seed, epoch, sample) says.

        Raises ValueError for a picture narrower than `crop_width`.
        """
        rng = np.random.default_rng(key)
        if self.crop_width:
            piece = self._piece(bits, np.random.default_rng((*key, 1)))
            image, bits = image[:, piece], bits[:, piece]
        turned, down, across = rng.random(3) < (self.half_turn, self.mirror, self.mirror)
        flips = slice(None, None, -1 if turned != down else 1), slice(None, None, -1 if turned != across else 1)
        image, bits = np.ascontiguousarray(image[flips]), np.ascontiguousarray(bits[flips])
        angle, light, factor = rng.uniform(-1, 1, 3) * (self.rotate_deg, self.brightness, self.contrast)
        if angle:
            height, width = bits.shape
            matrix = np.asarray(cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1.0), np.float64)
            image = _rotated(image, matrix, cv2.INTER_LINEAR, (GREY, GREY, GREY))
            bits = _rotated(bits, matrix, cv2.INTER_NEAREST, (0, 0, 0))
        if light or factor:
            greys = np.arange(256) * (1 + factor) + light - GREY * factor
            image = np.asarray(cv2.LUT(image, np.clip(greys, 0, 255).round().astype(np.uint8)), np.uint8)
        return image, bits

    def _piece(self, bits: npt.NDArray[np.uint8], rng: np.random.Generator) -> slice:
        """Columns of the piece that training sees."""
        free = bits.shape[1] - self.crop_width
        if free < 0:
            raise ValueError(f"augmentation.crop_width={self.crop_width}: the pictures are {bits.shape[1]} pixels wide")
        left = int(rng.integers(free + 1))
        columns = np.flatnonzero(bits.any(axis=0))
        if len(columns) and rng.random() < self.crop_on_defect:
            left = int(np.clip(rng.choice(columns) - rng.integers(self.crop_width), 0, free))
        return slice(left, left + self.crop_width)


def _rotated(
    picture: npt.NDArray[np.uint8], matrix: npt.NDArray[np.float64], how: int, around: tuple[int, int, int]
) -> npt.NDArray[np.uint8]:
    size = picture.shape[1], picture.shape[0]
    return np.asarray(
        cv2.warpAffine(picture, matrix, size, flags=how, borderMode=cv2.BORDER_CONSTANT, borderValue=around), np.uint8
    )
