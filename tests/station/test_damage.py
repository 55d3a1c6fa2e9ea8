"""Where damage is marked on a graded phone, and what the tables say of it."""

import numpy as np
import pytest

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
    assert columns_of(marks.names)[3:] == ["area_deep_crack", "length_px_deep_crack", "length_deep_crack"]
    assert values_of(first) == [0.0, 0.0, 0.0, *first["deep crack"].values()]


def test_outlines_lie_in_the_photo_where_the_cell_lies(marks):
    cell = np.array([[100, 200], [196, 200], [196, 392], [100, 392]], float)
    ((label, points),) = marks.outlines(0, cell)
    assert label == 1
    x, y = np.array(points).T
    assert (x.min(), x.max()) == pytest.approx((100 + 2 * 4.5, 100 + 2 * 43.5), abs=0.01)
    assert y == pytest.approx(200 + 4 * 10.5, abs=0.01)
