"""Every kind of image file becomes the RGB that a person sees."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from datamodules.base.errors import DataError
from datamodules.images.decoding import SUFFIXES, centre_square, decode, size_of


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    levels = np.array([[0, 257, 32896, 65535]], np.uint16)
    PillowImage.fromarray(levels).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(decode(tmp_path / "deep.png")[..., 0], [[0, 1, 128, 255]])


@pytest.mark.parametrize(("mode", "filled"), [("RGBA", (10, 20, 30, 0)), ("LA", (7, 0))])
def test_what_is_transparent_becomes_white(tmp_path: Path, mode: str, filled: tuple[int, ...]) -> None:
    PillowImage.new(mode, (4, 4), filled).save(tmp_path / "icon.png")
    assert decode(tmp_path / "icon.png").min() == 255


def test_of_an_animation_the_first_picture_is_taken(tmp_path: Path) -> None:
    frames = [PillowImage.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(decode(tmp_path / "moving.gif")[0, 0], [255, 0, 0])


def test_floating_point_pixels_are_refused(tmp_path: Path) -> None:
    PillowImage.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "heights.tif")
    with pytest.raises(DataError, match=r"heights\.tif: not a readable image \(floating-point pixels"):
        decode(tmp_path / "heights.tif")


@pytest.mark.parametrize("shape", [(60, 100, 3), (100, 60, 3)])
def test_the_centred_square_is_cut(shape: tuple[int, ...]) -> None:
    picture = np.zeros(shape, np.uint8)
    middle = [slice((side - 60) // 2, (side + 60) // 2) for side in shape[:2]]
    picture[middle[0], middle[1]] = 200
    square = centre_square(picture, 20)
    assert square.shape == (20, 20, 3)
    assert square.min() == 200


@pytest.mark.parametrize("turn", [1, 3, 6, 8])
def test_a_size_is_what_decoding_gives(tmp_path: Path, turn: int) -> None:
    picture = PillowImage.new("RGB", (40, 20), "red")
    exif = PillowImage.Exif()
    exif[0x0112] = turn
    picture.save(tmp_path / "turned.jpg", exif=exif)
    height, width = decode(tmp_path / "turned.jpg").shape[:2]
    assert size_of(tmp_path / "turned.jpg") == (width, height)
    with pytest.raises(DataError, match=r"none.jpg: no such file"):
        size_of(tmp_path / "none.jpg")
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(DataError, match=r"text.jpg: not a readable image"):
        size_of(tmp_path / "text.jpg")


def test_avif_is_read_where_pillow_reads_it(tmp_path):
    from PIL import features

    if not features.check("avif"):
        pytest.skip("this Pillow reads no AVIF")
    PillowImage.new("RGB", (16, 12), (200, 10, 10)).save(tmp_path / "a.avif")
    assert decode(tmp_path / "a.avif").shape == (12, 16, 3)
    assert ".avif" in SUFFIXES
