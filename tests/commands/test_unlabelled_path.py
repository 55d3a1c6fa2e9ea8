"""Pictures without labels, as they are typed: learned from, kept out of what is measured, refused in one line."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from sweeps.records.run_record import find_runs
from tests.cases import first
from tests.commands.test_train import SMALL, record_of, run
from tests.drawn import draw_screens
from tests.warm import run_warm


def unlabelled(root, sources, seed):
    """Photos of phones of their own, with corners and without labels."""
    draw_screens(root, sources=sources, seed=seed)
    (root / "cells.csv").unlink()
    listed = pd.read_csv(root / "photos.csv")
    listed.assign(source_id=[f"other{at}" for at in range(sources)]).to_csv(root / "photos.csv", index=False)
    return root


def only(place, sweep):
    (folder,) = find_runs(place / "runs" / sweep)
    return folder


@pytest.fixture(scope="module")
def teacher(place):
    more, copies = unlabelled(place / "more", 4, seed=11), draw_screens(place / "copies", sources=6)
    listed = pd.read_csv(copies / "photos.csv")  # the labelled photos themselves, as if they were of other phones
    listed["source_id"], names = "stranger", listed.photo
    listed["photo"] = "again/" + names
    shutil.copytree(copies / "photos", more / "photos" / "again")
    pd.concat([pd.read_csv(more / "photos.csv"), listed]).to_csv(more / "photos.csv", index=False)
    run(place, *SMALL, "sweep_name=teacher", check=0)
    return only(place, "teacher")


@pytest.fixture(scope="module")
def student(place, teacher):
    words = [*SMALL, "method=distillation", f"method.teacher={teacher}", f"task.unlabelled={place}/more"]
    return run(place, *words, "sweep_name=student", check=0), only(place, "student"), words


def test_what_is_learned_and_what_is_left_out_is_told(student):
    done, folder, _ = student
    (line,) = [line for line in done.stderr.splitlines() if "task.unlabelled" in line]
    assert line.startswith(
        "note: task.unlabelled: learns from 6 photos of phones (90 cells) without labels; left out: 4 that look like"
    )
    found = record_of(folder)["unlabelled"]
    assert (found["pictures"], found["samples"]) == (6, 90)
    assert record_of(folder)["axes"]["task.unlabelled"] == "more"
    assert len(record_of(folder)["config"]["method"]["unlabelled_sha256"]) == 16


@pytest.mark.slow
def test_other_content_is_another_run_and_the_same_is_none(place, student):
    _, folder, words = student
    assert "done before" in run(place, *words, "sweep_name=student", check=0).stdout
    moved = shutil.copytree(place / "more", place / "moved")
    same = [word.replace(f"{place}/more", str(moved)) for word in words]
    assert "done before" in run(place, *same, "sweep_name=student", check=0).stdout
    shutil.copy(moved / "photos" / "screen0.png", moved / "photos" / "screen9.png")
    run(place, *same, "sweep_name=student", check=0)
    others = [one for one in find_runs(place / "runs" / "student") if one != folder]
    assert [record_of(one)["config_hash"] != record_of(folder)["config_hash"] for one in others] == [True]


@pytest.mark.slow
def test_an_interrupted_student_goes_on_and_its_files_and_answers_are_there(place, student):
    _, folder, words = student
    before = record_of(folder)
    (folder / "record.json").write_text(json.dumps(before | {"status": "running"}))
    run(place, *words, "sweep_name=student", check=0)
    after = record_of(folder)
    assert after["resumed"]
    assert after["unlabelled"] == before["unlabelled"]
    assert after["metrics"]["test/accuracy"] == before["metrics"]["test/accuracy"]
    made = run_warm("-m", "export", f"run={folder}", "quantization=[float32,int8]", "latency.host.runs=3", env={})
    assert made.returncode == 0, made.stderr
    words = [f"run={folder}", f"input={place}/more", f"output={place}/out.csv"]
    run(place, *words, script="predict.py", check=0)
    assert len(pd.read_csv(place / "out.csv")) == 150


@pytest.fixture(scope="module")
def easy(tmp_path_factory):
    """Two labelled photos to learn from, forty without labels, and a teacher that knows the strokes."""
    place = tmp_path_factory.mktemp("easy")
    draw_screens(place / "screens", sources=6)
    draw_screens(place / "large", sources=30, seed=5)
    unlabelled(place / "more", 40, seed=11)
    words = [*SMALL, "augmentation=none", "backbone=thin", "optimizer.lr=0.01"]
    words = [word for word in words if not word.startswith("width") and not word.startswith("trainer")]
    run(place, *words, f"datamodule.root={place}/large", "trainer.max_epochs=25", "sweep_name=teacher", check=0)
    return place, words, only(place, "teacher")


def answers(place, folder):
    table = place / f"{folder.parent.name}.csv"
    run(place, f"run={folder}", f"input={place}/more", f"output={table}", script="predict.py", check=0)
    return pd.read_csv(table).filter(like="p_").to_numpy()


@pytest.mark.slow
@pytest.mark.parametrize("method", ["distillation", "pseudo_labels"])
def test_a_student_comes_nearer_to_its_teacher_and_gets_better_by_pictures_without_labels(easy, method):
    place, words, teacher = easy
    assert record_of(teacher)["metrics"]["test/accuracy"] > 0.9
    taught = ["method=distillation", f"method.teacher={teacher}", "method.loss=kl", "method.soft_share=0.5"]
    run(place, *words, *taught, "trainer.max_epochs=6", "sweep_name=without", check=0)
    told = (
        taught
        if method == "distillation"
        else ["method=pseudo_labels", f"method.teacher={teacher}", "method.precision=0.9"]
    )
    run(place, *words, *told, f"task.unlabelled={place}/more", "trainer.max_epochs=6", f"sweep_name={method}", check=0)
    without, learned = only(place, "without"), only(place, method)
    wanted = answers(place, teacher)
    apart = [np.abs(answers(place, one) - wanted).sum(axis=1).mean() for one in (without, learned)]
    assert apart[1] < 0.7 * apart[0]
    assert record_of(learned)["metrics"]["test/accuracy"] > record_of(without)["metrics"]["test/accuracy"] + 0.1
    if method == "pseudo_labels":
        found = record_of(learned)["pseudo_labels"]
        assert found["val_accuracy"] >= 0.9
        assert found["count"] == sum(found["per_class"]) > 300


@pytest.mark.parametrize(
    ("words", "wanted"),
    first(
        2,
        [
            (["task.unlabelled={place}/more"], "method=supervised learns from labels alone; want method=distillation or pseudo_labels"),
            (["method=pseudo_labels", "method.teacher={teacher}"], "method=pseudo_labels: task.unlabelled=null: want the folder"),
            (["method=distillation", "method.teacher={teacher}", "task.unlabelled={place}/nowhere"], "nowhere: no such folder"),
            (["method=distillation", "task.unlabelled={place}/more"], "method.teacher=null: want the folder of a trained run"),
            (["method=pseudo_labels", "method.teacher={teacher}", "task.unlabelled={place}/more", "method.precision=0.999"],
             "method.precision=0.999: no threshold reaches it on the validation set; the best, "),
            (["method=pseudo_labels", "method.teacher={teacher}", "task.unlabelled={place}/more", "method.threshold=0.99999"],
             "method.threshold=1.000: of none of 90 pictures without labels the teacher is so sure"),
            (["method=pseudo_labels", "method.teacher={teacher}", "task.unlabelled={place}/more", "method.threshold=2"], "method.threshold=2: want"),
            (["method=distillation", "method.teacher={teacher}", "task.unlabelled={place}/copies/photos"], "copies/photos: nothing in it may be learned"),
        ],
    ),
)  # fmt: skip
def test_what_is_wrong_is_one_line(place, teacher, words, wanted):
    given = [word.format(place=place, teacher=teacher) for word in words]
    done = run(place, *SMALL, *given, "sweep_name=wrong", check=1)
    assert wanted in done.stderr
    assert [line.startswith("error: ") for line in done.stderr.splitlines() if not line.startswith("note: ")] == [True]


@pytest.mark.slow
def test_other_tasks_say_that_they_have_no_such_setting(place):
    done = run(place, "task=segmentation", "method=distillation", f"task.unlabelled={place}/more", check=2)
    assert "task.unlabelled: no such key" in done.stderr
    done = run(place, "task=regression", "method=pseudo_labels", check=1)
    assert (
        "method=pseudo_labels: task=regression learns from no pictures without labels; want task=grading" in done.stderr
    )
