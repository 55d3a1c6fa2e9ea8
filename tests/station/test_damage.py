"""Where damage is marked on a graded phone, and what the tables say of it."""

import cv2
import numpy as np
import pytest

from datamodules.base.errors import DataError
from datamodules.screens.screen_size import read_screen
from station.damage import Marks, columns_of, values_of


@pytest.fixture
def marks():
    masks = np.zeros((2, 2, 48, 48), bool)
    masks[0, 1, 10, 4:44] = True
    masks[1, 0, 20:30, 20:30] = True
    return Marks(["scratch", "deep crack"], masks)


def test_extents_say_share_and_length_of_each_class(marks):
    first, second = marks.extents(0), marks.extents(1)
    assert first["scratch"] == {"share": 0.0, "length_px": 0.0, "length": 0.0}
    assert first["deep crack"]["share"] == pytest.approx(40 / 48**2, abs=1e-6)
    assert first["deep crack"]["length"] == pytest.approx(40 / np.hypot(48, 48), rel=0.08)
    assert second["scratch"]["share"] == pytest.approx(100 / 48**2, abs=1e-6)
    assert columns_of(first)[3:] == ["area_deep_crack", "length_px_deep_crack", "length_deep_crack"]
    assert values_of(first) == [0.0, 0.0, 0.0, *first["deep crack"].values()]


def test_outlines_lie_in_the_photo_where_the_cell_lies(marks):
    cell = np.array([[100, 200], [196, 200], [196, 392], [100, 392]], float)
    ((label, points),) = marks.outlines(0, cell)
    assert label == 1
    x, y = np.array(points).T
    assert (x.min(), x.max()) == pytest.approx((100 + 2 * 4.5, 100 + 2 * 43.5), abs=0.01)
    assert y == pytest.approx(200 + 4 * 10.5, abs=0.01)


def test_millimetres_are_told_where_the_size_is_known(marks):
    told = marks._replace(cell_mm=(20.0, 30.0)).extents(0)
    assert told["deep crack"]["area_mm2"] == pytest.approx(40 / 48**2 * 600, abs=1e-3)
    assert told["deep crack"]["length_mm"] == pytest.approx(40 / 48 * 20, rel=0.08)
    assert columns_of(told)[5:] == [
        f"{one}_deep_crack" for one in ("area", "length_px", "length", "area_mm2", "length_mm")
    ]
    assert len(values_of(told)) == len(columns_of(told))
    assert "length_mm" not in marks.extents(0)["deep crack"]


@pytest.mark.parametrize("degrees", range(0, 90, 9))
def test_a_line_is_as_long_in_millimetres_whatever_way_it_lies(degrees):
    wide, high, side = 65 / 3, 140 / 5, 96
    along = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
    long = 0.9 * min(wide / max(along[0], 1e-9), high / max(along[1], 1e-9))
    fine = np.zeros((round(high * 40), round(wide * 40)), np.uint8)  # 40 pixels a millimetre
    middle = np.array([wide, high]) / 2
    ends = [tuple(int(one) for one in 40 * (middle + sign * along * long / 2)) for sign in (-1, 1)]
    cv2.line(fine, *ends, 255, 40)
    mask = cv2.resize(fine, (side, side), interpolation=cv2.INTER_AREA) > 127
    found = Marks(["crack"], mask[None, None], (wide, high)).extents(0)["crack"]["length_mm"]
    assert found == pytest.approx(long, rel=0.08)


@pytest.mark.parametrize(
    "given", [[65], [65, 140, 3], "65x140", [0, 140], [65, 5000], [True, 140], [65, float("nan")], 65]
)
def test_what_is_no_size_is_one_line(given):
    with pytest.raises(
        DataError, match=r"datamodule\.screen_mm=.*: want width and height in millimetres, 10 to 2000, such as"
    ):
        read_screen(given)
    assert read_screen(None) is None
    assert read_screen([65, 140.5]) == (65.0, 140.5)
