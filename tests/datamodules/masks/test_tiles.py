"""A network of one shape answers for pictures of any shape, each pixel by what lies there."""

import numpy as np
import pytest

from datamodules.base.pixels import resize
from datamodules.masks.contours import beside, in_rows, legend, outlined
from datamodules.masks.tiles import by_tiles


def brightness(images):
    """A network that answers what it sees: the share of brightness."""
    return (images[..., :1] / 255).astype(np.float32)


@pytest.mark.parametrize("shape", [(64, 64), (64, 200), (200, 64), (90, 131), (32, 32), (20, 50)])
def test_every_pixel_is_answered_by_what_lies_there(shape):
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (4, 4, 1)).astype(np.uint8).repeat(3, axis=2)
    picture = resize(coarse, shape[::-1])
    seen = []

    def answer(images):
        seen.append(images.shape)
        return brightness(images)

    given = by_tiles(picture, (32, 48), answer)
    assert given.shape == (*shape, 1)
    assert all(one[1:] == (32, 48, 3) for one in seen)
    assert np.abs(given[..., 0] - picture[..., 0] / 255).mean() < 0.03


def test_what_overlaps_is_averaged():
    calls = iter(np.linspace(0.2, 0.6, 3))
    picture = np.zeros((32, 80, 3), np.uint8)
    given = by_tiles(
        picture, (32, 32), lambda images: np.stack([np.full((32, 32, 1), next(calls), np.float32) for _ in images])
    )
    assert given[0, 0, 0] == pytest.approx(0.2)
    assert given[0, 28, 0] == pytest.approx(0.3)
    assert given[0, 79, 0] == pytest.approx(0.6)


def test_outlines_lie_on_the_border_and_leave_the_rest_as_it_is():
    picture = np.full((60, 80, 3), 90, np.uint8)
    masks = np.zeros((2, 60, 80), bool)
    masks[1, 20:40, 30:60] = True
    drawn = outlined(picture, masks)
    assert (drawn[:19] == 90).all()
    assert drawn[20, 45].tolist() == [64, 169, 255]
    assert drawn[30, 45].tolist() not in ([90, 90, 90], [64, 169, 255])
    assert (picture == 90).all()


def test_a_wide_pictures_pair_stands_one_above_the_other():
    wide, square = np.zeros((128, 800, 3), np.uint8), np.zeros((64, 64, 3), np.uint8)
    none = [np.zeros((1, 128, 800), bool)] * 2
    assert beside(wide, none, "a").shape == (22 + 2 * 132, 804, 3)
    pair = beside(square, [np.zeros((1, 64, 64), bool)] * 2, "a")
    assert pair.shape == (22 + 260, 520, 3)
    assert in_rows([pair] * 3).shape == (2 * 282, 1040, 3)
    assert legend(100, ["one", "another long name", "third"]).shape == (66, 100, 3)
