"""Corners from masks: exact for clean ones, robust to fingers and round corners, and refused where they are no phone's."""

import cv2
import numpy as np
import pytest

from datamodules.screens.outline import OutlineError, agreed, find_outline

H = W = 80


def quad(rng, tilt=0.06):
    """A phone somewhere in a picture of 80 × 80 places, corners clockwise."""
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shape = np.array([[-0.24, -0.5], [0.24, -0.5], [0.24, 0.5], [-0.24, 0.5]]) * rng.uniform(0.6, 0.75)
    shape = shape * (1 + rng.uniform(-tilt, tilt, (4, 1)))
    return (shape @ turn.T + 0.5) * [W, H]


def mask_of(corners, *, rounding=0.0):
    """Soft mask of a quadrilateral, its corners rounded by a share of its short side."""
    fine = np.zeros((H * 8, W * 8), np.uint8)
    cv2.fillConvexPoly(fine, np.round(corners * 8 - 0.5).astype(np.int32), 255)
    if rounding:
        short = np.linalg.norm(corners[1] - corners[0]) * 8
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * int(rounding * short) + 1,) * 2)
        fine = cv2.morphologyEx(fine, cv2.MORPH_OPEN, disc)
    return cv2.resize(fine, (W, H), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def error(found, wanted):
    """Mean distance of corners in places, whatever corner comes first."""
    return min(np.linalg.norm(np.roll(found, shift, axis=0) - wanted, axis=1).mean() for shift in range(4))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("rounding", [0.0, 0.12])
def test_corners_are_where_the_sides_meet(seed, rounding):
    corners = quad(np.random.default_rng(seed))
    found = find_outline(mask_of(corners, rounding=rounding), W, H)
    assert error(found.corners, corners) < 0.5
    assert found.overlap > 0.93


@pytest.mark.parametrize("seed", range(10))
def test_fingers_over_the_edges_change_little(seed):
    rng = np.random.default_rng(seed)
    corners = quad(rng)
    mask = mask_of(corners, rounding=0.1)
    for _ in range(2):
        side = rng.integers(4)
        spot = corners[side] + (corners[(side + 1) % 4] - corners[side]) * rng.uniform(0.25, 0.75)
        cv2.circle(mask, tuple(int(at) for at in spot), 3, 0.0, -1)
    assert error(find_outline(mask, W, H).corners, corners) < 1.2


def test_pixels_of_the_picture_and_the_order_of_corners():
    corners = np.array([[20, 10], [44, 10], [44, 70], [20, 70]], float)
    found = find_outline(mask_of(corners), 600, 500).corners
    np.testing.assert_allclose(found, corners * [7.5, 6.25], atol=4)
    lying = np.array([[10, 30], [70, 30], [70, 54], [10, 54]], float)
    found = find_outline(mask_of(lying), 80, 80).corners
    np.testing.assert_allclose(found, lying[[3, 0, 1, 2]], atol=0.5)  # the short side on the left comes first


def test_a_phone_that_leaves_the_picture_keeps_its_lines():
    corners = np.array([[20, -6], [44, -6], [44, 60], [20, 60]], float)
    found = find_outline(mask_of(corners), W, H).corners
    np.testing.assert_allclose(found[2:], corners[2:], atol=0.6)


def test_a_phone_that_fills_the_picture_ends_where_it_does():
    corners = np.array([[22, 0], [60, 0], [58, 79.6], [20, 79.8]], float)
    found = find_outline(mask_of(corners), W, H).corners
    assert error(found, corners) < 0.7


def test_views_that_differ_are_refused():
    mask = mask_of(quad(np.random.default_rng(3)))
    views = np.stack([mask, mask, mask, mask])
    np.testing.assert_array_equal(agreed(views), mask)
    views[2, 20:60, :40] = 0
    with pytest.raises(OutlineError, match=r"the mirrored picture gives another one, [0-6]\d % alike"):
        agreed(views)
    assert not agreed(np.zeros((4, H, W), np.float32)).any()


def test_a_shape_that_no_photo_of_a_phone_has_is_refused():
    leaning = np.array([[10, 12], [36, 10], [70, 70], [46, 72]], float)
    with pytest.raises(OutlineError, match=r"a corner is \d\d degrees off a right angle"):
        find_outline(mask_of(leaning), W, H)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.zeros((H, W), np.float32), "no phone found: 0 %"),
        (np.pad(np.ones((8, 8), np.float32), 36), "no phone found: 1 %"),
        (np.pad(np.ones((40, 40), np.float32), 20), "no phone's shape: the long side is 1.0 times the short one"),
        (np.pad(np.ones((10, 70), np.float32), ((35, 35), (5, 5))), "no phone's shape: the long side is 7.0"),
        (cv2.circle(np.zeros((H, W), np.float32), (40, 40), 25, 1.0, -1), "no clear outline: .* to 8. %"),
        (np.tri(H, W, dtype=np.float32), "no clear outline"),
    ],
)
def test_what_is_no_phone_is_refused(mask, message):
    with pytest.raises(OutlineError, match=message):
        find_outline(mask, W, H)
