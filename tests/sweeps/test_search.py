"""A search learns from records, goes on where it was stopped, and tells no run twice."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection

from metrics.lookup import metrics_of
from sweeps.records.run_record import RecordError
from sweeps.search.distributions import distribution
from sweeps.search.judge import Judge
from sweeps.search.objectives import Objective
from sweeps.search.study import Search

SPACE = {"width": CategoricalDistribution(["0.25", "0.5", "1.0"]), "lr": FloatDistribution(1e-4, 1e-1, log=True)}
OBJECTIVES = [Objective("val/accuracy", "maximize"), Objective("int8:latency_ms_p50", "minimize")]


def record(point):
    accuracy = 0.5 + 0.3 * float(point["width"]) - abs(point["lr"] - 0.01)
    latency = [{"device": "x", "latency_ms_p50": 4 * float(point["width"])}]
    return {"metrics": {"val/accuracy": accuracy}, "exports": {"int8": {"val/accuracy": 0.4, "latency": latency}}}


def go_on(search, until):
    while len(search.answered) < until:
        trial, point = search.propose()
        search.answer(trial, record(point))


def test_the_best_are_the_front_of_what_was_tried(tmp_path) -> None:
    search = Search(tmp_path, SPACE, OBJECTIVES, seed=0)
    go_on(search, 30)
    tried = [(trial.values[1], -trial.values[0]) for trial in search.answered]
    best = [(trial.values[1], -trial.values[0]) for trial in search.best]
    assert best == sorted(best)
    for cost, loss in best:
        assert not any(c <= cost and v <= loss and (c, v) != (cost, loss) for c, v in tried)
    assert {trial.params["width"] for trial in search.best} == {"0.25", "0.5", "1.0"}


def test_a_search_finds_a_better_rate_than_its_first_draws(tmp_path) -> None:
    search = Search(tmp_path, {"lr": SPACE["lr"]}, [Objective("val/accuracy", "maximize")], seed=1)
    while len(search.answered) < 40:
        trial, point = search.propose()
        search.answer(trial, record(point | {"width": "0.5"}))
    distance = [abs(trial.params["lr"] - 0.01) for trial in search.answered]
    assert min(distance[5:]) < 0.5 * min(distance[:5])


def test_it_goes_on_where_it_was_stopped(tmp_path) -> None:
    first = Search(tmp_path, SPACE, OBJECTIVES, seed=0)
    go_on(first, 4)
    _, begun = first.propose()
    first.close()  # and then the power fails
    second = Search(tmp_path, SPACE, OBJECTIVES, seed=0)
    assert len(second.answered) == 4
    trial, again = second.propose()
    assert again == begun
    second.answer(trial, record(again))
    assert len(Search(tmp_path, SPACE, OBJECTIVES, seed=0).answered) == 5


def test_stopped_or_not_it_tries_the_same_points(tmp_path) -> None:
    whole = Search(tmp_path / "whole", SPACE, OBJECTIVES, seed=3)
    go_on(whole, 14)
    for until in (2, 5, 9, 14):
        go_on(Search(tmp_path / "stopped", SPACE, OBJECTIVES, seed=3), until)
    stopped = Search(tmp_path / "stopped", SPACE, OBJECTIVES, seed=3)
    points = [[tuple(trial.params.items()) for trial in search.answered] for search in (whole, stopped)]
    assert points[0] == points[1]
    assert len(set(points[0])) == 14


def test_a_failed_run_counts_and_is_never_best(tmp_path) -> None:
    search = Search(tmp_path, SPACE, OBJECTIVES, seed=0)
    trial, _ = search.propose()
    search.answer(trial, None)
    assert len(search.answered) == 1
    assert search.best == []


@pytest.mark.parametrize(
    ("figure", "value"), [("val/accuracy", 0.64), ("int8:val/accuracy", 0.4), ("int8:latency_ms_p50", 2.0)]
)
def test_figures_are_found(figure, value) -> None:
    assert Objective(figure, "maximize").value(record({"width": "0.5", "lr": 0.02})) == pytest.approx(value)


@pytest.mark.parametrize("figure", ["val/acuracy", "float16:latency_ms_p50", "int8:latency"])
def test_a_missing_figure_is_named(figure) -> None:
    with pytest.raises(RecordError, match=f"objective {figure}: the run's record has no such figure"):
        Objective(figure, "maximize").value(record({"width": "0.5", "lr": 0.02}))


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("width=0.25,0.5", CategoricalDistribution(["0.25", "0.5"])),
        ("backbone=choice(mobilenet,mobilenetv2)", CategoricalDistribution(["mobilenet", "mobilenetv2"])),
        ("seed=range(0,3)", IntDistribution(0, 2)),
        ("resolution=range(96,193,32)", IntDistribution(96, 192, step=32)),
        ("resolution=range(160,95,-32)", IntDistribution(96, 160, step=32)),
        ("width=range(0.1,0.5,0.1)", FloatDistribution(0.1, 0.4, step=0.1)),
        ("batch_size=tag(log,range(2,65))", IntDistribution(2, 64, log=True)),
        ("width=interval(1,2)", FloatDistribution(1.0, 2.0)),
        ("batch_size=int(interval(8,32))", IntDistribution(8, 32)),
        ("optimizer.lr=tag(log,interval(0.001,0.1))", FloatDistribution(0.001, 0.1, log=True)),
    ],
)
def test_overrides_become_distributions(words, wanted) -> None:
    assert distribution(OverridesParser.create().parse_override(words)) == wanted


def test_an_interval_of_a_whole_number_is_ordered_and_whole() -> None:
    words = OverridesParser.create().parse_override("resolution=tag(log,interval(96,192))")
    assert distribution(words, whole=True) == IntDistribution(96, 192, log=True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("encoding=glob(*)", r"encoding=glob\(\*\): want values"),
        ("width=tag(log,choice(1,2))", "want interval"),
        ("resolution=tag(log,range(96,192,32))", "step"),
        ("resolution=range(96,96)", "an empty range"),
        ("optimizer.lr=tag(log,interval(0,1))", "low"),
    ],
)
def test_what_cannot_be_searched_is_named(words, message) -> None:
    with pytest.raises(HydraException, match=message):
        distribution(OverridesParser.create().parse_override(words))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_killed_search_ends_with_as_many_runs_as_asked(tmp_path) -> None:
    from tests.commands.test_train import HERE, SMALL
    from tests.drawn import draw_screens

    draw_screens(tmp_path / "screens")
    words = [word for word in SMALL if not word.startswith(("width", "trainer.max_epochs"))]
    line = [
        sys.executable, "train.py", "-m", "hydra/sweeper=optuna", "hydra.sweeper.trials=4", "width=0.25,0.5",
        "optimizer.lr=tag(log,interval(0.001,0.01))", *words, "trainer.max_epochs=2", "export=all",
        "quantization=[float32,int8]", f"paths.runs={tmp_path}/runs", f"paths.cache={tmp_path}/cache",
        f"datamodule.root={tmp_path}/screens", "sweep_name=search",
    ]  # fmt: skip
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    first = subprocess.Popen(line, cwd=HERE, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    folder = Path(tmp_path / "runs" / "search")
    while first.poll() is None and len(list(folder.glob("*/export/int8.tflite"))) < 2:
        pass
    first.kill()
    first.wait()
    done = subprocess.run(line, cwd=HERE, env=environment, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "best: val/macro_f1" in done.stdout
    assert (
        len(
            Search(
                folder,
                {
                    "width": CategoricalDistribution(["0.25", "0.5"]),
                    "optimizer.lr": FloatDistribution(0.001, 0.01, log=True),
                },
                [Objective("val/macro_f1", "maximize"), OBJECTIVES[1]],
                0,
            ).answered
        )
        == 4
    )
    assert len(list(folder.glob("*/record.json"))) == 4
    again = subprocess.run(line, cwd=HERE, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert again.stdout.startswith("best: ")


def accuracies(point):
    """Of five epochs: a good rate is better from the first one on."""
    return [0.2 + 0.1 * epoch - abs(point["lr"] - 0.01) for epoch in range(5)]


def test_a_pruner_ends_the_worse_half_and_keeps_the_best(tmp_path) -> None:
    search = Search(
        tmp_path, {"lr": SPACE["lr"]}, OBJECTIVES[:1], seed=0, pruner={"name": "MedianPruner", "n_startup_trials": 4}
    )
    epochs, reasons = [], []
    while len(search.answered) < 25:
        trial, point = search.propose()
        judge, history, reason = Judge(tmp_path, trial.number), [], ""
        for epoch, accuracy in enumerate(accuracies(point)):
            history.append({"epoch": epoch, "val/accuracy": accuracy})
            reason = judge(history)
            if reason:
                break
        epochs.append(len(history))
        reasons.append(reason)
        search.answer(
            trial, {"status": "pruned"} if reason else {"metrics": {"val/accuracy": history[-1]["val/accuracy"]}}
        )
    assert epochs[:4] == [5] * 4
    assert 0 < sum(count < 5 for count in epochs) < 21
    assert all(reason.startswith("pruned after epoch ") for reason in reasons if reason)
    (best,) = search.best
    assert abs(best.params["lr"] - 0.01) == min(abs(trial.params["lr"] - 0.01) for trial in search.answered)


@pytest.mark.parametrize(
    ("pruner", "objectives", "message"),
    [
        ({"name": "MedianPruner"}, OBJECTIVES, "goes with one objective, these are 2"),
        ({"name": "MedianPruner"}, OBJECTIVES[1:], "int8:latency_ms_p50 is known at the end only"),
        ({"name": "Median"}, OBJECTIVES[:1], r"pruner.name=Median: want one of .*MedianPruner"),
        ({"name": "MedianPruner", "warmup": 1}, OBJECTIVES[:1], "unexpected keyword argument 'warmup'"),
    ],
)
def test_a_pruner_that_cannot_judge_is_refused(tmp_path, pruner, objectives, message) -> None:
    with pytest.raises(ValueError, match=message):
        Search(tmp_path, SPACE, objectives, seed=0, pruner=pruner)


def test_an_objective_that_no_epoch_has_is_named(tmp_path) -> None:
    search = Search(tmp_path, SPACE, [Objective("test/accuracy", "maximize")], seed=0, pruner={"name": "MedianPruner"})
    trial, _ = search.propose()
    with pytest.raises(ValueError, match="objective test/accuracy: no epoch has it"):
        Judge(tmp_path, trial.number)([{"epoch": 0, "val/accuracy": 0.5}])


@pytest.mark.parametrize("words", ["val/accuracy", "maximise val/accuracy", "minimize "])
def test_an_objective_says_which_way(words) -> None:
    with pytest.raises(ValueError, match="want maximize or minimize and a figure"):
        Objective.parse(words)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_pruned_job_says_so_and_goes_on_when_asked_for(place) -> None:
    from sweeps.records.run_record import Status, find_runs
    from tests.commands.test_train import SMALL, record_of, run

    words = [*SMALL, "trainer.max_epochs=3", "schedule=constant"]
    search = [
        "hydra/sweeper=optuna", "hydra.sweeper.objectives=[maximize val/accuracy]", "hydra.sweeper.trials=4",
        "hydra.sweeper.pruner={name: ThresholdPruner, lower: 0.99}", "sweep_name=pruned",
        "optimizer.lr=tag(log,interval(0.00001,0.0001))",
    ]  # fmt: skip
    run(place, "-m", *words, *search, check=0)
    folders = find_runs(place / "runs" / "pruned")
    records = [record_of(folder) for folder in folders]
    assert [record["status"] for record in records] == [Status.PRUNED] * 4
    assert all(len(record["history"]) == 1 for record in records)
    assert all("pruned after epoch 1: val/accuracy 0." in record["error"] for record in records)
    rate = records[0]["config"]["optimizer"]["lr"]
    run(place, *words, "sweep_name=pruned", f"optimizer.lr={rate}", check=0)
    assert (record_of(folders[0])["status"], record_of(folders[0])["resumed"]) == (Status.DONE, True)
    assert [epoch["epoch"] for epoch in record_of(folders[0])["history"]] == [0, 1, 2]


def test_another_search_in_the_same_folder_is_refused(tmp_path) -> None:
    fixed = {"fixed settings": {}, "data": "4567"}
    go_on(Search(tmp_path, SPACE, OBJECTIVES, seed=0, fixed=fixed), 2)
    for space, objectives, changed, other in (
        (SPACE, OBJECTIVES[:1], {}, "objectives"),
        ({"lr": SPACE["lr"]}, OBJECTIVES, {}, "choices"),
        (SPACE, OBJECTIVES, {"fixed settings": {"trainer.max_epochs": "50"}}, "fixed settings"),
        (SPACE, OBJECTIVES, {"data": "0123"}, "data"),
    ):
        with pytest.raises(ValueError, match=f"holds a search of other {other}; give this one a sweep_name of its own"):
            Search(tmp_path, space, objectives, seed=0, fixed=fixed | changed)
    assert len(Search(tmp_path, SPACE, OBJECTIVES, seed=0).answered) == 2


def costed(point, most_kb):
    size = {"0.25": 300.0, "0.5": 900.0, "1.0": 3500.0}[point["width"]]
    budget = {"format": "int8", "device": "x", "latency_ms": None, "size_kb": size, "most_ms": None, "most_kb": most_kb}
    over = size > most_kb
    return record(point) | {
        "budget": budget,
        "status": "over budget" if over else "done",
        "error": "too large" if over else "",
    }


BUDGET = {"ms": None, "kb": 1000.0, "format": "int8", "device": "host"}


def test_points_over_budget_are_broken_constraints_and_no_trials(tmp_path) -> None:
    search = Search(tmp_path, SPACE, OBJECTIVES, seed=0, budget=BUDGET)
    proposed = []
    while len(search.answered) < 25:
        trial, point = search.propose()
        proposed.append(point["width"])
        search.answer(trial, costed(point, 1000.0))
    over = search.over_budget
    assert over
    assert {trial.params["width"] for trial in over} == {"1.0"}
    assert {tuple(trial.constraints.items()) for trial in over} == {(("kb", 2.5),)}
    assert {trial.params["width"] for trial in search.answered} == {"0.25", "0.5"}
    assert len(proposed) == len(over) + 25
    early, late = proposed[:8].count("1.0") / 8, proposed[-12:].count("1.0") / 12
    assert late <= early  # it learns where the budget ends
    assert {trial.params["width"] for trial in search.best} <= {"0.25", "0.5"}


def test_a_search_with_another_budget_wants_a_folder_of_its_own(tmp_path) -> None:
    search = Search(tmp_path, SPACE, OBJECTIVES, seed=0, budget=BUDGET)
    trial, point = search.propose()
    search.answer(trial, costed(point, 4000.0))
    with pytest.raises(ValueError, match="a search of other budget"):
        Search(tmp_path, SPACE, OBJECTIVES, seed=0, budget=BUDGET | {"kb": 500.0})


def test_what_an_earlier_version_knew_less_of_goes_on(tmp_path) -> None:
    search = Search(tmp_path, SPACE, OBJECTIVES, seed=0)
    go_on(search, 1)
    asked = search.study.user_attrs["asked"]
    search.study.set_user_attr("asked", {"space": asked["choices"], "objectives": asked["objectives"]})
    assert len(Search(tmp_path, SPACE, OBJECTIVES, seed=0, fixed={"data": "0123"}).answered) == 1


def test_a_search_without_an_answer_makes_way_unless_somebody_works_on_it(tmp_path) -> None:
    first = Search(tmp_path, SPACE, OBJECTIVES[:1], seed=0)
    _, point = first.propose()
    with pytest.raises(ValueError, match="other objectives"):
        Search(tmp_path, SPACE, OBJECTIVES, seed=0)
    first.close()
    second = Search(tmp_path, SPACE, OBJECTIVES, seed=0)
    assert second.study.directions == [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE]
    assert second.propose()[1] == point


@pytest.mark.parametrize(
    ("words", "kinds", "message"),
    [
        ("minimize int8:latency_ms_p50", [], "no files are made; export=all with quantization=int8 makes that one"),
        (
            "minimize int4:size_bytes",
            ["int8", "float32"],
            "the files are float32, int8; export=all with quantization=int4",
        ),
        ("maximize val/acuracy", [], "no such figure; did you mean val/accuracy?"),
        ("maximize int8:val/macro_f", ["int8"], "no such figure; did you mean val/macro_f1?"),
    ],
)
def test_what_no_run_will_have_is_refused_before_any(words, kinds, message) -> None:
    with pytest.raises(ValueError, match=f"hydra.sweeper.objectives: {re.escape(words)}: {re.escape(message)}"):
        Objective.parse(words).check(metrics_of("grading"), kinds)


@pytest.mark.parametrize(
    "words",
    ["maximize val/accuracy_top10_mean", "minimize weights", "maximize int8:val/macro_f1", "maximize val/best/loss"],
)
def test_what_a_run_may_have_is_taken(words) -> None:
    Objective.parse(words).check(metrics_of("grading"), ["int8"])


def test_a_search_says_before_the_first_training_what_it_lacks(place) -> None:
    from tests.commands.test_train import SMALL, run

    told = run(place, "-m", *SMALL, "hydra/sweeper=optuna", "width=0.25,0.5", "sweep_name=lacking", check=2)
    assert "minimize int8:latency_ms_p50: no files are made; export=all" in told.stderr
    assert not list((place / "runs" / "lacking").glob("*/record.json"))
