"""`halving.*`: a grid whose points are stopped where others are ahead, as typed: killed, retyped, changed, dropped."""

import json

import pytest

from sweeps.records.run_record import find_runs
from tests.cases import first
from tests.commands.test_train import SMALL, record_of, run
from tests.warm import run_warm

EPOCHS = 5
WORDS = [
    *[word for word in SMALL if not word.startswith("trainer.")],
    f"trainer.max_epochs={EPOCHS}",
    "sweep_name=halved",
]
GRID = ["-m", *WORDS, "optimizer.lr=0.0000001,0.03,0.003", "fold=0,1"]
RULE = ["halving.reduction_factor=2", "halving.min_epochs=1"]


@pytest.mark.parametrize(
    ("words", "said"),
    first(1, [
        (["halving.within=[widht]", *RULE], "halving.within=[widht]: no setting is called widht; want names of settings, such as width, resolution or backbone"),
        (["halving.reduction_factor=1"], "halving.reduction_factor=1: want a whole number, 2 or more or null"),
        (["halving.min_epochs=4"], "halving.min_epochs=4: stops nothing by itself; want halving.reduction_factor beside it"),
        ([*RULE, "halving.min_epochs=5"], "halving.min_epochs=5: trainer.max_epochs=5 ends before anything is compared; want less than 5"),
        ([*RULE, "fit=all"], "halving.reduction_factor=2: fit=all has no validation set by which runs could be compared; want fit=fold, or null"),
        ([*RULE, "num_stacked_seeds=2"], "num_stacked_seeds=2: halving.reduction_factor ends runs at different epochs; want num_stacked_seeds=1, or seeds=2 for one run after another"),
    ]),
)  # fmt: skip
def test_a_rule_that_cannot_be_is_named(place, words, said):
    done = run(place, *WORDS, "sweep_name=wrong", *words, check=1)
    assert done.stderr.strip() == f"error: {said}"


@pytest.mark.slow
def test_a_search_has_pruners_of_its_own(place):
    done = run(place, "-m", "hydra/sweeper=optuna", *WORDS, "optimizer.lr=0.1,0.2", *RULE, check=2)
    assert done.stderr.startswith(
        "error: halving.reduction_factor=2: is for grids; want of a search hydra.sweeper.pruner="
    )


@pytest.fixture(scope="module")
def grid(place):
    """Three rates in two folds. The first changes batch norms alone, by the fourth epoch to more than one answer; the others swing."""
    return run(place, *GRID, *RULE, check=0)


def records(place):
    found = [record_of(folder) for folder in find_runs(place / "runs" / "halved")]
    return {(record["axes"]["fold"], record["config"]["optimizer"]["lr"]): record for record in found}


@pytest.mark.slow
def test_records_keep_what_was_stopped_when_and_by_which_comparison(place, grid):
    kept = records(place)
    stopped = {point: record for point, record in kept.items() if record["status"] == "pruned"}
    assert len(kept) == 6
    assert stopped
    assert {record["status"] for record in kept.values()} == {"done", "pruned"}
    for (fold, _), record in kept.items():
        (entry,) = record["halving"]
        fingerprint, figure = record["data"]["fingerprint"], "val/macro_f1"
        assert (entry["fingerprint"], entry["figure"], entry["max_epochs"]) == (fingerprint, figure, EPOCHS)
        assert len(record["history"]) == (entry["rungs"][-1]["epoch"] if record["status"] == "pruned" else EPOCHS)
        for rung in entry["rungs"]:
            assert rung["value"] == record["history"][rung["epoch"] - 1][figure]
            mates = [
                other for (where, _), other in kept.items() if where == fold and len(other["history"]) >= rung["epoch"]
            ]
            assert set(rung["ahead"].values()) <= {other["history"][rung["epoch"] - 1][figure] for other in mates}
            assert rung["of"] <= 3
    for command in ("status", "table"):
        done = run_warm("-m", "sweeps", command, place / "runs" / "halved")
        assert all(record["error"] in done.stdout for record in stopped.values())
    assert run_warm("-m", "sweeps", "report", place / "runs" / "halved").returncode == 0
    html = (place / "runs" / "halved" / "report.html").read_text()
    assert f"<p>{len(stopped)} were stopped before their last epoch; asked for" in html
    assert all(f"{record['history'][-1]['val/macro_f1']:.3f} is " in html for record in stopped.values())


@pytest.mark.slow
def test_the_same_command_again_trains_nothing(place, grid):
    before = records(place)
    assert run(place, *GRID, *RULE, check=0).stdout.startswith("all 6 points were done before")
    part = run(place, *[word for word in GRID if not word.startswith("fold")], "fold=0", *RULE, check=0)
    stopped = [record for (fold, _), record in before.items() if fold == 0 and record["status"] == "pruned"]
    assert part.stdout.count("stopped before, and goes on without halving.reduction_factor: pruned after") == len(
        stopped
    )
    assert records(place) == before


def stopped_folder(place):
    return next(one for one in find_runs(place / "runs" / "halved") if record_of(one)["status"] == "pruned")


@pytest.mark.slow
def test_killed_before_its_record_says_so_a_run_ends_where_it_was_stopped(place, grid):
    folder = stopped_folder(place)
    before = record_of(folder)
    running = {key: value for key, value in before.items() if key not in ("halving", "history", "error")}
    (folder / "record.json").write_text(json.dumps(running | {"status": "running"}))
    again = [f"optimizer.lr={before['config']['optimizer']['lr']}", f"fold={before['axes']['fold']}"]
    run(place, *WORDS, *RULE, *again, check=0)
    after = record_of(folder)
    assert (after["status"], after["error"], after["resumed"]) == ("pruned", before["error"], True)
    assert after["history"] == before["history"]
    assert after["halving"] == before["halving"]


@pytest.mark.slow
def test_without_the_rule_a_stopped_run_goes_on_to_the_figures_of_an_undisturbed_one(place, grid):
    folder = stopped_folder(place)
    before = record_of(folder)
    point = [f"optimizer.lr={before['config']['optimizer']['lr']}", f"fold={before['axes']['fold']}"]
    on = run(place, *WORDS, *point, check=0)
    assert f"goes on from there: {before['error']}" in on.stdout
    after = record_of(folder)
    run(place, *WORDS, *point, "sweep_name=undisturbed", check=0)
    (alone,) = find_runs(place / "runs" / "undisturbed")
    figures = [[one["val/macro_f1"] for one in record["history"]] for record in (after, record_of(alone))]
    assert (after["status"], figures[0]) == ("done", figures[1])
    assert after["halving"] == before["halving"]
    skipped = run(place, *WORDS, *RULE, *point, check=0)
    assert skipped.stdout.startswith("done before")


@pytest.mark.slow
def test_overwrite_trains_a_stopped_run_from_the_start(place, grid):
    folder = stopped_folder(place)
    before = record_of(folder)
    point = [f"optimizer.lr={before['config']['optimizer']['lr']}", f"fold={before['axes']['fold']}"]
    again = run(place, *WORDS, *RULE, *point, "overwrite=true", check=0)
    assert f"trained from the start: {before['error']}" in again.stdout
    after = record_of(folder)
    assert after["resumed"] is False
    assert after["halving"][0]["rungs"][0]["of"] == 3
