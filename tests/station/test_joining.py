"""Photos of one device → its cells, its grade and why, how sure; which end is up."""

import numpy as np
import pytest

from datamodules.base.errors import DataError
from datamodules.base.pixels import resize
from datamodules.images.decoding import decode
from datamodules.screens.device_rules import Rule, check_that_one_holds
from datamodules.screens.grid import Grid, rectify
from datamodules.screens.outline import OutlineError, from_upper_side
from datamodules.screens.photo_folder import read_photo_folder
from export.outline.find import find
from station.device_grade import Verdict, device_grade, other_grade
from station.devices import pattern_of
from station.drift import shot_of
from station.joining import JOINS, joined, pooled_agreement
from station.likeness import CELL_PX, is_turned, look_from, look_of
from tests.warm import HERE

SHARED = HERE.parent / "shared" / "data" / "phone_photos"
GRID = Grid(2, 2, 8)
LABELS = ["whole", "scratched", "broken"]
RULES = [Rule("scrap", 2, ("broken",)), Rule("repair", 1, ("scratched", "broken")), Rule("sell", 0, ())]
PHONE = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)


def result(name, grades, sure=0.8, phone=PHONE, outline="found", ask=None, unknown=None):
    """What a photo's cells were given, each with the probability `sure`; `ask`: cells for a person, None where the file says nothing;
    `unknown`: those like nothing in training."""
    cells = [
        {"ask": None if ask is None else at_cell in ask, "unknown": None if unknown is None else at_cell in unknown, "grade": grade, "label": LABELS[grade],
         "probabilities": {label: sure if at == grade else (1 - sure) / 2 for at, label in enumerate(LABELS)}}
        for at_cell, grade in enumerate(grades)
    ]  # fmt: skip
    return {
        "photo": name,
        "cells": cells,
        "look": look_of(phone, GRID),
        "shot": shot_of(phone, phone, np.zeros((4, 2))),
        "outline": outline,
    }


@pytest.mark.parametrize(("join", "cells"), [("half", [0, 1, 2, 1]), ("worst", [2, 2, 2, 1]), ("mean", [0, 0, 2, 1])])
def test_cells_are_joined_by_rule(join, cells):
    grades = np.array([[0, 0, 2, 0], [0, 0, 2, 1], [0, 1, 0, 1], [2, 2, 2, 1]])
    shares = np.full((4, 4, 3), 0.1)
    for photo, row in enumerate(grades):
        for cell, grade in enumerate(row):
            shares[photo, cell, grade] = 0.8
    assert JOINS[join](grades, shares).tolist() == cells
    for one in range(4):
        assert JOINS[join](grades[one : one + 1], shares[one : one + 1]).tolist() == grades[one].tolist()


def test_a_grade_comes_with_the_cells_that_its_rule_holds_for():
    assert device_grade(["broken", "whole", "broken", "scratched"], RULES) == Verdict("scrap", "broken in 2 cells")
    assert device_grade(["broken", "whole", "scratched", "scratched"], RULES) == Verdict(
        "repair", "scratched in 2 cells, broken in 1 cell"
    )
    assert device_grade(["whole"] * 4, RULES) == Verdict("sell", "whole in 4 cells")


def test_a_cell_passes_for_a_device_where_it_passes_in_every_photo():
    """Three photos, the third the other way up: cell 0 is accepted in all, 1 is not in one, 2 is damaged for one, 3 for most."""
    photos = [
        result("a", [0, 0, 0, 1], ask=[]),
        result("b", [0, 0, 1, 1], ask=[1]),
        result("c", [1, 0, 0, 0], phone=PHONE[::-1, ::-1], ask=[]),
    ]
    found = joined("A", photos, "half", RULES, LABELS, GRID)
    assert found.turned == [False, False, True]
    assert found.grades.tolist() == [0, 0, 0, 1]
    assert found.asks.tolist() == [False, True, True, False]
    silent = joined("A", [photos[0], result("b", [0, 0, 1, 1])], "half", RULES, LABELS, GRID)
    assert silent.asks is None


def test_a_cell_is_unknown_where_half_of_the_photos_say_so():
    photos = [
        result("a", [0, 0, 0, 1], ask=[], unknown=[0, 3]),
        result("b", [0, 0, 1, 1], ask=[1], unknown=[0]),
        result("c", [1, 0, 0, 0], phone=PHONE[::-1, ::-1], ask=[], unknown=[1]),
    ]
    found = joined("A", photos, "half", RULES, LABELS, GRID)
    assert found.unknown.tolist() == [True, False, False, False]
    assert (found.asked, found.strange, found.to_look_at) == (2, 1, 3)
    two = joined("A", photos[:2], "half", RULES, LABELS, GRID)
    assert two.unknown.tolist() == [True, False, False, True]
    silent = joined("A", [photos[0], result("b", [0, 0, 1, 1])], "half", RULES, LABELS, GRID)
    assert silent.unknown is None
    assert silent.strange == silent.to_look_at == 0


def test_one_rule_has_to_hold_for_every_phone():
    check_that_one_holds(RULES, LABELS, 4)
    check_that_one_holds([Rule("any", 4, tuple(LABELS))], LABELS, 4)
    with pytest.raises(DataError, match="end with one that wants 0 cells"):
        check_that_one_holds([Rule("any", 5, tuple(LABELS)), *RULES[:2]], LABELS, 4)


def test_doubt_is_the_chance_of_another_grade():
    """Against the product for cells that are apart: all four whole, or two at least of four broken."""
    shares = np.array([[0.9, 0.05, 0.05]] * 4)
    assert other_grade(shares, LABELS, RULES, "sell") == pytest.approx(1 - 0.9**4, abs=0.03)
    shares = np.array([[0.5, 0.0, 0.5]] * 4)
    assert other_grade(shares, LABELS, RULES, "scrap", draws=20_000) == pytest.approx(5 / 16, abs=0.015)
    assert other_grade(np.eye(3)[[0, 0, 0, 2]], LABELS, RULES, "repair") == 0


def test_a_device_says_how_sure_it_is_and_how_far_its_photos_agree():
    found = joined("A", [result("a", [0, 0, 2, 1]), result("b", [0, 0, 2, 2], 0.6)], "half", RULES, LABELS, GRID)
    assert (found.grade, found.reason) == ("scrap", "broken in 2 cells")
    assert found.grades.tolist() == [0, 0, 2, 2]
    assert found.confidence == pytest.approx((0.7 * 3 + 0.35) / 4)
    assert found.lowest == pytest.approx(0.35)
    assert found.agreement == pytest.approx(0.75)
    alone = joined("B", [result("c", [0, 0, 0, 0])], "half", RULES, LABELS, GRID)
    assert alone.agreement is None
    three = joined("C", [result(name, [0, 0, 0, 0]) for name in "def"], "half", RULES, LABELS, GRID)
    assert pooled_agreement([found, alone, three]) == (pytest.approx((0.75 + 3) / 4), 4)
    assert pooled_agreement([alone]) is None


def test_a_phone_that_lies_the_other_way_up_is_turned_unless_its_corners_are_known():
    upright, about = result("a", [0, 1, 0, 2]), result("b", [2, 0, 1, 0], phone=PHONE[::-1, ::-1])
    found = joined("A", [upright, about], "half", RULES, LABELS, GRID)
    assert found.turned == [False, True]
    assert found.agreement == 1
    given = [one | {"outline": "given"} for one in (upright, about)]
    assert joined("A", given, "half", RULES, LABELS, GRID).turned == [False, False]


def test_a_look_comes_back_as_it_was_written():
    small = resize(PHONE, (2 * CELL_PX, 2 * CELL_PX)).astype(float) / 255
    np.testing.assert_allclose(look_from(look_of(PHONE, GRID), GRID), small - small.mean(axis=(0, 1)), atol=1e-6)
    for wrong in ("AAAA", "no base 64!"):
        with pytest.raises(ValueError, match=r"look|reshape"):
            look_from(wrong, GRID)


@pytest.mark.parametrize(("text", "message"), [("(a", "no regular expression"), (".*", "names no device")])
def test_a_pattern_that_cannot_be_is_named(text, message):
    with pytest.raises(ValueError, match=message):
        pattern_of(text)


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs shared/data/phone_photos")
def test_which_end_is_up_is_known_for_nearly_all_real_photos():
    folder = read_photo_folder(SHARED, Grid(3, 5, 60), 5)
    seen = {}
    right = []
    for photo, path in zip(folder.photos, folder.files, strict=True):
        pixels = decode(path)
        try:
            corners = from_upper_side(find(pixels).corners, short=True)
        except OutlineError:
            continue
        # against the corners that a person gave to the upright phone
        off = [np.linalg.norm(corners - np.roll(photo.corners, half, 0), axis=1).sum() for half in (0, 2)]
        about = bool(off[1] < off[0])
        look = look_from(look_of(rectify(pixels, corners, folder.grid), folder.grid), folder.grid)
        first = seen.setdefault(photo.source_id, (look, about))
        if first[0] is not look:
            right.append(is_turned(look, first[0]) == (about != first[1]))
    assert len(right) == 54
    assert sum(right) >= 52
