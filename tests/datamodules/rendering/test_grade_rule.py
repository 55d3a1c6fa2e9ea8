"""A shop's own rule: the same phones, other grades."""

import numpy as np
import pytest

from datamodules.base.errors import DataError
from datamodules.rendering.grade_rule import GradeRule
from datamodules.rendering.planning import plan_devices


def test_the_renderers_own_rule_is_what_the_plan_says_and_a_stricter_one_only_raises() -> None:
    plans = plan_devices(24, 24, 1)
    strict = GradeRule(major_scratches=0.16, major_cracks=0.15)
    for plan in plans:
        usual = GradeRule().grades(plan.damage)
        assert (usual == plan.grades).all()
        moved = strict.grades(plan.damage)
        raised = moved != usual
        assert np.isin(usual[raised], (1, 3)).all()
        assert (moved[raised] == usual[raised] + 1).all()
    counts = [
        np.bincount(np.concatenate([rule.grades(one.damage).ravel() for one in plans]), minlength=5)
        for rule in (GradeRule(), strict)
    ]
    assert counts[0][0] == counts[1][0]
    assert counts[1][2] > counts[0][2]
    assert counts[1][4] > counts[0][4]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"major": 1}, "datamodule.rule.major: no such limit; want major_scratches or major_cracks"),
        ({"major_cracks": 1.5}, "datamodule.rule.major_cracks=1.5: want a number from 0 to 1"),
        ({"major_scratches": "long"}, "datamodule.rule.major_scratches=long: want a number from 0.04 to 4"),
        ({"major_scratches": float("nan")}, "datamodule.rule.major_scratches=nan: want a number from 0.04 to 4"),
        (0.3, "datamodule.rule=0.3: want limits by name, such as {major_cracks: 0.2}"),
    ],
)
def test_a_wrong_rule_is_named(given, words) -> None:
    with pytest.raises(DataError) as error:
        GradeRule.of(given, "datamodule.rule")
    assert str(error.value) == words


def test_a_set_is_named_after_its_rule_where_it_is_not_the_renderers() -> None:
    assert GradeRule.of({"major_cracks": None}, "rule").suffix == ""
    assert GradeRule(major_scratches=0.16, major_cracks=0.15).suffix == "-scratches0.16-cracks0.15"
