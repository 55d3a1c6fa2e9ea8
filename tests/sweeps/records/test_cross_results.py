"""Tables of what was trained on one data set and tested on another."""

import pandas as pd
import pytest

from sweeps.records.cross_results import tables


def row(trained, tested, mae, **about):
    begun = {
        "run": "r",
        "seed": 0,
        "fold": 0,
        "initial_weights": "imagenet",
        "task": "regression",
        "backbone": "mobilenet",
        "backbone.weights": "auto",
    }
    return {"trained_on": trained, "tested_on": tested} | begun | about | {"part": "test", "images": 9, "mae": mae}


def test_seeds_are_averaged_and_a_choice_that_some_runs_never_made_is_not_named():
    rows = [row("a", "a", 1.0), row("a", "a", 3.0, seed=1), row("a", "b", 5.0)]
    rows += [row("b", "b", 7.0, **{"backbone.weights": None})]
    first, second = tables(pd.DataFrame(rows))
    assert first["name"] == "mobilenet, auto"
    assert second["name"] == "mobilenet"
    (line,) = first["lines"]
    assert first["tested_on"] == ["a", "b"]
    assert [cell["value"] for cell in line["cells"]] == [2.0, 5.0]
    assert [cell["runs"] for cell in line["cells"]] == [2, 1]
    assert line["cells"][0]["half"] == pytest.approx(12.706 * 2**0.5 / 2**0.5, rel=1e-3)
