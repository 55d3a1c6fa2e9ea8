"""Successive halving: who is compared, who goes on, what is kept, and that a rung is judged once."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import optuna
import pytest

from sweeps.records.halving import Bracket, entered, reason, stopped_in
from sweeps.search.halving import PASSED, HalvingJudge, journal_of
from tests.warm import HERE

BRACKET = Bracket(3, 2, 30, "val/accuracy", "max", "abc", 0)


def epochs(*values):
    return [{"epoch": number, "val/accuracy": value} for number, value in enumerate(values)]


def trained(bracket, folder, run, values, *, anew=False):
    """As a training asks: after each epoch but the last; gives the epochs trained and why it ended."""
    judge = HalvingJudge.of_sweep(bracket, folder / run, anew=anew)
    for count in range(1, len(values) + 1):
        if count < bracket.max_epochs and (why := judge(epochs(*values[:count]))):
            return count, why, judge
    judge.finish(epochs(*values))
    return len(values), "", judge


def test_rungs_lie_a_factor_apart_and_none_at_the_end():
    assert BRACKET.rungs == (2, 6, 18)
    assert replace(BRACKET, max_epochs=18).rungs == (2, 6)
    assert replace(BRACKET, min_epochs=1, reduction_factor=2, max_epochs=9).rungs == (1, 2, 4, 8)


@pytest.mark.parametrize("direction", ["max", "min"])
def test_one_in_so_many_goes_on_as_the_paper_has_it(tmp_path, direction):
    """Algorithm 2 of the paper, `top_k(rung, |rung| / eta)` of those that have come to a rung, with the best one where that is none."""
    sign = 1 if direction == "max" else -1
    bracket = replace(BRACKET, direction=direction, max_epochs=12)
    rng, seen = np.random.default_rng(0), {2: [], 6: []}
    for number in range(20):
        values = list(np.cumsum(rng.random(12)) * sign)
        expected = 12
        for rung in (2, 6):
            seen[rung].append(values[rung - 1])
            best = sorted(seen[rung], key=lambda value: -sign * value)[: max(1, len(seen[rung]) // 3)]
            if values[rung - 1] not in best:
                expected = rung
                break
        assert trained(bracket, tmp_path, f"run{number}", values)[0] == expected
    assert len(seen[6]) < 12


def test_a_decision_says_what_it_was_compared_with(tmp_path):
    for number, value in enumerate((0.5, 0.9, 0.7)):
        trained(BRACKET, tmp_path, f"run{number}", [0.1, value, *[value] * 28])
    count, why, judge = trained(BRACKET, tmp_path, "last", [0.1, 0.6, 0.95])
    assert (count, why) == (
        2,
        "pruned after 2 epochs: val/accuracy 0.600 is 3rd of 4 then, 1 in 3 goes on (halving.reduction_factor=3 halving.min_epochs=2)",
    )
    assert judge.rungs == [
        {"epoch": 2, "value": 0.6, "rank": 3, "of": 4, "ahead": {"run1": 0.9, "run2": 0.7}, "stopped": True}
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"fingerprint": "fold 1"}, {"seed": 1}, {"max_epochs": 40}, {"within": (("width", 0.5),)}, {"min_epochs": 1},
        {"figure": "val/macro_f1"}, {"reduction_factor": 2},
    ],
)  # fmt: skip
def test_only_runs_of_one_bracket_are_compared(tmp_path, other):
    trained(BRACKET, tmp_path, "best", [0.9] * 30)
    values = [{"epoch": number, "val/accuracy": 0.2, "val/macro_f1": 0.2} for number in range(7)]
    assert not HalvingJudge.of_sweep(replace(BRACKET, **other), tmp_path / "poor")(values)
    assert HalvingJudge.of_sweep(BRACKET, tmp_path / "poor")(values)


def test_a_killed_run_goes_on_and_its_reports_count_once(tmp_path):
    for number in range(2):
        trained(BRACKET, tmp_path, f"run{number}", [0.3] * 30)
    HalvingJudge.of_sweep(BRACKET, tmp_path / "mine")(epochs(0.1, 0.9))
    journal_of.cache_clear()  # another process
    again = HalvingJudge.of_sweep(BRACKET, tmp_path / "mine")
    assert not again(epochs(0.1, 0.9, 0.9))
    assert [rung["of"] for rung in again.rungs] == [3]
    assert trained(BRACKET, tmp_path, "next", [0.1, 0.5])[2].rungs[0]["of"] == 4


def test_a_run_killed_once_it_was_stopped_is_stopped_again_without_an_epoch(tmp_path):
    trained(BRACKET, tmp_path, "best", [0.9] * 30)
    first = HalvingJudge.of_sweep(BRACKET, tmp_path / "poor")(epochs(0.1, 0.2))
    journal_of.cache_clear()
    again = HalvingJudge.of_sweep(BRACKET, tmp_path / "poor")
    assert again(epochs(0.1, 0.2)) == first != ""
    assert len(again.study.get_trials()) == 1


def test_a_rung_whose_decision_was_not_kept_is_judged_again(tmp_path):
    """Killed between what Optuna's pruner keeps and what the judge keeps of it."""
    trained(BRACKET, tmp_path, "best", [0.9] * 30)
    judge = HalvingJudge.of_sweep(BRACKET, tmp_path / "poor")
    trial = optuna.trial.Trial(judge.study, judge.id)
    trial.report(0.2, 2)
    trial.storage.set_trial_system_attr(judge.id, PASSED.format(0), 0.2)
    assert "0.200 is 2nd of 2" in judge(epochs(0.1, 0.2))


def test_a_run_that_is_trained_anew_counts_once(tmp_path):
    trained(BRACKET, tmp_path, "best", [0.9] * 30)
    trained(BRACKET, tmp_path, "poor", [0.1, 0.2])
    assert trained(BRACKET, tmp_path, "poor", [0.1, 0.2], anew=True)[2].rungs[0]["of"] == 2
    assert trained(BRACKET, tmp_path, "other", [0.1, 0.3])[2].rungs[0] == {
        "epoch": 2, "value": 0.3, "rank": 2, "of": 3, "ahead": {"best": 0.9}, "stopped": True,
    }  # fmt: skip


def test_a_run_that_was_finished_before_is_compared_with_and_never_stopped(tmp_path):
    for number in range(3):
        HalvingJudge.of_sweep(BRACKET, tmp_path / f"old{number}").finish(epochs(*[0.5 + number / 10] * 30))
    assert trained(BRACKET, tmp_path, "new", [0.1, 0.6])[1].startswith(
        "pruned after 2 epochs: val/accuracy 0.600 is 2nd of 4"
    )
    states = [one.state.name for one in HalvingJudge.of_sweep(BRACKET, tmp_path / "new").study.get_trials()]
    assert states == ["COMPLETE"] * 3


def test_a_run_that_was_stopped_and_finished_without_the_rule_counts_with_all_its_rungs(tmp_path):
    trained(BRACKET, tmp_path, "best", [0.9] * 30)
    _, _, judge = trained(BRACKET, tmp_path, "slow", [0.1, 0.2])
    judge.finish(epochs(0.1, 0.2, *[0.95] * 28))
    assert [(rung["epoch"], rung["rank"], rung["stopped"]) for rung in judge.rungs] == [
        (2, 2, False),
        (6, 1, False),
        (18, 1, False),
    ]
    assert trained(BRACKET, tmp_path, "next", [0.1, 0.91, 0.92, 0.92, 0.92, 0.92, 0.92])[2].rungs[1]["ahead"] == {
        "slow": 0.95
    }


def test_a_run_that_goes_on_later_is_judged_by_the_epoch_of_the_rung(tmp_path):
    trained(BRACKET, tmp_path, "fair", [0.1, 0.5, *[0.5] * 28])
    why = HalvingJudge.of_sweep(BRACKET, tmp_path / "late")(epochs(0.1, 0.2, 0.8, 0.9))
    assert why.startswith("pruned after 4 epochs: val/accuracy 0.200 after 2 is 2nd of 2 then")


def test_what_is_no_number_ends_and_ranks_nobody(tmp_path):
    count, why, _ = trained(BRACKET, tmp_path, "diverged", [0.1, float("nan"), 0.9])
    assert (count, why.split(" (")[0]) == (2, "pruned after 2 epochs: val/accuracy is no number")
    assert trained(BRACKET, tmp_path, "fine", [0.1, 0.2, 0.2, 0.2, 0.2, 0.2, 0.3])[2].rungs[0]["of"] == 1


def test_a_figure_that_no_epoch_has_is_named(tmp_path):
    with pytest.raises(
        ValueError, match=r"halving.reduction_factor=3: no epoch has val/accuracy.*; epochs have epoch, val/loss"
    ):
        HalvingJudge.of_sweep(BRACKET, tmp_path / "run")([{"epoch": 0, "val/loss": 1.0}] * 2)


def test_a_record_knows_which_rules_have_stopped_it(tmp_path):
    trained(BRACKET, tmp_path, "best", [0.9] * 30)
    _, why, judge = trained(BRACKET, tmp_path, "poor", [0.1, 0.2])
    other = replace(BRACKET, reduction_factor=4)
    record = {"status": "pruned", "error": why, "halving": entered({}, BRACKET.entry(judge.rungs))}
    record["halving"] = entered(record, other.entry([]))
    assert [one["bracket"] for one in record["halving"]] == [BRACKET.key, other.key]
    assert json.loads(json.dumps(record)) == record
    assert stopped_in(record, BRACKET)
    assert not stopped_in(record, other)
    assert not stopped_in(record | {"status": "done"}, BRACKET)
    assert len(entered(record, BRACKET.entry([]))) == 2


@pytest.mark.parametrize(
    ("rank", "said"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (11, "11th"), (22, "22nd"), (113, "113th")]
)
def test_ranks_are_read_as_people_say_them(rank, said):
    assert f" is {said} of " in reason({"epoch": 2, "value": 0.5, "rank": rank, "of": 200}, BRACKET, 2)


WORKER = """
import sys
from pathlib import Path
from sweeps.search.halving import HalvingJudge
from tests.sweeps.test_halving import BRACKET, trained
for number in range(20):
    value = (number * 7 + int(sys.argv[2]) * 3) % 20 / 20
    trained(BRACKET, Path(sys.argv[1]), f"run{sys.argv[2]}-{number}", [value] * 30)
"""


@pytest.mark.slow
def test_processes_at_once_count_every_run_once(tmp_path):
    lines = [[sys.executable, "-c", WORKER, str(tmp_path), str(number)] for number in range(3)]
    assert [one.wait(240) for one in [subprocess.Popen(line, cwd=HERE) for line in lines]] == [0, 0, 0]
    study = HalvingJudge.of_sweep(BRACKET, tmp_path / "one more").study
    first = [one.user_attrs["rungs"][0] for one in study.get_trials()]
    assert sorted(rung["of"] for rung in first) == list(range(1, 61))
