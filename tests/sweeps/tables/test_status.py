"""What is done, what runs, what is left and for how long, from records and the commands' own files."""

import json
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

from choices import ROOT
from sweeps.records.journal import Command, Journal, commands_of, mark_job_done
from sweeps.records.run_record import hold
from sweeps.tables.status import print_status, progress
from tests.sweeps.made import add_run


def test_counts_and_time_to_go(tmp_path) -> None:
    add_run(tmp_path, 0.7, seed=0)
    add_run(tmp_path, 0.7, seed=1, status="failed", error="bad")
    live = add_run(tmp_path, 0.7, seed=2, status="running")
    add_run(tmp_path, 0.7, seed=3, status="running")
    journal = Journal(tmp_path, Command(["seed=0,1,2,3,4,5,6"], points=7))
    journal.begin()
    for run in ("a", "b"):
        mark_job_done(run)
    with hold(live):
        now = progress(tmp_path)
    assert now.counts == {"done": 1, "failed": 1, "running": 1, "interrupted": 1}
    assert now.left == 4  # of 7 two had their turn, one runs
    assert timedelta(seconds=56) <= now.to_go <= timedelta(seconds=60)  # 12 s each; the running one has just begun
    journal.end(through=True)
    assert progress(tmp_path).left == 0


def test_what_a_running_job_has_behind_it_is_not_to_go(tmp_path) -> None:
    add_run(tmp_path, 0.7, seed=0)
    live = add_run(tmp_path, 0.7, seed=1, status="running")
    begun = (datetime.now(UTC) - timedelta(seconds=9)).isoformat()
    record = json.loads((live / "record.json").read_text()) | {"updated": begun}
    (live / "record.json").write_text(json.dumps(record))
    with hold(live):
        assert timedelta(seconds=1) <= progress(tmp_path).to_go <= timedelta(seconds=3)


def test_seeds_that_one_process_trains_together_end_together(tmp_path) -> None:
    add_run(tmp_path, 0.7, seed=0)  # 12 s, its share of a stack
    lives = [add_run(tmp_path, 0.7, seed=seed, status="running") for seed in range(1, 11)]
    begun = (datetime.now(UTC) - timedelta(seconds=60)).isoformat()
    with ExitStack() as held:
        for live in lives:
            record = json.loads((live / "record.json").read_text()) | {"updated": begun, "together": 10}
            (live / "record.json").write_text(json.dumps(record))
            held.enter_context(hold(live))
        assert timedelta(seconds=57) <= progress(tmp_path).to_go <= timedelta(seconds=61)  # 120 s less 60


def test_a_killed_command_leaves_what_was_left(tmp_path, capsys) -> None:
    code = f"from sweeps.records.journal import *; import os; j = Journal(__import__('pathlib').Path({str(tmp_path)!r}), Command(['a=1,2,3'], points=3)); j.begin(); mark_job_done('x'); os._exit(9)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    (command,) = commands_of(tmp_path)
    assert (command.left, command.live, command.runs) == (2, False, ("x",))
    print_status(tmp_path)
    assert "the same command again goes on" in capsys.readouterr().out


def test_the_same_command_again_takes_the_place_of_the_first(tmp_path) -> None:
    first = Journal(tmp_path, Command(["a=1,2"], points=2))
    first.begin()
    mark_job_done("x")
    first.end(through=False)
    second = Journal(tmp_path, Command(["a=1,2"], points=2))
    assert second.before is not None
    assert second.before.runs == ("x",)
    second.begin()
    assert [command.runs for command in commands_of(tmp_path)] == [()]
    second.end(through=True)
    mark_job_done("after the end")
    assert [(command.runs, command.ended) for command in commands_of(tmp_path)] == [((), True)]


def test_a_second_process_with_the_same_command_leaves_the_file_alone(tmp_path) -> None:
    first = Journal(tmp_path, Command(["a=1,2"], points=2))
    first.begin()
    mark_job_done("x")
    second = Journal(tmp_path, Command(["a=1,2"], points=2))
    second.begin()
    second.end(through=True)
    (command,) = commands_of(tmp_path)
    assert (command.runs, command.live, command.ended) == (("x",), True, False)
    first.end(through=False)


def test_files_that_are_no_commands_are_passed_over(tmp_path) -> None:
    (tmp_path / "commands").mkdir()
    (tmp_path / "commands" / "x.json").write_text("{")
    assert list(commands_of(tmp_path)) == []
