"""Copies are found whatever was done to the file; different pictures stay apart."""

import cv2
import numpy as np
import pytest

from datamodules.base.pixels import Image
from datamodules.images.near_duplicates import MOST_BITS, duplicate_groups, perceptual_hash, thumbnail


def scene(seed: int, side: int = 200) -> Image:
    """Discs and bars on a gradient: low frequencies as photos have them."""
    rng = np.random.default_rng(seed)
    picture = np.linspace(*rng.uniform(0, 255, (2, 3)), side)[:, None].repeat(side, axis=1).astype(np.uint8)
    for _ in range(8):
        colour = [int(value) for value in rng.integers(0, 256, 3)]
        middle = [int(value) for value in rng.integers(0, side, 2)]
        cv2.circle(picture, middle, int(rng.integers(15, 60)), colour, -1)
    return picture


def smaller(picture: Image) -> Image:
    return np.asarray(cv2.resize(picture, None, fx=0.37, fy=0.37, interpolation=cv2.INTER_AREA), np.uint8)


def compressed(picture: Image) -> Image:
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], 1), np.uint8)


def darker(picture: Image) -> Image:
    return (picture * 0.7).astype(np.uint8)


def trimmed(picture: Image) -> Image:
    return picture[3:-2, 2:-3]


def groups(pictures: list[Image]) -> list[int]:
    hashes = np.array([perceptual_hash(picture) for picture in pictures], np.uint64)
    return duplicate_groups(hashes, np.array([thumbnail(picture) for picture in pictures])).tolist()


@pytest.mark.parametrize("change", [smaller, compressed, darker, trimmed])
def test_a_changed_copy_is_found(change) -> None:
    pictures = [scene(seed) for seed in range(12)]
    numbers = groups([*pictures, *map(change, pictures)])
    assert numbers[:12] == numbers[12:]
    assert len(set(numbers)) == 12


def test_many_different_pictures_stay_apart() -> None:
    assert len(set(groups([scene(seed) for seed in range(300)]))) == 300


def test_a_chain_of_likeness_is_one_group() -> None:
    base = np.uint64(0x123456789ABCDEF0)
    step = np.uint64(2**MOST_BITS - 1)
    chain = np.array([base, base ^ step, base ^ step ^ (step << np.uint64(20))], np.uint64)
    assert len(set(duplicate_groups(chain, np.ones((3, 4), np.float32)).tolist())) == 1


def test_equal_hashes_of_unlike_thumbnails_are_two_pictures() -> None:
    unlike = np.array([[1, 0], [0, 1]], np.float32)
    assert len(set(duplicate_groups(np.zeros(2, np.uint64), unlike).tolist())) == 2


def test_bands_find_every_pair_that_comparing_all_finds() -> None:
    rng = np.random.default_rng(0)
    bases = rng.integers(0, 2**63, 40, dtype=np.uint64)
    flips = np.array([np.bitwise_or.reduce(np.uint64(1) << rng.integers(0, 64, count, dtype=np.uint64))
                      for count in rng.integers(1, 12, 200)])  # fmt: skip
    hashes = np.concatenate([bases, bases[rng.integers(0, 40, 200)] ^ flips])
    near = np.bitwise_count(hashes[:, None] ^ hashes) <= MOST_BITS
    while not np.array_equal(wider := near @ near, near):
        near = wider
    expected = near.argmax(axis=1)
    given = duplicate_groups(hashes, np.ones((240, 4), np.float32))
    np.testing.assert_array_equal(given[:, None] == given, expected[:, None] == expected)
