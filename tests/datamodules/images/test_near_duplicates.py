"""Copies are found whatever was done to the file; different pictures stay apart."""

import cv2
import imagehash
import numpy as np
import pytest
from PIL import Image as PillowImage

from benchmarks.copies import CHANGES
from datamodules.base.pixels import Image, resize
from datamodules.images.near_duplicates import (
    MOST_BITS,
    _close,
    duplicate_groups,
    look_of,
    orientations,
    perceptual_hashes,
)


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


def turned(picture: Image) -> Image:
    return np.ascontiguousarray(np.rot90(picture))


def mirrored(picture: Image) -> Image:
    return np.ascontiguousarray(picture[:, ::-1])


def groups(pictures: list[Image], names: list[str] | None = None) -> list[int]:
    return duplicate_groups([look_of(picture) for picture in pictures], names or [""] * len(pictures)).tolist()


@pytest.mark.parametrize("change", [smaller, compressed, darker, trimmed, turned, mirrored])
def test_a_changed_copy_is_found(change) -> None:
    pictures = [scene(seed) for seed in range(12)]
    numbers = groups([*pictures, *map(change, pictures)])
    assert numbers[:12] == numbers[12:]
    assert len(set(numbers)) == 12


def photo(seed: int, side: int = 240) -> Image:
    """As `scene`, with corners as photos have them: squares and triangles, slanted, and grain."""
    rng = np.random.default_rng(1000 + seed)
    picture = scene(seed, side)
    for _ in range(40):
        colour = [int(value) for value in rng.integers(0, 256, 3)]
        corners = rng.integers(0, side, 2) + rng.integers(-25, 26, (int(rng.integers(3, 5)), 2))
        cv2.fillPoly(picture, [corners.astype(np.int32)], colour)
    return np.clip(picture + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_copies_that_a_person_would_know(change) -> None:
    rng, pictures = np.random.default_rng(5), [photo(seed) for seed in range(12)]
    numbers = groups([*pictures, *(compressed(change(picture, rng)) for picture in pictures)])
    assert np.mean(np.array(numbers[:12]) == numbers[12:]) > 0.8  # on photos 0.95 to 1: benchmarks/copies.py
    assert len(set(numbers[:12])) == 12


def test_pictures_that_share_a_part_are_not_copies() -> None:
    """The same frame, or table, around different things."""
    pictures = [photo(seed) for seed in range(10)]
    for picture in pictures[1:]:
        picture[:90] = pictures[0][:90]
    assert len(set(groups(pictures))) == 10


def test_names_of_an_augmenting_service_tell_copies() -> None:
    pictures = [photo(seed) for seed in range(5)]
    names = [
        "train/rose/IMG_1_jpg.rf.0a1b2c3d4e5f60718293a4b5c6d7e8f9.jpg",
        "test/rose/IMG_1_jpg.rf.ffeeddccbbaa99887766554433221100.jpg",
        "test/tulip/IMG_1_jpg.rf.00112233445566778899aabbccddeeff.jpg",
        "train/rose/IMG_2_jpg.rf.00112233445566778899aabbccddeeff.jpg",
        "train/rose/IMG_1.jpg",
    ]
    first, second, *others = groups(pictures, names)
    assert first == second
    assert len({first, *others}) == 4


def test_many_different_pictures_stay_apart() -> None:
    assert len(set(groups([scene(seed) for seed in range(300)]))) == 300
    assert len(set(groups([photo(seed) for seed in range(100)]))) == 100


def test_what_has_no_corner_nor_colour_is_compared_all_the_same() -> None:
    flat = [np.full((50, 70, 3), grey, np.uint8) for grey in (20, 20, 200)]
    assert len(set(groups(flat))) == 1  # nothing varies: by their hashes
    assert groups([]) == []
    assert groups([photo(1)[:1, :1]]) == [0]


def test_thousands_of_blank_pictures_are_one_group() -> None:
    blank = look_of(np.full((50, 70, 3), 20, np.uint8))
    assert len(set(duplicate_groups([blank] * 20_000, [""] * 20_000).tolist())) == 1


def test_bands_find_every_pair_that_comparing_all_finds() -> None:
    rng = np.random.default_rng(0)
    bases = rng.integers(0, 2**63, 40, dtype=np.uint64)
    flips = np.array([np.bitwise_or.reduce(np.uint64(1) << rng.integers(0, 64, count, dtype=np.uint64))
                      for count in rng.integers(1, 12, 200)])  # fmt: skip
    hashes = np.concatenate([bases, bases[rng.integers(0, 40, 200)] ^ flips])
    first, second = np.nonzero(np.triu(np.bitwise_count(hashes[:, None] ^ hashes) <= MOST_BITS, 1))
    given = np.unique(np.sort(np.concatenate(list(_close(hashes, hashes))), axis=1), axis=0)
    np.testing.assert_array_equal(given[given[:, 0] != given[:, 1]], np.column_stack([first, second]))


def test_hashes_are_those_of_a_known_library_in_every_orientation() -> None:
    for seed in range(10):
        small = resize(photo(seed), (64, 64))
        ours = perceptual_hashes(small)
        for hashed, turned in zip(ours, orientations(small), strict=True):
            known = imagehash.phash(PillowImage.fromarray(turned)).hash
            assert (
                np.bitwise_count(hashed ^ np.packbits(known.ravel()).view(np.uint64)[0]) <= 4
            )  # it averages pixels another way
            assert hashed == perceptual_hashes(turned)[0]
