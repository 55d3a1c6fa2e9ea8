"""Rendered phones beside real ones, from the command line to files, answers and the cross table."""

import pytest

from sweeps.records.cross_results import read
from sweeps.records.run_record import find_runs
from tests.commands.test_train import SMALL, record_of, run
from tests.warm import run_warm

pytestmark = pytest.mark.slow

RENDERED = ["datamodule.rendered.devices=6", "datamodule.rendered.photos=6", "datamodule.val_folds=0"]


@pytest.fixture(scope="module")
def mixed(place):
    """Two finished runs: on both kinds of phones, and on rendered ones alone."""
    words = [word for word in SMALL if not word.startswith(("datamodule=", "datamodule.val_folds"))]
    given = [*words, *RENDERED, "datamodule=mixed_screens", f"datamodule.folder={place}/data", "sweep_name=mixed"]
    run(place, "-m", *given, "datamodule.real=0,1.0", "export=all", "quantization=[float32]", check=0)
    runs = {record_of(folder)["config"]["datamodule"]["real"]: folder for folder in find_runs(place / "runs" / "mixed")}
    return runs[0], runs[1.0]


def test_real_phones_are_what_is_measured(mixed):
    alone, both = (record_of(folder) for folder in mixed)
    assert sum(alone["data"]["cells"]["test"]) == 90  # every real cell
    assert sum(alone["data"]["cells"]["train"]) + sum(alone["data"]["cells"]["val"]) == 90  # every rendered one
    assert sum(both["data"]["cells"]["train"]) == 60 + 90
    assert sum(both["data"]["cells"]["val"]) == 30
    assert "test/accuracy" in alone["metrics"]
    assert "test/accuracy" not in both["metrics"]


def test_files_are_made_and_answer(mixed, place):
    for folder in mixed:
        entry = record_of(folder)["exports"]["float32"]
        assert entry["agreement"] == 1
        assert entry["val/accuracy"] == record_of(folder)["metrics"]["val/accuracy"]
        done = run(place, f"run={folder}", f"input={place}/screens", script="predict.py", check=0)
        assert "90 graded" in done.stdout


def test_a_network_crosses_over_what_it_has_not_seen(mixed, place):
    sweep = mixed[0].parent
    done = run_warm("-m", "pipelines", "cross", f"folder={sweep}")
    assert done.returncode == 0, done.stderr
    rows = read(sweep)
    seen = rows[["trained_on", "tested_on", "images"]].to_dict("records")
    assert len(seen) == 4
    # all rendered phones and four of six real ones were trained on, the others chose the epoch
    (there,) = [
        one["images"]
        for one in seen
        if one["trained_on"].startswith("real=1") and one["tested_on"].startswith("real=0")
    ]
    assert there == 0


@pytest.fixture(scope="module")
def painted(place):
    """A finished run on real phones and copies of them with painted damage."""
    words = [word for word in SMALL if not word.startswith("datamodule=")]
    given = [*words, "datamodule=painted_screens", f"datamodule.folder={place}/data", "datamodule.damaged=1"]
    done = run(place, *given, "sweep_name=painted", "export=all", "quantization=[float32]", check=0)
    assert done.stdout.count("\n") <= 3
    (folder,) = find_runs(place / "runs" / "painted")
    return folder


def test_copies_are_trained_on_and_real_phones_measured(painted, place):
    record = record_of(painted)
    cells = {part: sum(counts) for part, counts in record["data"]["cells"].items()}
    assert (cells["val"], cells["test"]) == (30, 30)
    assert 30 < cells["train"] <= 60  # a copy's cell that nobody can grade takes part in nothing
    assert len(list((place / "data").glob("painted_screens-*/photos/*.jpg"))) == 6
    assert record["exports"]["float32"]["agreement"] == 1


def test_a_network_of_painted_phones_grades_photos(painted, place):
    done = run(place, f"run={painted}", f"input={place}/screens", script="predict.py", check=0)
    assert "90 graded" in done.stdout


def test_a_painted_run_of_another_fold_is_no_start(painted, place):
    words = ["datamodule.fold=1", f"backbone.weights={painted}", "sweep_name=after"]
    done = run(place, *SMALL, *words, check=1)
    assert "was trained with datamodule.fold=0, here it is 1" in done.stderr


def test_painted_cells_may_teach_their_kind_alone(painted, place):
    words = [word for word in SMALL if not word.startswith("datamodule=")]
    given = [*words, "datamodule=painted_screens", f"datamodule.folder={place}/data", "datamodule.damaged=1"]
    run(place, *given, "datamodule.severity=false", "sweep_name=kinds", check=0)
    (folder,) = find_runs(place / "runs" / "kinds")
    record, graded = record_of(folder), record_of(painted)
    assert record["data"]["fingerprint"] != graded["data"]["fingerprint"]
    assert record["data"]["cells"] == graded["data"]["cells"]
    # the same start and the same draws: the first epoch differs by what the painted cells teach
    assert abs(record["history"][0]["train/loss"] - graded["history"][0]["train/loss"]) > 1e-4
