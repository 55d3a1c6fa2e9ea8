"""Which pixels of a rendered photo show damage: the lines and polygons that were drawn, by the way that the picture went."""

import cv2
import numpy as np
from numpy.typing import NDArray

from datamodules.rendering.geometry import Damage
from datamodules.rendering.look import Look
from datamodules.rendering.marks import SHIFT, Pieces, fill_crushed, fixed_point, thickness
from datamodules.rendering.planning import DevicePlan
from datamodules.rendering.raster import Size
from datamodules.rendering.scene import Device, frame_of, view_of

MASK_CLASSES = ("scratch", "crack")
"""Kinds of damage. How bad it is, minor or major, is said of a cell and not of a pixel."""
FAINT = 0.05
"""Share of the strongest line's contrast below which a piece of a line is not there: nobody sees it."""

Mask = NDArray[np.uint8]


def _drawn(size: Size, parts: tuple[Pieces, ...]) -> Mask:
    """255 (h, w) where a piece that is not too faint lies, as wide as it is drawn."""
    canvas = np.zeros(size, np.uint8)
    for pieces in parts:
        thick = thickness(pieces)
        seen = pieces.strength * np.minimum(pieces.width / thick, 1.0) >= FAINT
        fixed = fixed_point(pieces)
        for wide in np.unique(thick[seen]):
            cv2.polylines(canvas, list(fixed[seen & (thick == wide)]), False, 255, int(wide), cv2.LINE_8, SHIFT)
    return canvas


def canvas_masks(device: Device, damage: Damage, look: Look) -> Mask:
    """Of a device's canvas 255 where it is damaged, (h, w, 2), a plane for each of MASK_CLASSES.

    A crack is its line, the slanting face beside it, crushed glass and the hole of a shard; the tilted shards between cracks are
    whole glass.
    """
    size = device.body.size
    cracks = _drawn(size, (device.cracks, device.walls))
    if look.shards:
        cracks = fill_crushed(cracks, damage)
        cracks[device.broken.missing > 0.5] = 255
    planes = np.stack([_drawn(size, (device.scratches,)), cracks], axis=-1)
    planes[device.body.alpha < 0.5] = 0
    return planes


def photo_masks(device: Device, plan: DevicePlan, number: int, seed: int, look: Look) -> NDArray[np.bool_]:
    """Damage in photo `number` of the device, (2, h, w), pixel by pixel with what `render_photo` draws.

    A pixel belongs to a class of which at least a third of it is.
    """
    size, corners = frame_of(plan, number, seed, look)
    planes = canvas_masks(device, plan.damage, look)
    seen = cv2.warpPerspective(planes, view_of(device, corners), (size[1], size[0]), flags=cv2.INTER_LINEAR)
    return np.asarray(np.moveaxis(seen, 2, 0) > 85)
