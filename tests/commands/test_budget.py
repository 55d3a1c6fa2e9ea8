"""`budget.*`: what a network's file would cost is known before a training, and decides whether there is one."""

import json
from dataclasses import replace

import pytest

from sweeps.records.latency_table import add_timings, read_table, table_file
from sweeps.records.run_record import find_runs
from tests.cases import first
from tests.commands.test_train import SMALL, record_of, run
from tests.warm import run_plain, run_warm

GRID = ["-m", *[word for word in SMALL if not word.startswith("width")], "trainer.max_epochs=1", "sweep_name=grid"]
WIDTHS = "width=0.25,1.0"


@pytest.mark.parametrize(
    ("words", "said"),
    first(1, [
        (["budget.ms=5", "budget.format=int7"], "budget.format=int7: want one of dynamic, float16, float32, int8, int8_io, int8_plain"),
        (["budget.kb=5", "budget.device=Pixel 7"], "budget.device=Pixel 7: nothing is bounded by it; want budget.ms beside it"),
        (["budget.ms=-1"], "budget.ms=-1.0: want a number above 0 or null"),
    ]),
)  # fmt: skip
def test_a_budget_that_cannot_be_is_named(place, words, said):
    done = run(place, *SMALL, "sweep_name=wrong", *words, check=1)
    assert done.stderr.strip() == f"error: {said}"


@pytest.fixture(scope="module")
def grid(place):
    """Two widths with two seeds each, of which one width is too large."""
    return run(place, *GRID, WIDTHS, "seeds=2", "budget.kb=1000", "budget.ms=1000", check=0)


def runs_of(place):
    return {
        (record["axes"]["width"], record["axes"]["seed"]): record
        for record in map(record_of, find_runs(place / "runs" / "grid"))
    }


@pytest.mark.slow
def test_points_over_budget_are_recorded_with_the_reason_and_not_trained(place, grid):
    assert "budget: 2 of 4 points are over it" in grid.stdout
    runs = runs_of(place)
    assert {point: record["status"] for point, record in runs.items()} == {
        (0.25, 0): "done", (0.25, 1): "done", (1, 0): "over budget", (1, 1): "over budget",
    }  # fmt: skip
    large, small = runs[1, 0], runs[0.25, 0]
    assert large["error"] == f"int8 would take {large['budget']['size_kb']:,.0f} kB (budget.kb=1000)"
    assert "history" not in large
    assert 0 < small["budget"]["latency_ms"] < large["budget"]["latency_ms"]
    for command, where in (("status", "stdout"), ("table", "stdout")):
        done = run_warm("-m", "sweeps", command, place / "runs" / "grid")
        assert large["error"] in getattr(done, where)


@pytest.mark.slow
def test_seeds_share_a_measurement(place, grid):
    assert len(read_table(place / "cache")) == 2
    assert len(json.loads((place / "cache" / "untrained.json").read_text())) == 2


@pytest.mark.slow
def test_the_same_grid_measures_nothing_again_and_a_raised_bound_trains(place, grid):
    before = table_file(place / "cache").read_text()
    again = run(place, *GRID, WIDTHS, "seeds=2", "budget.kb=1000", "budget.ms=1000", check=0)
    assert again.stdout.startswith("all 4 points were done before")
    lower = run(place, *GRID, WIDTHS, "seed=0", "budget.kb=10", check=0)
    assert "budget: 2 of 2 points are over it" in lower.stdout
    assert runs_of(place)[0.25, 0]["status"] == "done"
    run(place, *GRID, "width=1.0", "seed=0,1", "budget.kb=5000", check=0)
    assert {record["status"] for record in runs_of(place).values()} == {"done"}
    assert table_file(place / "cache").read_text() == before


@pytest.mark.slow
def test_a_single_run_over_budget_is_refused_in_one_line(place, grid):
    words = [word for word in GRID if word != "-m"]
    done = run(place, *words, "width=0.5", "budget.kb=10", start=run_plain, check=1)
    assert done.stderr.startswith("error: over budget, not trained: int8 would take ")
    assert done.stderr.count("\n") == 1
    assert runs_of(place)[0.5, 0]["status"] == "over budget"


def test_a_phone_of_which_nothing_is_known_is_refused_before_any_data_are_read(place):
    nowhere = f"datamodule.root={place}/nothing-there"
    done = run(place, nowhere, "budget.ms=5", "budget.device=Pixel 8", check=1)
    assert done.stderr.startswith("error: budget.device=Pixel 8: no time of this network's int8 file there is known")
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_phone_that_was_never_asked_is_no_host(place, grid):
    done = run(place, *GRID, WIDTHS, "seed=0", "budget.ms=5", "budget.device=Pixel 7", check=2)
    assert done.stderr.startswith("error: budget.device=Pixel 7: no time of this network's int8 file there is known")
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_phone_is_answered_from_what_was_timed_there(place, grid):
    cache = place / "cache"
    rows = [replace(one, device="Pixel 7", ms=10 * one.ms, weights="trained") for one in read_table(cache)]
    add_timings(cache, rows)
    words = [word.replace("sweep_name=grid", "sweep_name=phone") for word in GRID]
    run(
        place,
        *words,
        WIDTHS,
        "seed=0",
        f"budget.ms={min(one.ms for one in rows) / 2}",
        "budget.device=Pixel 7",
        check=0,
    )
    records = [record_of(folder) for folder in find_runs(place / "runs" / "phone")]
    assert [record["status"] for record in records] == ["over budget", "over budget"]
    assert {record["budget"]["latency_ms"] for record in records} == {one.ms for one in rows}
    assert all("on Pixel 7 (budget.ms=" in record["error"] for record in records)


@pytest.mark.slow
def test_a_search_counts_trained_points(place):
    search = ["hydra/sweeper=optuna", "hydra.sweeper.trials=2", "hydra.sweeper.objectives=[maximize val/accuracy]"]
    words = [word.replace("sweep_name=grid", "sweep_name=search") for word in GRID]
    done = run(place, *words, *search, "width=0.25,0.5,0.75,1.0", "budget.kb=1000", check=0)
    records = [record_of(folder) for folder in find_runs(place / "runs" / "search")]
    assert {record["status"] for record in records if record["axes"]["width"] > 0.5} <= {"over budget"}
    assert "2 were within" in done.stdout or "budget:" not in done.stdout
