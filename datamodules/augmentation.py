"""The thesis's three levels of augmentation (Table 4.3), and one for photos of things: the only module that knows
albumentations.

albumentations is archived and pinned; it draws and applies, we fix the order, the ranges and the seeds. `backend=batched`,
the default of light and heavy, draws from the same ranges for a whole epoch at once, in `batched`, several times as fast.
"""

import math
import os
from typing import Annotated

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network for a newer version at import

import albumentations as A
import cv2
import numpy as np
import numpy.typing as npt
from pydantic import Field

from choices.settings import Share
from datamodules.base.pixels import Image, resize
from datamodules.batched import BatchedAugmentation

HUE_LIMIT = 35
"""Table 4.3's ±50 in imgaug's units (255 for half a turn of 360 degrees) in OpenCV's (180 for a whole turn):
50 / 255 · 180 = 35."""
BRIGHTNESS_LIMIT = 30
"""Table 4.3: grey levels added to all three channels."""
SMALL_DEG, SMALL_SHIFT = 5.0, 0.05
"""Table 4.3: of the small rotation and the shear, and of the shift in sides."""
BACKENDS = ("batched", "albumentations")


class WholeCellAffine(A.ImageOnlyTransform):
    """Rotation, translation and shear, each with its own probability, that never push a part of the cell out.

    The thesis pads first, so that no transform hides a small scratch. Here the cell is shrunk about its centre by just
    as much as the drawn transform needs, which is the smallest padding that keeps all of it, in the same one warp; an
    undrawn transform leaves the cell as it was. The surroundings are mid-grey, 0 after scaling.

    Args:
        rotate_deg, shear_deg: the value is drawn uniformly from [-x, x], degrees.
        translate: the shift along each axis, drawn from [0, x] of the side, to either side.
        each: probability of each of the three operations.

    """

    def __init__(self, rotate_deg: float, translate: float, shear_deg: float, each: float) -> None:
        super().__init__(p=1)
        self.rotate_deg, self.translate, self.shear_deg, self.each = (rotate_deg, translate, shear_deg, each)

    def get_params(self) -> dict[str, npt.NDArray[np.float64]]:
        """Draws the linear part and the shift (in sides) of one affine map, `(2, 3)`."""
        rng = self.py_random

        def draw(limit: float) -> float:
            return float(rng.uniform(-limit, limit))

        angle = math.radians(draw(self.rotate_deg)) if rng.random() < self.each else 0.0
        shear = math.radians(draw(self.shear_deg)) if rng.random() < self.each else 0.0
        shift = (draw(self.translate), draw(self.translate)) if rng.random() < self.each else (0.0, 0.0)
        rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        return {"affine": np.column_stack([rotation @ np.array([[1.0, math.tan(shear)], [0.0, 1.0]]), shift])}

    def apply(self, img: Image, affine: npt.NDArray[np.float64], **params: object) -> Image:
        """`(S, S, 3)` → the same shape."""
        matrix = fitted(affine, img.shape[0])
        if np.allclose(matrix, [[1, 0, 0], [0, 1, 0]]):
            return img
        return np.asarray(
            cv2.warpAffine(
                img, matrix, img.shape[1::-1], flags=cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_CONSTANT, borderValue=(127, 127, 127),
            ),
            np.uint8,
        )  # fmt: skip


class RandomCrop(A.ImageOnlyTransform):
    """A rectangle of the image, stretched to its size: Szegedy et al. 2015, "Going deeper with convolutions", section 6.

    Args:
        least_area: the rectangle's share of the area is drawn uniformly from [x, 1].
        most_aspect: its width over its height is drawn from [1 / x, x], evenly on a logarithmic scale.

    """

    def __init__(self, least_area: float, most_aspect: float) -> None:
        super().__init__(p=1)
        self.least_area, self.most_aspect = least_area, most_aspect

    def get_params(self) -> dict[str, tuple[float, float, float, float]]:
        """Left, top, width and height in sides of the image."""
        rng = self.py_random
        area = rng.uniform(self.least_area, 1)
        stretch = math.exp(rng.uniform(-1, 1) * math.log(self.most_aspect) / 2)
        width, height = min(1.0, math.sqrt(area) * stretch), min(1.0, math.sqrt(area) / stretch)
        return {"box": (rng.uniform(0, 1 - width), rng.uniform(0, 1 - height), width, height)}

    def apply(self, img: Image, box: tuple[float, float, float, float], **params: object) -> Image:
        """`(S, S, 3)` → the same shape."""
        side = img.shape[0]
        left, top, width, height = (round(value * side) for value in box)
        cut = np.ascontiguousarray(img[top : top + max(height, 1), left : left + max(width, 1)])
        return resize(cut, (side, side))


def fitted(affine: npt.NDArray[np.float64], side: int) -> npt.NDArray[np.float64]:
    """Shrinks a map of the unit square about its centre until the image stays inside; as pixels, `(2, 3)`.

    With the shift at most `reach_shift` and the corners at `reach` from the centre, both in sides, the factor
    solves factor · (reach + shift) = 1 / 2 along the tighter axis.
    """
    linear, shift = affine[:, :2], affine[:, 2]
    reach = np.abs(linear).sum(axis=1) / 2 + np.abs(shift)
    factor = min(1.0, 0.5 / float(reach.max()))
    centre = np.full(2, (side - 1) / 2)
    linear = linear * factor
    return np.column_stack([linear, centre - linear @ centre + shift * factor * side])


class Augmentation:
    """A sequence of operations on cells `(S, S, 3)` uint8, drawn from a seed.

    An object without operations returns the images untouched.
    """

    def __init__(self, operations: list[A.BasicTransform]) -> None:
        self.sequence = A.Compose(operations) if operations else None

    def __call__(self, image: Image, entropy: tuple[int, int, int]) -> Image:
        """One augmented image; the same (seed, epoch, sample) in `entropy` draws the same one anywhere."""
        if self.sequence is None:
            return image
        self.sequence.set_random_seed(int(np.random.SeedSequence(entropy).generate_state(1)[0]))
        return np.asarray(self.sequence(image=image)["image"], np.uint8)

    @property
    def changes(self) -> bool:
        """Whether it does anything."""
        return self.sequence is not None

    def on_batch(
        self, images: npt.NDArray[np.uint8], places: npt.NDArray[np.intp], count: int, seed: int, epoch: int
    ) -> None:
        """Changes `(B, S, S, 3)` in place, each as (seed, epoch, its place among `count` samples) says."""
        for image, place in zip(images, places, strict=True):
            image[:] = self(image, (seed, epoch, int(place)))


def _must_be_known(backend: str) -> None:
    if backend not in BACKENDS:
        raise ValueError(f"augmentation.backend={backend}: want one of {', '.join(BACKENDS)}")


def none() -> Augmentation:
    """No augmentation."""
    return Augmentation([])


def _light_operations() -> list[A.BasicTransform]:
    # Table 4.3 gives each of the three rotations 0.25: one draw of four equally likely, none being the fourth.
    return [A.RandomRotate90(p=1), A.HorizontalFlip(p=0.5)]


def light(backend: str = "batched") -> Augmentation | BatchedAugmentation:
    """Rotation by 0, 90, 180 or 270 degrees and horizontal flip."""
    _must_be_known(backend)
    return BatchedAugmentation() if backend == "batched" else Augmentation(_light_operations())


def heavy(each: Share = 0.8, backend: str = "batched") -> Augmentation | BatchedAugmentation:
    """`light`, then small rotation, translation and shear without loss, brightness and hue. Table 4.3."""
    _must_be_known(backend)
    if backend == "batched":
        return BatchedAugmentation(SMALL_DEG, SMALL_DEG, SMALL_SHIFT, BRIGHTNESS_LIMIT, HUE_LIMIT / 180, each)
    brightness = BRIGHTNESS_LIMIT / 255
    return Augmentation(
        [
            *_light_operations(),
            WholeCellAffine(SMALL_DEG, SMALL_SHIFT, SMALL_DEG, each),
            A.RandomBrightnessContrast(
                brightness_limit=(-brightness, brightness), contrast_limit=(0, 0), brightness_by_max=True, p=each
            ),
            A.HueSaturationValue(
                hue_shift_limit=(-HUE_LIMIT, HUE_LIMIT), sat_shift_limit=(0, 0), val_shift_limit=(0, 0), p=each
            ),
        ]
    )


def crops(least_area: Annotated[float, Field(gt=0, le=1)], colour: Share) -> Augmentation:
    """Random crops, mirror images and changed colours: for things whose place and size in the picture say nothing.

    Args:
        least_area: see `RandomCrop`.
        colour: brightness, contrast and saturation change by factors from 1 - x to 1 + x.

    """
    jitter = A.ColorJitter(brightness=colour, contrast=colour, saturation=colour, hue=0, p=0.8)
    return Augmentation([RandomCrop(least_area, most_aspect=4 / 3), A.HorizontalFlip(p=0.5), jitter])


def turns(rotate_deg: Annotated[float, Field(ge=0, le=180)], shift: Share) -> Augmentation:
    """Turns, shifts and mirror images, borders drawn out: for numbers that none of it changes (seed 004, section 4.5).

    Args:
        rotate_deg: drawn uniformly from [-x, x], degrees.
        shift: along each axis, drawn uniformly from [-x, x] of the side; what leaves the image is lost.

    """
    moved = A.Affine(
        rotate=(-rotate_deg, rotate_deg),
        translate_percent={"x": (-shift, shift), "y": (-shift, shift)},
        border_mode=cv2.BORDER_REPLICATE,
        p=1,
    )
    return Augmentation([moved, A.HorizontalFlip(p=0.5)])
