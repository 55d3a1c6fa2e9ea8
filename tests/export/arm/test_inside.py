"""What the guest does with answers, and how it is spoken to; no emulator here."""

import io

import numpy as np
import pytest

from export.arm.inside import Comparison, decisions, get, put

PLAIN = {"thresholds": None, "span": 1.0}


def f(*values):
    return np.array([values], np.float32)


def test_messages_come_through_as_they_were():
    pipe = io.BytesIO()
    put(
        pipe, image=np.arange(6, dtype=np.float32).reshape(1, 2, 3), grade=np.array([3], np.int32), number=np.float32(2)
    )
    put(pipe, file=b"TFL3")
    put(pipe)
    pipe.seek(0)
    found = get(pipe)
    assert {name: (one.dtype.str, one.shape) for name, one in found.items()} == {
        "image": ("<f4", (1, 2, 3)),
        "grade": ("<i4", (1,)),
        "number": ("<f4", ()),
    }
    assert found["image"].tolist() == [[[0, 1, 2], [3, 4, 5]]]
    assert get(pipe)["file"].tobytes() == b"TFL3"
    assert get(pipe) == {}
    with pytest.raises(EOFError):
        get(pipe)


@pytest.mark.parametrize(
    ("outputs", "rule", "wanted"),
    [
        ({"probabilities": f(0.9, 0.1), "grade": np.array([1], np.int32)}, PLAIN, [1]),
        ({"probabilities": f(0.9, 0.1), "grade": f(0, 1)}, PLAIN, [1]),
        ({"probabilities": f(0.9, 0.1), "grade": f(1.0)}, PLAIN, [[1]]),
        ({"probabilities": f(0.1, 0.2, 0.7)}, PLAIN, [2]),
        ({"probabilities": f(0.1, 0.2, 0.7)}, {"thresholds": [0.05, 0.5, 0.5], "span": 1.0}, [[True, False, True]]),
        ({"probabilities": f(0.1)[..., None, None], "mask": np.array([[[2]]], np.int32)}, PLAIN, [[[2]]]),
        ({"probabilities": np.full((1, 1, 1, 2), 0.7, np.float32)}, PLAIN, [[[[True, True]]]]),
    ],
    ids=[
        "whole grade",
        "one-hot grade",
        "a number as grade",
        "probabilities",
        "labels",
        "mask",
        "masks by probability",
    ],
)
def test_answers_come_down_to(outputs, rule, wanted):
    assert decisions(outputs, rule).tolist() == wanted


def test_a_grade_that_flips_is_one_cell_and_differences_are_by_output():
    comparison = Comparison(PLAIN)
    comparison.add({"probabilities": f(0.6, 0.4), "grade": f(1, 0)}, {"probabilities": f(0.45, 0.55), "grade": f(0, 1)})
    comparison.add({"probabilities": f(0.2, 0.8), "grade": f(0, 1)}, {"probabilities": f(0.2, 0.8), "grade": f(0, 1)})
    found = comparison.found()
    assert (found["cells"], found["cells_alike"], found["agreement"]) == (2, 1, 0.5)
    assert found["max_probability_difference"] == pytest.approx(0.15)
    assert found["differences"]["grade"] == 1


def test_numbers_are_the_same_within_a_hundredth_of_their_range():
    comparison = Comparison({"thresholds": None, "span": 50.0})
    comparison.add({"number": np.array([10.0], np.float32)}, {"number": np.array([10.4], np.float32)})
    comparison.add({"number": np.array([10.0], np.float32)}, {"number": np.array([10.6], np.float32)})
    assert comparison.found()["agreement"] == 0.5
    assert comparison.found()["max_probability_difference"] == pytest.approx(0.012)


def test_quantised_answers_are_held_against_each_other_as_numbers():
    comparison = Comparison(PLAIN | {"steps": {"probabilities": [1 / 256, 0.0]}})
    comparison.add(
        {"probabilities": np.array([[192, 64]], np.uint8)}, {"probabilities": np.array([[128, 127]], np.uint8)}
    )
    found = comparison.found()
    assert (found["agreement"], found["max_probability_difference"]) == (1, 0.25)


def test_a_pixel_is_a_share_of_a_picture():
    comparison = Comparison(PLAIN)
    comparison.add({"mask": np.array([[1, 1, 0, 0]], np.int32)}, {"mask": np.array([[1, 1, 0, 1]], np.int32)})
    assert (comparison.found()["agreement"], comparison.found()["cells_alike"]) == (0.75, 0)


def test_what_is_no_number_is_never_alike():
    comparison = Comparison(PLAIN)
    comparison.add({"number": f(1.0)}, {"number": f(np.nan)})
    assert comparison.found()["agreement"] == 0
    assert comparison.found()["max_probability_difference"] == np.inf
