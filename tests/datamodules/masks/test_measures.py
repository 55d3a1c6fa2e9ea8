"""Lengths and areas of masks against lines whose length is known."""

import cv2
import numpy as np
import pytest

from datamodules.masks.measures import extent, length_of, skeleton


def drawn(start, end, width):
    canvas = np.zeros((128, 128), np.uint8)
    points = [tuple(round(16 * value) for value in point) for point in (start, end)]
    cv2.line(canvas, *points, 1, width, cv2.LINE_8, 4)
    return canvas > 0


@pytest.mark.parametrize("width", [1, 2, 3])
def test_lines_of_every_direction_are_about_as_long_as_they_were_drawn(width):
    rng = np.random.default_rng(width)
    wrong = []
    for _ in range(150):
        middle, turn, length = rng.uniform(45, 83, 2), rng.uniform(0, np.pi), rng.uniform(15, 70)
        half = length / 2 * np.array([np.cos(turn), np.sin(turn)])
        wrong.append(length_of(drawn(middle - half, middle + half, width)) / length - 1)
    assert abs(np.median(wrong)) < 0.06
    assert np.percentile(np.abs(wrong), 90) < 0.2


def test_nothing_is_no_length_and_pieces_add_up():
    empty = np.zeros((20, 30), bool)
    assert extent(empty) == (0.0, 0.0, 0.0)
    two = empty.copy()
    two[5, 2:12] = two[15, 2:12] = True
    one = empty.copy()
    one[5, 2:12] = True
    assert length_of(two) == pytest.approx(2 * length_of(one))
    assert length_of(one) == pytest.approx(10, abs=0.6)
    assert extent(one).share == pytest.approx(10 / 600, abs=1e-6)
    assert extent(one).length == pytest.approx(length_of(one) / np.hypot(20, 30), abs=1e-5)


def test_a_skeleton_lies_within_its_mask_is_thin_and_keeps_its_pieces():
    mask = drawn((20, 20), (100, 90), 7) | drawn((20, 100), (60, 60), 5) | drawn((110, 10), (120, 40), 4)
    line = skeleton(mask)
    assert (line & ~mask).sum() == 0
    assert cv2.connectedComponents(line.astype(np.uint8))[0] == cv2.connectedComponents(mask.astype(np.uint8))[0]
    squares = line[1:, 1:] & line[:-1, 1:] & line[1:, :-1] & line[:-1, :-1]
    assert squares.sum() <= 1
