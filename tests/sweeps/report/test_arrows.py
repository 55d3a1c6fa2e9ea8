"""Before and after of each pair of runs that differ in one choice."""

import pandas as pd
import pytest

from sweeps.analysis.main_effects import main_effects
from sweeps.report.arrows import MOST, WIDTH, draw_arrows


def test_an_arrow_leads_from_the_one_choice_to_the_other() -> None:
    runs = pd.DataFrame(
        {"width": [0.25, 0.25, 0.5, 0.5], "augmentation": ["none", "heavy"] * 2, "val/accuracy": [0.6, 0.8, 0.7, 0.65]}
    )
    (wide,) = main_effects(runs, ["width", "augmentation"], "val/accuracy")[:1]
    assert sorted(wide.changes) == [(0.6, 0.7), (0.8, 0.65)]
    (drawn,), low, high = draw_arrows([wide])
    assert (low, high) == (0.6, 0.8)
    (_, start, end, rose), (_, falls_from, falls_to, rises) = drawn.lines
    assert rose
    assert not rises
    assert start == 4
    assert end == pytest.approx(4 + (WIDTH - 8) / 2)
    assert falls_from == pytest.approx(WIDTH - 4)
    assert falls_to < falls_from
    assert drawn.tip == "0.600 → 0.700\n0.800 → 0.650"


def test_of_many_pairs_some_are_drawn_and_equal_figures_have_a_place() -> None:
    runs = pd.DataFrame(
        {"width": [0.25, 0.5] * 20, "resolution": [place for place in range(20) for _ in range(2)], "val/accuracy": 0.5}
    )
    effects = main_effects(runs, ["width", "resolution"], "val/accuracy")
    drawn, low, high = draw_arrows(effects[:1])
    assert (low, high, len(drawn[0].lines)) == (0.5, 0.5, MOST)
    assert drawn[0].tip.endswith("and 8 more")
