"""Which columns tell runs apart."""

import pandas as pd
import pytest

from sweeps.tables.naming import without_asked_weights


@pytest.mark.parametrize(
    ("asked", "started", "left"),
    [
        (["zoo", "none"], ["zoo", "random"], ["width"]),
        (["zoo", "own.pt"], ["file", "file"], ["width", "weights"]),  # what was asked says more
        (["zoo", "zoo"], ["zoo", "random"], ["width", "weights"]),
    ],
)
def test_the_weights_asked_for_are_left_out_where_what_a_run_started_from_says_as_much(asked, started, left) -> None:
    runs = pd.DataFrame({"width": [0.25, 0.5], "weights": asked, "initial_weights": started})
    assert without_asked_weights(["width", "weights"], runs) == left
