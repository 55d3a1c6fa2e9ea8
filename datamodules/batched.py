"""`augmentation`'s light and heavy for whole batches: everything drawn at once, one warp and one change of colour each.

What a sample gets depends on (seed, epoch, sample) alone: an epoch's draws are made together, in the samples' order.
On a CPU OpenCV applies them, on any other device torch does, on the batch where it lies; both give the same image to a
few grey levels.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from choices.settings import Share
from datamodules.base.pixels import Image

Floats = npt.NDArray[np.float64]
GREY = 127
"""Surroundings of a warped cell."""


class Draws(NamedTuple):
    """What is done to each of N samples."""

    maps: Floats
    """Output place → input place, both in [-1, 1] over the image, `(N, 2, 3)`."""
    brightness: Floats
    """Grey levels added to all channels, `(N,)`."""
    hue: Floats
    """Share of a whole turn of hue, `(N,)`."""


@dataclass(frozen=True)
class BatchedAugmentation:
    """Quarter turns and mirroring, each of eight as likely; then small turns, shears and shifts without loss, brightness
    and hue: thesis, Table 4.3. With `each` 0 the first part alone.

    Args:
        rotate_deg, shear_deg: drawn uniformly from [-x, x], degrees.
        translate: shift along each axis, drawn uniformly from [-x, x] of the side.
        brightness: grey levels, drawn uniformly from [-x, x].
        hue: share of a turn, drawn uniformly from [-x, x].
        each: probability of each of the five.
        upright: whether the first part, turns and mirroring, is left out.
        around: grey level of what surrounds a warped sample.

    """

    rotate_deg: Annotated[float, Field(ge=0, le=180)] = 0.0
    shear_deg: Annotated[float, Field(ge=0, lt=90)] = 0.0
    translate: Share = 0.0
    brightness: Annotated[float, Field(ge=0, le=255)] = 0.0
    hue: Share = 0.0
    each: Share = 0.0
    upright: bool = False
    around: Annotated[int, Field(ge=0, le=255)] = GREY

    @property
    def changes(self) -> bool:
        """Whether it does anything."""
        return True

    def on_batch(
        self, images: npt.NDArray[np.uint8], places: npt.NDArray[np.intp], count: int, seed: int, epoch: int
    ) -> None:
        """Changes `(B, S, S, 3)` in place, each as (seed, epoch, its place among `count` samples) says."""
        self.on_images(images, self.draw(count, (seed, epoch)), places)

    def draw(self, count: int, entropy: tuple[int, int]) -> Draws:
        """What happens to each of `count` samples in an epoch; the same (seed, epoch) draws the same."""
        return _drawn(self, count, entropy)

    def on_images(self, images: npt.NDArray[np.uint8], draws: Draws, places: npt.NDArray[np.intp]) -> None:
        """Changes `(B, S, S, 3)` in place, each by the draw at its place among the samples."""
        side = images.shape[1]
        inner = _in_pixels(draws.maps[places], side)
        for image, matrix, light, turn in zip(images, inner, draws.brightness[places], draws.hue[places], strict=True):
            cv2.warpAffine(
                image.copy(), matrix, (side, side), dst=image, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_CONSTANT, borderValue=(self.around,) * 3,
            )  # fmt: skip
            if light:
                cv2.add(image, (light, light, light, 0), dst=image)  # type: ignore[call-overload]
            if turn:
                _turn_hue(image, turn)

    def on_tensors(self, images: Tensor, draws: Draws, places: npt.NDArray[np.intp]) -> Tensor:
        """`(B, 3, S, S)` uint8 on any device → the same shape, float32 0..255."""
        maps, light, turns = (
            torch.from_numpy(values[places]).to(images.device, torch.float32, non_blocking=True) for values in draws
        )
        grid = affine_grid(maps, list(images.shape), align_corners=False)
        moved: Tensor = grid_sample(images.float().sub_(self.around), grid, "bilinear", "zeros", align_corners=False)
        if not self.each:
            return moved.add_(self.around)
        return turned_hue(moved.add_(light[:, None, None, None] + self.around).clamp_(0, 255), turns)


@lru_cache(maxsize=64)  # a rare class comes tens of times in an epoch
def _drawn(of: BatchedAugmentation, count: int, entropy: tuple[int, int]) -> Draws:
    rng = np.random.default_rng(entropy)
    turns, mirrored = rng.integers(4, size=count), rng.random(count) < 0.5
    if of.upright:
        turns, mirrored = np.zeros_like(turns), np.zeros_like(mirrored)
    cosine, sine = np.array([1.0, 0, -1, 0])[turns], np.array([0.0, 1, 0, -1])[turns]
    quarters = np.stack([cosine, -sine, sine, cosine], 1).reshape(-1, 2, 2)
    quarters[:, 0] *= np.where(mirrored, -1.0, 1.0)[:, None]

    def each(limit: float) -> Floats:
        return np.asarray(rng.uniform(-limit, limit, count) * (rng.random(count) < of.each), np.float64)

    angle, shear = np.radians(each(of.rotate_deg)), np.radians(each(of.shear_deg))
    shift = rng.uniform(-of.translate, of.translate, (count, 2)) * (rng.random((count, 1)) < of.each)
    turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], 1).reshape(-1, 2, 2)
    lean = np.tile(np.eye(2), (count, 1, 1))
    lean[:, 0, 1] = np.tan(shear)
    linear = turn @ lean
    reach = np.abs(linear).sum(2) / 2 + np.abs(shift)
    factor = np.minimum(1.0, 0.5 / reach.max(1))  # nothing of the cell is pushed out: see `augmentation.fitted`
    linear, shift = linear * factor[:, None, None], shift * factor[:, None]
    back = np.linalg.inv(linear @ quarters)
    maps = np.concatenate([back, -2 * np.einsum("nij,nj->ni", back, shift)[:, :, None]], 2)
    return Draws(maps, each(of.brightness), each(of.hue))


def _in_pixels(maps: Floats, side: int) -> Floats:
    """Maps over [-1, 1] as maps of pixels, whose middles are whole numbers: `(B, 2, 3)`."""
    centre = np.full(2, (side - 1) / 2)
    moved = maps.copy()
    moved[:, :, 2] = centre - maps[:, :, :2] @ centre + maps[:, :, 2] * side / 2
    return moved


def _turn_hue(image: Image, share: float) -> None:
    """Hue moved by a share of a turn, in place; a whole turn is 256 steps, so that bytes wrap by themselves."""
    hsv = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2HSV_FULL), np.uint8)
    hues = hsv[..., 0]
    np.add(hues, np.uint8(round(256 * share) % 256), out=hues)
    cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB_FULL, dst=image)


def turned_hue(images: Tensor, turns: Tensor) -> Tensor:
    """Hue moved by shares of a turn `(B,)`; value and saturation stay. RGB `(B, 3, S, S)`, 0..255.

    HSV and back (Smith 1978), both conversions in one: with value v, chroma c and hue h in sixths, channel n is
    v - c · max(0, min(k, 4 - k, 1)) for k = (n + h) mod 6 and n = 5, 3, 1.
    """
    red, green, blue = images.unbind(1)
    value = images.amax(1)
    chroma = value - images.amin(1)
    safe = chroma.clamp(min=1e-6)
    hue = torch.where(
        value == red, (green - blue) / safe,
        torch.where(value == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )  # fmt: skip
    hue = hue + 6 * turns[:, None, None]
    channels = []
    for offset in (5, 3, 1):
        place = torch.remainder(hue + offset, 6)
        channels.append(value - chroma * torch.minimum(place, 4 - place).clamp_(0, 1))
    return torch.stack(channels, 1)
