"""What a wrong grade costs: matrices that are refused, the expected cost by hand, grades of least expected cost."""

import numpy as np
import pytest

from metrics.cost import Cost, CostedGrading, CostError, least_cost
from metrics.intervals import bootstrap_interval

SHORT = "{missed_damage: 10, false_alarm: 1}"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("[[0, 1], [1]]", "row 2 has 1 numbers and there are 2 rows; want a square"),
        ("[[0, 1], [-1, 0]]", "row 2: -1; want numbers of at least 0"),
        ("[[0, .inf], [1, 0]]", "row 1: inf; want numbers of at least 0"),
        ("[[0, a], [1, 0]]", "row 1: a; want numbers of at least 0"),
        ("[[0, true], [1, 0]]", "row 1: True; want numbers of at least 0"),
        ("[[1, 0], [1, 0]]", "row 1: the right answer costs 1 and a wrong one 0; want it the least of its row"),
        ("5", "cost=5: want a list of rows"),
        ("[]", "want a list of rows"),
        ("[[0, 1", "no YAML; want a list of rows"),
        ("{missed: 3}", "missed: no such mistake; want missed_damage, false_alarm, wrong_grade"),
        ("{missed_damage: -3}", "missed_damage: -3; want a number of at least 0"),
        ("{missed_damage: 0}", "nothing costs anything"),
        ("{}", "nothing costs anything"),
    ],
)
def test_costs_that_cannot_be_are_named(value, message):
    with pytest.raises(CostError) as error:
        Cost.read(value)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_the_short_form_is_a_matrix():
    assert Cost.read(SHORT).matrix(3).tolist() == [[0, 1, 1], [10, 0, 0], [10, 0, 0]]
    assert Cost.read({"wrong_grade": 2}).matrix(3).tolist() == [[0, 0, 0], [0, 0, 2], [0, 2, 0]]
    whole = Cost.read("[[0, 1, 2], [5, 1, 1], [9, 3, 0]]")
    assert whole.matrix(3).tolist() == [[0, 1, 2], [5, 1, 1], [9, 3, 0]]
    with pytest.raises(CostError, match="3 x 3; want 5 x 5"):
        whole.matrix(5)


def test_the_expected_cost_is_that_of_the_confusion_matrix():
    metrics = CostedGrading(Cost.read(SHORT), 3)
    labels, grades = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 1, 0, 0, 2, 2])
    assert metrics.figures["cost"](labels, grades) == pytest.approx((1 + 10) / 6)
    confusion = np.zeros((3, 3), int)
    np.add.at(confusion, (labels, grades), 1)
    assert metrics.derived({"val/confusion": confusion.tolist(), "val/accuracy": 1}) == {
        "val/cost": pytest.approx(11 / 6)
    }
    with pytest.raises(CostError, match="for 3 grades, a run has 5"):
        metrics.derived({"val/confusion": np.eye(5).tolist()})
    sources = np.array(["a", "a", "b", "b", "c", "c"])
    low, high = bootstrap_interval(labels, grades, sources, {"cost": metrics.figures["cost"]})["cost"]
    slow = {"cost": metrics.figures["cost"].figure}  # draw by draw
    assert (low, high) == pytest.approx(bootstrap_interval(labels, grades, sources, slow)["cost"])
    assert low < 11 / 6 < high
    assert metrics.direction_of("val/cost") == "min"
    assert metrics.template.is_file()


def test_least_expected_cost_looks_twice_where_missing_is_dear():
    shares = np.array([[0.95, 0.03, 0.02], [0.85, 0.1, 0.05], [0.2, 0.5, 0.3], [0.0, 0.4, 0.6]])
    matrix = Cost.read("{missed_damage: 10, false_alarm: 1, wrong_grade: 1}").matrix(3)
    assert least_cost(shares, matrix).tolist() == [0, 1, 1, 2]
    by_hand = [
        min(range(3), key=lambda given, row=row: sum(row[true] * matrix[true, given] for true in range(3)))
        for row in shares
    ]
    assert least_cost(shares, matrix).tolist() == by_hand
    alike = 1 - np.eye(3)
    assert least_cost(shares, alike).tolist() == shares.argmax(axis=1).tolist()
