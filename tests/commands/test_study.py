"""The study as a person starts it: its commands in order, and a very small one for real."""

import subprocess
import sys
import threading
import time

import pytest

from pipelines.study import waited
from sweeps.records.journal import Command, Journal, mark_job_done
from sweeps.records.run_record import hold
from tests.commands.test_train import HERE, SMALL, record_of
from tests.drawn import draw_screens
from tests.sweeps.made import add_run


def study(*words, check=0, timeout=280):
    done = subprocess.run(
        [sys.executable, "-m", "pipelines", "study", *words],
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == check, done.stdout + done.stderr
    return done


def test_the_order_of_the_stages(tmp_path):
    mine = draw_screens(tmp_path / "mine")
    lines = study(
        "dry_run=true", "study=full", "finalists=['width=0.5','width=1.0']", f"photos={mine}"
    ).stdout.splitlines()
    sweeps = [word.partition("=")[2] for line in lines for word in line.split() if word.startswith("+sweep=")]
    assert sweeps == [
        "stage1_mobilenet", "stage1_mobilenetv2", "stage1_efficientnet",
        *(stage for stage in ("stage2_augmentation", "stage2_imbalance", "stage2_encoding", "post_training", "combined")
          for _ in range(2)),
        "beyond",
    ]  # fmt: skip
    assert lines[3] == "finalists: width=0.5; width=1.0"
    assert sum(f"datamodule.root={mine}" in line and "fold=0,1,2,3,4" in line for line in lines) == 2


def test_photos_are_read_before_anything_begins(tmp_path):
    words = [f"paths.runs={tmp_path}/runs", "study=full"]
    done = study(*words, f"photos={tmp_path}/tpyo", check=1)
    assert f"error: photos={tmp_path}/tpyo: " in done.stderr
    assert "train.py" not in done.stdout
    few = draw_screens(tmp_path / "few", sources=3)
    assert f"photos={few}: 3 different source_id in it; want 5" in study(*words, f"photos={few}", check=1).stderr


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("study=small", "study=small: no such choice; want one of full, reduced"),
        ("finalist=x", "finalist: no such key; did"),
    ],
)
def test_wrong_words_are_named(word, message):
    assert message in study(word, check=2).stderr


def test_it_waits_for_the_jobs_of_its_own_grids_alone(tmp_path):
    ours, later = add_run(tmp_path, 0.7, seed=0), add_run(tmp_path, 0.7, seed=1)
    journal = Journal(tmp_path, Command(["width=0.5", "seed=0"], points=1))
    journal.begin()
    mark_job_done(ours.name)
    journal.end(through=True)
    lines = [["seed=0", "width=0.5"]]
    with hold(later):  # a neighbour is ahead
        assert not waited(tmp_path, lines)
        held = hold(ours)
        held.__enter__()
        began = time.monotonic()
        threading.Timer(0.3, held.__exit__, (None, None, None)).start()
        assert waited(tmp_path, lines, every=0.01)
        assert 0.3 <= time.monotonic() - began < 5


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_small_study_goes_through_and_does_nothing_the_second_time(tmp_path):
    draw_screens(tmp_path / "screens")
    common = [*SMALL[:-1], "trainer.max_epochs=1", f"datamodule.root={tmp_path}/screens"]
    common = [word for word in common if not word.startswith(("width=", "resolution="))]
    words = [
        "study.common=[]", f"common={common!r}".replace(" ", ""), "study.most_finalists=1", "study.sweep_name=tiny",
        "study.screen=[[width='0.25,0.5',resolution=32,augmentation=none]]", "study.seeds=1", f"paths.runs={tmp_path}/runs",
        f"paths.cache={tmp_path}/cache",
    ]  # fmt: skip
    words[4] = "study.screen=[['width=0.25,0.5','resolution=32','augmentation=none']]"
    first = study(*words, timeout=900)
    runs = [record_of(path.parent) for path in (tmp_path / "runs" / "tiny").glob("*/record.json")]
    assert len(runs) == 2 + 2 + 2 + 1 + 1
    assert {run["status"] for run in runs} == {"done"}
    assert "report.html" in first.stdout.splitlines()[-1]
    again = study(*words, timeout=300)
    assert again.stdout.count("were done before") == 6
