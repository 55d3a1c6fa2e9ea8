"""Cutting drawn boards whose cells are known."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datamodules.base.pixels import Image, resize
from datamodules.screens.grid import Grid, check_corners, cut_cells, rectify, split_cells
from tests.datamodules.boards import GRID, HEIGHT, OUTLINE, WIDTH, Points, colours, draw_board

SLANTED = np.array([[60.0, 40.0], [310.0, 75.0], [280.0, 520.0], [25.0, 470.0]])
SLANTED_SIZE = (360, 560)


def turned(photo: Image, corners: Points, quarters: int) -> tuple[Image, Points]:
    """The photo turned counter-clockwise, the corners moved with it but still named as on the upright phone."""
    for _ in range(quarters):
        width = photo.shape[1]
        photo = np.rot90(photo)
        corners = np.column_stack([corners[:, 1], width - corners[:, 0]])
    return np.ascontiguousarray(photo), corners


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_each_colour_is_cut_to_its_place_however_the_phone_lies(quarters: int) -> None:
    paints = colours(GRID.cells)
    photo, corners = turned(draw_board(*SLANTED_SIZE, SLANTED, paints), SLANTED, quarters)
    check_corners(corners, photo.shape[1], photo.shape[0])
    cells = cut_cells(photo, corners, GRID)
    assert cells.shape == (15, 20, 20, 3)
    assert cells.dtype == np.uint8
    for cell, paint in zip(cells, paints, strict=True):
        np.testing.assert_array_equal(cell[2:-2, 2:-2], np.broadcast_to(paint, (16, 16, 3)))


def test_cells_stand_upright() -> None:
    side = 40
    upright = np.zeros((5 * side, 3 * side, 3), np.uint8)
    upright[: side // 4, : side // 4] = 250  # top left of the first cell
    photo, corners = turned(upright, np.array([[0.0, 0], [120, 0], [120, 200], [0, 200]]), 1)
    first = cut_cells(photo, corners, GRID)[0]
    assert first[:4, :4].min() == 250
    assert first[6:].max() == 0
    assert first[:, 6:].max() == 0


def test_a_phone_as_large_as_the_target_is_copied_pixel_for_pixel() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (130, 90, 3), dtype=np.uint8)
    corners = np.array([[11.0, 7], [71, 7], [71, 107], [11, 107]])
    np.testing.assert_array_equal(rectify(photo, corners, GRID), photo[7:107, 11:71])


@pytest.mark.parametrize("factor", [2, 3])
def test_a_phone_a_whole_multiple_larger_is_averaged(factor: int) -> None:
    photo = np.random.default_rng(1).integers(0, 256, (100 * factor, 60 * factor, 3), dtype=np.uint8)
    corners = np.array([[0.0, 0], [60, 0], [60, 100], [0, 100]]) * factor
    blocks = photo.reshape(100, factor, 60, factor, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(rectify(photo, corners, GRID), blocks, atol=0.51)


@settings(max_examples=30, deadline=None)
@given(columns=st.integers(1, 4), rows=st.integers(1, 6), side=st.integers(1, 7))
def test_split_cells_goes_row_by_row_and_can_be_put_together(columns: int, rows: int, side: int) -> None:
    grid = Grid(columns, rows, side)
    whole = np.random.default_rng(columns).integers(0, 256, (rows * side, columns * side, 3), dtype=np.uint8)
    cells = split_cells(whole, grid)
    assert cells.shape == (grid.cells, side, side, 3)
    assert cells.flags.c_contiguous
    strips = [np.concatenate(list(cells[row * columns : (row + 1) * columns]), axis=1) for row in range(rows)]
    np.testing.assert_array_equal(np.concatenate(strips, axis=0), whole)


def test_corners_of_a_real_outline_pass() -> None:
    check_corners(SLANTED, *SLANTED_SIZE)
    check_corners(OUTLINE, WIDTH, HEIGHT)


@pytest.mark.parametrize(
    ("number", "name", "spot"),
    [
        (0, "top left", (-1.5, 20)),
        (1, "top right", (121.5, 20)),
        (2, "bottom right", (100, 161.5)),
        (3, "bottom left", (10, 400)),
    ],
)
def test_a_corner_outside_the_photo_is_named(number: int, name: str, spot: tuple[float, float]) -> None:
    corners = OUTLINE.copy()
    corners[number] = spot
    with pytest.raises(ValueError, match=rf"{name} corner .*outside the photo of 120 x 160"):
        check_corners(corners, WIDTH, HEIGHT)


def test_a_corner_within_a_pixel_of_the_edge_passes() -> None:
    check_corners(np.array([[-1.0, -1], [121, -1], [121, 161], [-1, 161]]), WIDTH, HEIGHT)


@settings(max_examples=30, deadline=None)
@given(shifts=st.lists(st.floats(-12, 12), min_size=8, max_size=8))
def test_of_all_orders_only_the_four_that_go_round_clockwise_pass(shifts: list[float]) -> None:
    outline = np.array([[20.0, 20], [100, 20], [100, 140], [20, 140]]) + np.array(shifts).reshape(4, 2)
    round_clockwise = [tuple(np.roll(range(4), turn).tolist()) for turn in range(4)]
    for order in itertools.permutations(range(4)):
        if order in round_clockwise:
            check_corners(outline[list(order)], WIDTH, HEIGHT)
        else:
            with pytest.raises(ValueError, match="crossed or mirrored"):
                check_corners(outline[list(order)], WIDTH, HEIGHT)


@pytest.mark.parametrize(
    "corners",
    [
        [[50, 50], [50, 50], [50, 50], [50, 50]],
        [[10, 10], [50, 50], [90, 90], [110, 110]],
        [[10, 10], [100, 10], [100, 10], [10, 100]],
        [[10, 10], [100, 10], [30, 40], [10, 100]],
    ],
    ids=["one point", "one line", "two corners at one point", "a dent"],
)
def test_outlines_that_are_no_quadrilateral_are_refused(corners: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="crossed or mirrored"):
        check_corners(np.array(corners, np.float64), WIDTH, HEIGHT)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_corner_that_is_no_number_is_refused(value: float) -> None:
    corners = OUTLINE.copy()
    corners[2, 1] = value
    with pytest.raises(ValueError, match="not a number"):
        check_corners(corners, WIDTH, HEIGHT)


@pytest.mark.parametrize("offset", range(4))
@pytest.mark.parametrize("upright_line", [True, False])
@pytest.mark.parametrize("tilt_deg", [0.0, 4.0])
def test_a_hairline_on_a_phone_three_times_larger_keeps_its_brightness(
    offset: int, upright_line: bool, tilt_deg: float
) -> None:
    angle = np.deg2rad(tilt_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    outline = np.array([[-90.0, -150], [90, -150], [90, 150], [-90, 150]]) @ turn.T + [130, 190]
    photo = np.zeros((380, 260, 3), np.uint8)
    if upright_line:
        photo[100:280, 120 + offset] = 210  # within the phone, from end to end
    else:
        photo[180 + offset, 60:200] = 210
    expected = photo.sum(dtype=np.int64) / 9
    assert rectify(photo, outline, GRID).sum(dtype=np.int64) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("scale", [1.2, 1.49, 1.51, 2.0, 2.49, 3.4])
def test_no_hairline_is_skipped_whatever_the_size_of_the_phone(scale: float) -> None:
    width, height = 60 * scale, 100 * scale
    outline = np.array([[10, 10], [10 + width, 10], [10 + width, 10 + height], [10, 10 + height]])
    for line in range(30, 42):
        photo = np.zeros((int(height) + 40, int(width) + 40, 3), np.uint8)
        photo[line] = 200
        expected = 200 * 3 * 60 / scale
        assert rectify(photo, outline, GRID).sum(dtype=np.int64) == pytest.approx(expected, rel=0.15)


def test_resize_averages_areas_exactly() -> None:
    small = np.random.default_rng(2).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    blocks = small.repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_array_equal(resize(blocks, (16, 12)), small)
    noise = np.random.default_rng(3).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    means = noise.reshape(12, 2, 16, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(resize(noise, (16, 12)), means, atol=0.51)


@pytest.mark.parametrize("side", [224, 160, 128, 96, 77, 32])
def test_resize_keeps_the_mean_brightness_of_thin_lines(side: int) -> None:
    image = np.full((300, 300, 3), 20, np.uint8)
    image[:, [31, 149, 222]] = 220
    image[[11, 117, 283]] = 180
    assert resize(image, (side, side)).mean() == pytest.approx(image.mean(), abs=0.5)


def test_resize_to_the_same_size_changes_nothing() -> None:
    image = np.random.default_rng(4).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    np.testing.assert_array_equal(resize(image, (40, 30)), image)


def test_resize_takes_width_before_height_and_interpolates_upwards() -> None:
    ramp = np.tile(np.arange(0, 200, 20, dtype=np.uint8)[None, :, None], (4, 1, 3))
    larger = resize(ramp, (20, 8))
    assert larger.shape == (8, 20, 3)
    steps = np.diff(larger[0, 1:-1, 0].astype(int))
    np.testing.assert_array_equal(steps, 10)  # a line, not the stairs of the nearest pixel
