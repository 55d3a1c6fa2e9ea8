"""Agreement against worked examples and independent formulas."""

import math

import numpy as np
import pytest

from annotation.agreement import agreement, alpha, kappa, lines, specific
from annotation.log import Statement
from annotation.state import State
from tests.annotation.made import NAMES, graded

NAN = float("nan")
KRIPPENDORFF = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
)
"""Krippendorff 2011, "Computing Krippendorff's alpha-reliability", example C: ordinal alpha 0.815."""


def test_alpha_of_the_published_example():
    assert alpha(KRIPPENDORFF) == pytest.approx(0.815, abs=5e-4)


def test_kappa_by_its_definition():
    rng = np.random.default_rng(0)
    one = rng.integers(0, 5, 200)
    other = np.clip(one + rng.integers(-1, 2, 200), 0, 4)
    observed = np.zeros((5, 5))
    np.add.at(observed, (one, other), 1 / 200)
    expected = np.outer(observed.sum(1), observed.sum(0))
    weights = (np.arange(5)[:, None] - np.arange(5)) ** 2
    wanted = 1 - (weights * observed).sum() / (weights * expected).sum()
    assert kappa(one.astype(float), other.astype(float), 5) == pytest.approx(wanted)


def test_who_always_says_the_same_agrees_fully_without_a_warning():
    same = np.zeros((2, 30))
    assert kappa(same[0], same[1], 5) == 1.0
    assert alpha(same) == 1.0


def test_without_two_ratings_of_a_cell_there_is_no_alpha():
    assert math.isnan(alpha(np.array([[1.0, NAN], [NAN, 2.0]])))
    assert math.isnan(alpha(np.empty((0, 0))))


def test_specific_agreement_counts_both_ways():
    given = np.array([[0, 0, 1, 1, 3], [0, 1, 1, 2, NAN]], float)
    shares = specific(given, 5)
    assert shares[:3] == pytest.approx([2 / 3, 2 / 4, 0])
    assert math.isnan(shares[3])
    assert math.isnan(shares[4])


def test_figures_of_a_folder():
    state = State()
    grades = {(0, 0): "0", (0, 1): "1", (0, 2): "3", (1, 0): "unusable"}
    state.apply(graded("a.png", grades))
    state.apply(graded("a.png", {(0, 0): "0", (0, 1): "2", (1, 0): "4"}, who="bob"))
    state.apply(graded("b.png", {(0, 0): "2"}, who="bob"))
    found = agreement(state, 5)
    assert found.voters == [("anna", 1), ("bob", 1)]
    ((one, other, cells, _, alike),) = found.pairs
    assert (one, other, cells, alike) == (("anna", 1), ("bob", 1), 2, 0.5)
    assert found.per_voter == [(("anna", 1), 1, 1.0), (("bob", 1), 1, 1.0)], "open disagreements say nothing of anybody"
    state.apply(graded("a.png", {(0, 1): "2"}, who="cleo"))
    assert {voter[0]: share for voter, _, share in agreement(state, 5).per_voter} == {
        "anna": 0.5,
        "bob": 1,
        "cleo": 1,
    }
    state.apply([Statement("x", 1, "a.png", "unusable", "1")])
    assert agreement(state, 5).pairs == []
    text = lines(found, NAMES)
    assert text[1].startswith("anna, round 1 / bob, round 1: kappa ")
    assert text[1].endswith("(quadratic), alike 50.0% of 2 cells")


def test_one_annotator_alone():
    state = State()
    state.apply(graded("a.png", {(0, 0): "0"}))
    assert lines(agreement(state, 5), NAMES) == ["no cell has been graded twice yet"]
