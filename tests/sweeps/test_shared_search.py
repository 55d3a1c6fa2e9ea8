"""Several processes on one study: trials are counted together, no point is trained twice, a killed one's point is another's."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import optuna
import pytest
from optuna.distributions import FloatDistribution, IntDistribution

from sweeps.records.run_record import find_runs
from sweeps.search.objectives import Objective
from sweeps.search.samplers import SAMPLERS
from sweeps.search.study import MOST_KILLS, Search
from tests.drawn import draw_screens
from tests.warm import HERE

SPACE = {"lr": FloatDistribution(1e-3, 1.0), "width": IntDistribution(1, 4)}
OBJECTIVES = [Objective("val/accuracy", "maximize")]
PROPOSES = """
import os, sys, time
from pathlib import Path
from tests.sweeps.test_shared_search import OBJECTIVES, SPACE, answer_of, search_in
folder, url, most, dies = Path(sys.argv[1]), sys.argv[2] or None, int(sys.argv[3]), sys.argv[4] == "dies"
search = search_in(folder, url)
while search.left(most) > 0:
    proposed = search.propose(most)
    if proposed is None:
        time.sleep(0.05)
        continue
    trial, point = proposed
    if dies:
        os.kill(os.getpid(), 9)
    time.sleep(0.02)
    print(point)
    search.answer(trial, answer_of(point))
search.close()
"""


def search_in(folder, url=None, **more):
    return Search(folder, SPACE, OBJECTIVES, seed=0, storage=url, **more)


def answer_of(point):
    return {"metrics": {"val/accuracy": 1 - abs(point["lr"] - 0.3) + 0.01 * point["width"]}}


def propose(folder, url, most, *, dies=False):
    line = [sys.executable, "-c", PROPOSES, str(folder), url or "", str(most), "dies" if dies else "lives"]
    return subprocess.Popen(
        line, cwd=HERE, stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )


@pytest.mark.parametrize("url", [None, pytest.param("sqlite", marks=pytest.mark.slow)])
def test_processes_share_a_study_and_take_over_from_a_killed_one(tmp_path, url) -> None:
    url = url and f"sqlite:///{tmp_path}/search.db"
    folder = tmp_path / "sweep"
    folder.mkdir()
    before = search_in(folder, url)  # sees the other work, and being killed
    killed = propose(folder, url, 12, dies=True)
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    (lost,) = before.running
    workers = [propose(folder, url, 12) for _ in range(2)]
    points = [line for one in workers for line in one.communicate(timeout=60)[0].splitlines()]
    assert [one.returncode for one in workers] == [0, 0]
    assert len(points) == len(set(points)) == len(before.answered) == 12
    assert str(dict(lost.params)) in points
    before.close()
    assert not list((folder / "workers").glob("*.lock"))


def test_one_that_lives_keeps_its_point_and_one_point_is_not_tried_for_ever(tmp_path) -> None:
    workers = [search_in(tmp_path) for _ in range(MOST_KILLS + 1)]
    _, point = workers[0].propose(1)
    for ended, other in pairwise(workers):
        assert other.propose(1) is None  # the only trial is being worked on
        ended.close()  # as its process's end would
        if other is not workers[-1]:
            assert other.propose(1)[1] == point
    assert workers[-1].propose(1) is None
    assert [trial.params for trial in workers[-1].given_up] == [point]
    assert workers[-1].left(1) == 0


def test_a_point_that_another_works_on_is_waited_for(tmp_path) -> None:
    space = {"width": IntDistribution(1, 1)}
    first, second = (Search(tmp_path, space, OBJECTIVES, seed=0) for _ in range(2))
    trial, point = first.propose(4)
    twin, again = second.propose(4)
    assert (again, [one.number for one in second.twins(twin)]) == (point, [trial.number])
    first.answer(trial, answer_of(point | {"lr": 0.1}))
    assert second.twins(twin) == []
    second.answer(twin, answer_of(again | {"lr": 0.1}))
    assert [one.number for one in second.best] == [trial.number]


def test_a_twin_whose_worker_was_killed_is_not_waited_for(tmp_path) -> None:
    space = {"width": IntDistribution(1, 1)}
    first, second = (Search(tmp_path, space, OBJECTIVES, seed=0) for _ in range(2))
    first.propose(4)
    twin, _ = second.propose(4)
    assert second.twins(twin)
    first.close()  # as its process's end would
    assert second.twins(twin) == []


@pytest.mark.parametrize(
    "sampler", [pytest.param(name, marks=[pytest.mark.slow] if name == "gp" else []) for name in SAMPLERS]
)
def test_every_sampler_is_seeded_and_takes_two_objectives(tmp_path, sampler) -> None:
    two = [*OBJECTIVES, Objective("int8:latency_ms_p50", "minimize")]
    tried = []
    for name, seed in (("one", 0), ("two", 0), ("other", 1)):
        search = Search(tmp_path / name, SPACE, two, seed=seed, sampler=sampler)
        for _ in range(8):
            trial, point = search.propose()
            timed = {"int8": {"latency": [{"latency_ms_p50": float(point["width"])}]}}
            search.answer(trial, answer_of(point) | {"exports": timed})
        tried.append([trial.params for trial in search.answered])
    assert tried[0] == tried[1] != tried[2]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sampler": "cma"}, "sampler=cma: want one of tpe, nsga2, gp, qmc, random"),
        ({"sampler": "gp", "budget": {"ms": 1.0, "kb": None}}, "sampler=gp: takes no constraints, .*want tpe"),
        ({"storage": "search.db"}, "storage=search.db: no URL; want sqlite:"),
        ({"storage": "sqlite:////nowhere/at/all.db"}, "storage=sqlite.*unable to open database file; want"),
        ({"storage": "nosql://me:secret@host/x"}, r"storage=nosql://me:\*\*\*@host/x: .*nosql"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path, settings, message) -> None:
    with pytest.raises(ValueError, match=message) as said:
        Search(tmp_path, SPACE, OBJECTIVES, seed=0, **settings)
    assert "secret" not in str(said.value)
    assert "\n" not in str(said.value)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_of_two_commands_one_of_whose_workers_is_killed_every_trial_is_answered_once(tmp_path) -> None:
    import psutil

    from tests.commands.test_train import SMALL, record_of

    draw_screens(tmp_path / "screens")
    line = [
        sys.executable, "train.py", "-m", "hydra/sweeper=optuna", "hydra.sweeper.trials=6", "hydra.sweeper.n_workers=2",
        "hydra.sweeper.objectives=[maximize val/accuracy]", "optimizer.lr=tag(log,interval(0.001,0.01))", *SMALL,
        f"paths.runs={tmp_path}/runs", f"paths.cache={tmp_path}/cache", f"datamodule.root={tmp_path}/screens",
        "sweep_name=shared",
    ]  # fmt: skip
    folder = tmp_path / "runs" / "shared"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    commands = [subprocess.Popen(line, cwd=HERE, env=environment, **pipes) for _ in range(2)]
    until = time.monotonic() + 200
    while not (begun := [path for path in find_runs(folder) if record_of(path)["status"] == "running"]):
        assert time.monotonic() < until
        time.sleep(0.05)
    workers = [child.pid for one in commands for child in psutil.Process(one.pid).children()]
    trial = record_of(begun[0])["config"]["trial"]
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(folder / "search.log")))
    name = optuna.load_study(storage=storage, study_name="search").trials[trial].user_attrs["worker"]
    (victim,) = [pid for pid in workers if f"-{pid}-" in name]
    os.kill(victim, signal.SIGKILL)
    said = [one.communicate(timeout=300) for one in commands]
    assert [one.returncode for one in commands] == [0, 0], said
    assert sum("note: a worker was ended by SIGKILL" in errors for _, errors in said) == 1
    records = [record_of(path) for path in find_runs(folder)]
    assert Counter(record["status"] for record in records) == {"done": 6}
    assert len({record["config"]["trial"] for record in records}) == 6
    assert not list(Path(folder / "workers").glob("*.lock"))
