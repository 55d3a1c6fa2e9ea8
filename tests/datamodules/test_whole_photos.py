"""Loose pictures for a network of cells: cut where they show whole phones, taken as they are where they are cells."""

import cv2
import numpy as np
import pytest

from datamodules.base.errors import DataError
from datamodules.prediction_inputs import read_samples
from datamodules.screens.outline import OutlineError, from_upper_side

QUAD = np.array([[20, 10], [140, 10], [140, 210], [20, 210]], float)


class Grader:
    labels, size = ["a", "b"], (8, 8)

    def __init__(self, columns=3, rows=5):
        self.preprocessing = {"crop": "none", "grid": {"columns": columns, "rows": rows, "cell_px": 40}}


def find(picture):
    """In pictures with a bright corner."""
    if picture[0, 0, 0] < 200:
        raise OutlineError("no phone found: 0 % of the picture looks like one")
    return QUAD


@pytest.fixture
def draw(tmp_path):
    def one(name, width, height, phone=True):
        picture = np.zeros((height, width, 3), np.uint8)
        picture[10:50, 20:60] = 90  # the first cell
        picture[0, 0] = 255 * phone
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / name), picture)

    return one


def read(root, **more):
    return list(read_samples(root, Grader(), find=find, **more))


def test_a_photo_of_a_whole_phone_is_cut(tmp_path, draw, capsys):
    draw("one.png", 160, 220)
    draw("two.png", 160, 220, phone=False)
    draw("cells/x_r0_c1.png", 40, 40)
    found = read(tmp_path)
    assert [columns["file"] for columns, _ in found] == ["cells/x_r0_c1.png", *["one.png"] * 15]
    assert found[1][0]["cell"] == "one_r0_c0"
    assert found[1][1].mean() == pytest.approx(90, abs=3)
    said = capsys.readouterr().err
    assert "note: 2 pictures are taken as photos of whole phones, 1 as cells" in said
    assert "two.png: no phone found" in said


def test_square_pictures_are_photos_where_phones_are_found_in_most_of_them(tmp_path, draw, capsys):
    for number in range(4):
        draw(f"{number}.png", 220, 220, phone=number == 0)
    assert len(read(tmp_path)) == 4
    assert capsys.readouterr().err == ""
    for number in range(3):
        draw(f"{number}.png", 220, 220)
    assert len(read(tmp_path, pictures="cells")) == 4
    assert len(read(tmp_path)) == 45


def test_no_photo_with_a_phone_is_refused_in_one_line(tmp_path, draw):
    draw("one.png", 160, 220, phone=False)
    with pytest.raises(DataError, match=r"input=.*: no phone whose outline .*one\.png: no phone found.*pictures=cells"):
        read(tmp_path)
    assert len(read(tmp_path, pictures="cells")) == 1
    with pytest.raises(DataError, match="pictures=both: want auto, cells, phones"):
        read(tmp_path, pictures="both")


def test_a_landscape_grid_starts_at_a_long_side(tmp_path, draw):
    assert from_upper_side(QUAD, short=True).tolist() == QUAD.tolist()
    lying = from_upper_side(QUAD, short=False)
    assert np.hypot(*(lying[1] - lying[0])) == 200
    draw("one.png", 160, 220)
    found = list(read_samples(tmp_path, Grader(columns=5, rows=3), find=find))
    assert [np.argmax([pixels.mean() for _, pixels in found])] == [4]  # its left side is the upper one now
