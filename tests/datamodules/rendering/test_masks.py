"""Masks of rendered damage: where geometry says, and where the picture changes."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from datamodules.base.errors import DataError
from datamodules.rendering import Look, render_dataset, render_masks
from datamodules.rendering.geometry import Damage, Stroke
from datamodules.rendering.marks import Broken
from datamodules.rendering.masks import photo_masks
from datamodules.rendering.planning import DevicePlan, plan_devices
from datamodules.rendering.scene import frame_of, make_device, render_photo

LINES = Look(shards=False)
SCRATCH = Damage(scratches=(Stroke(np.array([[0.5, 1.5], [2.5, 3.5]]), 3.0, 1.0),))


def without_damage(device):
    """The same device, drawn with the same random numbers, of whole glass."""

    def none(pieces):
        return replace(pieces, strength=np.zeros_like(pieces.strength))

    planes = (device.broken.lines, device.broken.walls, device.broken.powder, device.broken.tilt, device.broken.missing)
    whole = Broken(device.broken.any, *(np.zeros_like(plane) for plane in planes))
    return replace(
        device, broken=whole, cracks=none(device.cracks), walls=none(device.walls), scratches=none(device.scratches)
    )


def picture(device, plan, look):
    data = render_photo(device, plan, 0, 3, look).data
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).astype(int)


def grown(mask, by):
    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * by + 1, 2 * by + 1), np.uint8)) > 0


def test_a_scratch_lies_where_its_geometry_and_the_corners_say():
    plan = DevicePlan(0, 2.0, SCRATCH, (False,))
    device = make_device(plan, 0, LINES)
    scratch, crack = photo_masks(device, plan, 0, 0, LINES)
    assert not crack.any()
    _, corners = frame_of(plan, 0, 0, LINES)
    there = cv2.getPerspectiveTransform(np.array([[0, 0], [3, 0], [3, 5], [0, 5]], np.float32), corners)
    along = np.linspace([0.5, 1.5], [2.5, 3.5], 400)[None]
    line = cv2.perspectiveTransform(along, there)[0]
    wanted = np.zeros(scratch.shape, bool)
    wanted[tuple(np.round(line[:, ::-1]).astype(int).T)] = True
    assert (scratch & ~grown(wanted, 4)).sum() == 0, "nothing beside the line but its own width and raggedness"
    assert (wanted & grown(scratch, 3)).sum() > 0.95 * wanted.sum()


@pytest.mark.slow
@pytest.mark.parametrize("index", [3, 6, 9])
def test_the_picture_changes_in_the_mask_and_next_to_nowhere_else(index):
    plan = plan_devices(12, 12, 3)[index]
    device = make_device(plan, 3, LINES)
    marked = photo_masks(device, plan, 0, 3, LINES).any(axis=0)
    changed = np.abs(picture(device, plan, LINES) - picture(without_damage(device), plan, LINES)).max(axis=2)
    far = changed > 24
    assert far.sum() > 300
    assert (far & ~grown(marked, 5)).sum() <= 0.005 * far.sum(), "lens, sharpening and JPEG reach a few pixels"
    assert (marked & grown(changed > 8, 2)).sum() > 0.8 * marked.sum(), "a faint line may vanish in glare"


def test_masks_of_other_photos_than_the_folders_are_refused(tmp_path):
    render_dataset(tmp_path / "set", devices=1, photos=1, seed=5, workers=1)
    with pytest.raises(DataError, match="other photos than devices=1, photos=1, render_seed=6"):
        render_masks(tmp_path / "set", devices=1, photos=1, seed=6, workers=1)
    assert not (tmp_path / "set" / "masks").exists()
