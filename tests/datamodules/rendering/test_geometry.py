"""Grades of hand-made damage whose lengths and covers are known."""

import numpy as np
import pytest

from datamodules.rendering.geometry import (
    COLS,
    ROWS,
    Damage,
    Points,
    Stroke,
    crack_cover,
    crushed_share,
    grades,
    length_per_cell,
    segments_of,
)


def stroke(*points: tuple[float, float]) -> Stroke:
    return Stroke(np.array(points, dtype=np.float64), width=1.0, strength=1.0)


def square(left: float, top: float, side: float) -> Points:
    corners = [[left, top], [left + side, top], [left + side, top + side], [left, top + side]]
    return np.array(corners, dtype=np.float64)


def test_length_is_split_between_the_cells_that_a_stroke_crosses() -> None:
    lengths = length_per_cell(segments_of((stroke((0.7, 0.5), (1.2, 0.5), (1.2, 1.25)),)))
    expected = np.zeros((ROWS, COLS))
    expected[0, 0], expected[0, 1], expected[1, 1] = 0.3, 0.2 + 0.5, 0.25
    np.testing.assert_allclose(lengths, expected, atol=1e-12)


def test_length_off_the_device_does_not_count() -> None:
    lengths = length_per_cell(segments_of((stroke((-2.0, 4.5), (0.25, 4.5)), stroke((2.5, 4.75), (2.5, 9.0)))))
    assert lengths[4, 0] == pytest.approx(0.25)
    assert lengths[4, 2] == pytest.approx(0.25)
    assert lengths.sum() == pytest.approx(0.5)


def test_length_agrees_with_counting_points_along_random_strokes() -> None:
    rng = np.random.default_rng(0)
    segments = rng.uniform([-0.5, -0.5], [3.5, 5.5], (20, 2, 2))
    t = (np.arange(20000) + 0.5) / 20000
    counted = np.zeros((ROWS, COLS))
    for start, end in segments:
        points = start + (end - start) * t[:, None]
        on = (points >= 0).all(axis=1) & (points < [COLS, ROWS]).all(axis=1)
        col, row = np.floor(points[on]).astype(int).T
        np.add.at(counted, (row, col), np.linalg.norm(end - start) / 20000)
    np.testing.assert_allclose(length_per_cell(segments), counted, atol=2e-3)


@pytest.mark.parametrize(
    ("diagonals", "grade"), [(0.03, 0), (0.05, 1), (0.30, 1), (0.34, 2), (0.5, 2)], ids="{}".format
)
def test_scratch_extent_decides_the_grade(diagonals: float, grade: int) -> None:
    end = 0.1 + diagonals
    result = grades(Damage(scratches=(stroke((1.1, 2.1), (1 + end, 2 + end)),)))
    assert result[2, 1] == grade
    assert result.sum() == grade


def test_scratches_in_a_cell_add_up() -> None:
    short = [stroke((0.1, y), (0.3, y)) for y in (0.2, 0.4, 0.6)]
    assert grades(Damage(scratches=tuple(short[:1])))[0, 0] == 1
    assert grades(Damage(scratches=tuple(short)))[0, 0] == 2


def test_a_crack_beats_a_scratch_in_its_cell_only() -> None:
    scratch, crack = stroke((0.1, 0.1), (1.9, 0.1)), stroke((0.1, 0.3), (0.8, 0.8))
    result = grades(Damage(scratches=(scratch,), cracks=(crack,)))
    assert result[0].tolist() == [3, 2, 0]


def test_one_line_is_a_minor_crack_and_a_net_a_major_one() -> None:
    diagonal = stroke((1.0, 1.0), (2.0, 2.0))
    net = tuple(stroke((1.0, 1 + t), (2.0, 1 + t)) for t in (0.2, 0.5, 0.8))
    assert grades(Damage(cracks=(diagonal,)))[1, 1] == 3
    assert grades(Damage(cracks=net))[1, 1] == 4


def test_the_tip_of_a_crack_is_no_cracked_cell() -> None:
    assert grades(Damage(cracks=(stroke((1.5, 1.5), (2.05, 1.5)),)))[1].tolist() == [0, 3, 0]


def test_cover_of_a_straight_line_is_its_strip() -> None:
    cover = crack_cover(segments_of((stroke((-1.0, 2.5), (4.0, 2.5)),)), ())
    np.testing.assert_allclose(cover[2], 0.12, atol=0.025)
    assert cover[[0, 1, 3, 4]].sum() == 0


def test_crushed_glass_alone_is_a_crack() -> None:
    crushed = (square(1.1, 3.1, 0.3),)
    assert crushed_share(crushed)[3, 1] == pytest.approx(0.09, abs=0.02)
    assert grades(Damage(crushes=crushed))[3, 1] == 3
    assert grades(Damage(crushes=(square(1.1, 3.1, 0.8),)))[3, 1] == 4


def test_dashes_count_as_cracks() -> None:
    rng = np.random.default_rng(1)
    spots = rng.uniform([2.05, 4.05], [2.95, 4.95], (150, 2))
    dashes = np.stack([spots, spots + np.array([0.03, 0.0])], axis=1)
    assert grades(Damage(dashes=dashes))[4, 2] == 4
