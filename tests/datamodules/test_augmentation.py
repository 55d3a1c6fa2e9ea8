"""Table 4.3, measured on images whose answer is known."""

import itertools
import random
from functools import partial

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from datamodules.augmentation import (
    BACKENDS,
    BRIGHTNESS_LIMIT,
    HUE_LIMIT,
    Augmentation,
    WholeCellAffine,
    fitted,
    heavy,
    light,
    none,
)
from datamodules.base.pixels import Image
from datamodules.batched import BatchedAugmentation

LEVELS = {
    "light": light,
    "heavy": heavy,
    "light batched": partial(light, backend="batched"),
    "heavy batched": partial(heavy, backend="batched"),
}
BACKEND = pytest.mark.parametrize("backend", BACKENDS)
SIDE = 96


def textured(side: int = 32, seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def drawn(augmentation: Augmentation | BatchedAugmentation, image: Image, count: int) -> list[Image]:
    found = []
    for epoch in range(2):
        images = np.stack([image] * (count // 2))
        augmentation.on_batch(images, np.arange(count // 2), count // 2, 7, epoch)
        found += list(images)
    return found


def one(augmentation: Augmentation | BatchedAugmentation, image: Image, key: tuple[int, int, int]) -> Image:
    """What (seed, epoch, sample) makes of an image, of 1,000 samples."""
    images = image[None].copy()
    seed, epoch, sample = key
    augmentation.on_batch(images, np.array([sample]), 1000, seed, epoch)
    return images[0]


def test_none_hands_the_image_through() -> None:
    image = textured()
    assert none()(image, (0, 1, 2)) is image


@pytest.mark.parametrize("level", LEVELS)
def test_seed_epoch_and_sample_alone_decide(level: str) -> None:
    image = textured()
    first = LEVELS[level]()
    wanted = {key: one(first, image, key) for key in itertools.product((0, 1), (0, 3), (2, 900))}
    random.seed(5)
    np.random.seed(5)
    other = LEVELS[level]()
    for key in reversed(list(wanted)):
        np.testing.assert_array_equal(one(other, image, key), wanted[key])
    np.testing.assert_array_equal(image, textured())  # never changed in place


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_each_of_seed_epoch_and_sample_moves_the_draw(level: str, place: int) -> None:
    augmentation, image = LEVELS[level](), textured()
    seen = set()
    for number in range(20):
        seed, epoch, sample = (number if part == place else 4 for part in range(3))
        seen.add(one(augmentation, image, (seed, epoch, sample)).tobytes())
    assert len(seen) >= 5


@pytest.mark.parametrize("level", LEVELS)
def test_shape_and_type_stay(level: str) -> None:
    for image in drawn(LEVELS[level](), textured(side=17), 20):
        assert image.shape == (17, 17, 3)
        assert image.dtype == np.uint8


@BACKEND
def test_light_draws_the_eight_dihedral_images_about_equally_often(backend: str) -> None:
    image = textured()
    turns = [np.rot90(image, quarters) for quarters in range(4)]
    dihedral = {seen.tobytes(): 0 for seen in [*turns, *map(np.fliplr, turns)]}
    assert len(dihedral) == 8
    for seen in drawn(light(backend), image, 1600):
        dihedral[seen.tobytes()] += 1  # a KeyError where it is none of the eight
    counts = np.array(list(dihedral.values()))
    assert ((counts - 200) ** 2 / 200).sum() < 24.3  # chi-square, 7 degrees of freedom, p = 0.001


def affine_of(angle_deg: float, shear_deg: float, across: float, down: float) -> npt.NDArray[np.float64]:
    angle, shear = np.deg2rad(angle_deg), np.deg2rad(shear_deg)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([rotation @ [[1, np.tan(shear)], [0, 1]], [across, down]])


@settings(max_examples=150, deadline=None)
@given(
    angle=st.floats(-180, 180), shear=st.floats(-60, 60), across=st.floats(-1, 1), down=st.floats(-1, 1),
    side=st.integers(2, 400),
)  # fmt: skip
@example(angle=5, shear=5, across=0.05, down=0.05, side=96)
@example(angle=-5, shear=5, across=-0.05, down=0.05, side=96)
@example(angle=45, shear=0, across=0, down=0, side=96)
@example(angle=90, shear=60, across=1, down=-1, side=2)
def test_fitted_keeps_the_square_inside_and_shrinks_no_more_than_it_must(
    angle: float, shear: float, across: float, down: float, side: int
) -> None:
    affine = affine_of(angle, shear, across, down)
    matrix = fitted(affine, side)
    corners = np.array([[-0.5, -0.5], [side - 0.5, -0.5], [side - 0.5, side - 0.5], [-0.5, side - 0.5]])
    moved = corners @ matrix[:, :2].T + matrix[:, 2]
    slack = 1e-9 * side
    assert moved.min() >= -0.5 - slack
    assert moved.max() <= side - 0.5 + slack
    shrunk = np.sqrt(abs(np.linalg.det(matrix[:, :2])))  # rotation and shear keep areas
    touches = min(moved.min() + 0.5, side - 0.5 - moved.max()) < 1e-6 * side
    assert touches or shrunk == pytest.approx(1)
    np.testing.assert_allclose(matrix[:, :2] / shrunk, affine[:, :2], atol=1e-9)


def test_fitted_is_the_identity_for_the_identity() -> None:
    np.testing.assert_allclose(fitted(affine_of(0, 0, 0, 0), 50), [[1, 0, 0], [0, 1, 0]], atol=1e-12)


def test_an_affine_of_which_nothing_is_drawn_changes_nothing() -> None:
    still = Augmentation([WholeCellAffine(rotate_deg=5, translate=0.05, shear_deg=5, each=0)])
    for image in drawn(still, textured(), 10):
        np.testing.assert_array_equal(image, textured())


def marked() -> Image:
    """Eight white blobs, in the corners and at the middles of the edges, on the grey of the surroundings."""
    image = np.full((SIDE, SIDE, 3), 127, np.uint8)
    spots = (0, SIDE // 2 - 4, SIDE - 8)
    for top, left in itertools.product(spots, spots):
        if (top, left) != (spots[1], spots[1]):
            image[top : top + 8, left : left + 8] = 255
    return image


@pytest.mark.parametrize("each", [0.8, 1.0])
def test_no_part_of_a_cell_is_pushed_out(each: float) -> None:
    image = marked()
    brightness = (image[..., 0].astype(int) - 127).sum()
    move = Augmentation([WholeCellAffine(rotate_deg=5, translate=0.05, shear_deg=5, each=each)])
    for picture in drawn(move, image, 250):
        seen = picture[..., 0].astype(int) - 127
        blobs, names = cv2.connectedComponents((seen > 50).astype(np.uint8))
        assert blobs - 1 == 8
        per_blob = np.array([seen[names == name].sum() for name in range(1, 9)])
        assert seen.sum() > 0.58 * brightness  # the smallest factor, 0.785, squared is 0.616; half pixels at the rim
        assert seen.sum() < 1.02 * brightness
        assert per_blob.min() > 0.8 * per_blob.max()


@BACKEND
def test_heavy_shows_all_eight_marks_too(backend: str) -> None:
    for seen in drawn(heavy(backend=backend), marked(), 200):
        grey = seen[..., 0].astype(int) - int(np.median(seen[..., 0]))
        assert cv2.connectedComponents((grey > 50).astype(np.uint8))[0] - 1 == 8


def test_each_part_of_the_affine_is_drawn_eight_times_in_ten_within_its_limit() -> None:
    move = WholeCellAffine(rotate_deg=5, translate=0.05, shear_deg=5, each=0.8)
    move.set_random_seed(1)
    values = []
    for _ in range(2000):
        affine = move.get_params()["affine"]
        angle = np.arctan2(affine[1, 0], affine[0, 0])
        turned_back = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) @ affine[:, :2]
        shear = np.arctan(turned_back[0, 1])
        np.testing.assert_allclose(turned_back, [[1, np.tan(shear)], [0, 1]], atol=1e-12)
        values.append([np.rad2deg(angle), np.rad2deg(shear), *affine[:, 2]])
    angle, shear, across, down = np.array(values).T
    for amount, limit in ((angle, 5), (shear, 5), (across, 0.05), (down, 0.05)):
        happened = np.abs(amount) > 1e-12
        assert happened.mean() == pytest.approx(0.8, abs=0.04)  # over four standard errors
        assert 0.98 * limit < amount.max() <= limit + 1e-9
        assert -limit - 1e-9 <= amount.min() < -0.98 * limit
        assert amount.mean() == pytest.approx(0, abs=0.08 * limit)
    np.testing.assert_array_equal(np.abs(across) > 0, np.abs(down) > 0)
    both = (np.abs(angle) > 1e-12) & (np.abs(shear) > 1e-12)
    assert both.mean() == pytest.approx(0.64, abs=0.045)  # drawn one by one


def hue_and_value_shifts(
    augmentation: Augmentation | BatchedAugmentation, count: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Of a flat image: shift of the hue in OpenCV's units, and of the brightest channel in grey levels."""
    flat = np.full((8, 8, 3), (190, 60, 60), np.uint8)  # hue 0; far from black and white
    pixels = np.array([seen[4, 4] for seen in drawn(augmentation, flat, count)])
    hues = cv2.cvtColor(pixels[None], cv2.COLOR_RGB2HSV)[0, :, 0].astype(int)
    return np.where(hues > 90, hues - 180, hues), pixels.max(axis=1).astype(int) - 190


@BACKEND
def test_hue_and_brightness_reach_their_limits_and_no_further(backend: str) -> None:
    assert (HUE_LIMIT, BRIGHTNESS_LIMIT) == (35, 30)
    hue, value = hue_and_value_shifts(heavy(backend=backend), 1200)
    for shift, limit, rounding in ((hue, 35, 1), (value, 30, 1)):
        assert limit - 2 <= shift.max() <= limit + rounding
        assert -limit - rounding <= shift.min() <= -limit + 2
        # 0.2 stay, and of the 0.8 that are drawn about 1 / (2 · limit) round to no shift.
        assert (shift == 0).mean() == pytest.approx(0.2 + 0.8 / (2 * limit), abs=0.05)
        assert abs(shift.mean()) < 0.1 * limit


@BACKEND
def test_brightness_is_added_to_all_channels_alike(backend: str) -> None:
    flat = np.full((8, 8, 3), (120, 120, 120), np.uint8)  # grey has no hue to turn
    pixels = np.array([seen[4, 4] for seen in drawn(heavy(backend=backend), flat, 60)]).astype(int)
    assert len(np.unique(pixels[:, 0])) > 20
    assert np.ptp(pixels, axis=1).max() <= 1


@BACKEND
def test_heavy_with_probability_zero_is_light(backend: str) -> None:
    image = textured()
    light_ones = {seen.tobytes() for seen in drawn(light(backend), image, 100)}
    assert {seen.tobytes() for seen in drawn(heavy(0, backend), image, 100)} <= light_ones


def test_the_batched_affine_is_drawn_eight_times_in_ten_within_its_limit() -> None:
    draws = heavy(each=0.8, backend="batched").draw(4000, (1, 0))
    forward = np.linalg.inv(draws.maps[:, :, :2])
    shift = -0.5 * np.einsum("nij,nj->ni", forward, draws.maps[:, :, 2])
    scale = np.sqrt(np.abs(np.linalg.det(forward)))
    # without the shrinking and the quarter turns, a small turn and a shear are left
    linear = forward / scale[:, None, None]
    wholes = [
        np.array([[c, -s], [s, c]]) @ np.diag([m, 1]) for c, s in ((1, 0), (0, 1), (-1, 0), (0, -1)) for m in (1, -1)
    ]
    nearest = np.array([min((np.abs(one @ np.linalg.inv(whole) - np.eye(2)).sum(), place) for place, whole in enumerate(wholes))[1]
                        for one in linear])  # fmt: skip
    small = np.array([one @ np.linalg.inv(wholes[place]) for one, place in zip(linear, nearest, strict=True)])
    angle = np.rad2deg(np.arctan2(small[:, 1, 0], small[:, 0, 0]))
    back = np.array(
        [
            [np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))],
            [-np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))],
        ]
    )
    shear = np.rad2deg(np.arctan(np.einsum("ijn,njk->nik", back, small)[:, 0, 1]))
    across, down = (shift / scale[:, None]).T
    for amount, limit in ((angle, 5), (shear, 5), (across, 0.05), (down, 0.05)):
        happened = np.abs(amount) > 1e-9
        assert happened.mean() == pytest.approx(0.8, abs=0.03)
        assert 0.98 * limit < amount.max() <= limit + 1e-6
        assert -limit - 1e-6 <= amount.min() < -0.98 * limit
        assert amount.mean() == pytest.approx(0, abs=0.06 * limit)
    np.testing.assert_array_equal(np.abs(across) > 1e-9, np.abs(down) > 1e-9)
    counts = np.bincount(nearest, minlength=8)
    assert ((counts - 500) ** 2 / 500).sum() < 24.3


@pytest.mark.parametrize("side", [32, 33])
@pytest.mark.parametrize("level", ["light batched", "heavy batched"])
def test_torch_and_opencv_give_the_same_image(level: str, side: int) -> None:
    augmentation = LEVELS[level]()
    images = np.stack([cv2.GaussianBlur(textured(side, seed), (0, 0), 2) for seed in range(40)])
    places = np.arange(40)
    draws = augmentation.draw(40, (3, 1))
    given = augmentation.on_tensors(torch.from_numpy(images).permute(0, 3, 1, 2), draws, places)
    augmentation.on_images(images, draws, places)
    apart = np.abs(given.permute(0, 2, 3, 1).numpy() - images)
    assert apart.mean() < 0.6
    assert np.percentile(apart, 99.5) < 3


@pytest.mark.slow
def test_both_backends_have_the_same_distribution_of_pixels() -> None:
    image = cv2.GaussianBlur(textured(48, 5), (0, 0), 4)
    means, spreads = [], []
    for backend in BACKENDS:
        seen = np.array(drawn(heavy(backend=backend), image, 3000)).astype(float)
        means.append(seen.mean(0))
        spreads.append(seen.std(0))
    assert np.abs(means[0] - means[1]).mean() < 1.0
    assert (
        np.abs(spreads[0] / spreads[1] - 1).mean() < 0.05
    )  # 0.018 is one standard error: brightness is shared by all pixels


def test_an_unknown_backend_is_answered_with_the_known() -> None:
    with pytest.raises(ValueError, match=r"augmentation\.backend=fast: want one of batched, albumentations"):
        heavy(backend="fast")
