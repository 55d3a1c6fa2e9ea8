"""From a trained network through the station and a person's corrections to a better one, by commands alone."""

import json
import os
import subprocess
import sys

import pytest

from annotation.photos import Photos
from annotation.store import Book
from choices import read_choice
from datamodules.screens.grid import Grid
from pipelines.retrain import words_of
from station.graded_folder import GradedFolder
from sweeps.records.run_record import find_runs
from tests.commands.test_train import HERE, SMALL, record_of, run
from tests.drawn import draw_screens

NAMES = read_choice("profile", "phone")["class_names"]


def command(place, *words, check=0):
    line = [sys.executable, "-m", *words]
    done = subprocess.run(
        line, cwd=HERE, capture_output=True, text=True, check=False, env=os.environ | {"GRIDLITE_CACHE": str(place / "cache")}
    )  # fmt: skip
    assert done.returncode == check, done.stderr
    return done


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_corrections_train_the_next_network(tmp_path):
    draw_screens(tmp_path / "screens", sources=4)
    draw_screens(tmp_path / "new", sources=3, seed=5)
    run(tmp_path, "-m", *SMALL, "fold=0,1,2", "sweep_name=first", "export=all", "quantization=[float32,int8]", check=0)
    first = next(one for one in find_runs(tmp_path / "runs" / "first") if record_of(one)["axes"]["fold"] == 0)
    for photos in (tmp_path / "screens" / "photos").iterdir():
        assert not photos.name.startswith("new")
    for file in (tmp_path / "new" / "photos").iterdir():
        file.rename(file.with_name(f"new_{file.name}"))
    for table in ("photos.csv", "cells.csv"):
        text = (tmp_path / "new" / table).read_text()
        (tmp_path / "new" / table).write_text(text.replace("screen", "new_screen").replace("phone", "new_phone"))
    graded = tmp_path / "graded"
    command(tmp_path, "station", "grade", f"photos={tmp_path / 'new'}", f"run={first}", f"output={graded}", "jobs=1")

    folder = GradedFolder(graded)
    truth = [line.split(",") for line in (tmp_path / "new" / "cells.csv").read_text().splitlines()[1:]]
    grade = {(photo, int(row), int(col)): int(label) for photo, row, col, label in truth}
    photos = []
    for photo, result in folder.results.items():
        cells = [
            {"row": cell["row"], "col": cell["col"], "label": NAMES[grade[photo, cell["row"], cell["col"]]], "before": cell["label"]}
            for cell in result["cells"] if NAMES[grade[photo, cell["row"], cell["col"]]] != cell["label"]
        ]  # fmt: skip
        photos.append({"photo": photo, "confirmed": True, "cells": cells})
    made = {"graded_by": folder.settings.by, "annotator": "Ada", "time": "2026-11-30T02:43:30Z", "photos": photos}
    (graded / "corrections.json").write_text(json.dumps(made))
    data = tmp_path / "screens"
    assert "3 photos" in command(tmp_path, "pipelines", "collect", f"graded={graded}", f"data={data}", "most=0").stdout
    book = Book(Photos(data), NAMES, Grid(3, 5, folder.grid.cell_px), writes=False)
    assert all(book.state[photo].label((row, col)) == str(label) for (photo, row, col), label in grade.items())

    words = [f"run={first}", f"data={data}", f"paths.runs={tmp_path / 'runs'}", f"paths.cache={tmp_path / 'cache'}"]
    said = command(tmp_path, "pipelines", "retrain", *words)
    assert "labels: 7 photos of 7 devices, 105 cells; before 4, 4, 60" in said.stdout
    (sweep,) = [one for one in (tmp_path / "runs").iterdir() if one.name.startswith("first-")]
    found = json.loads((sweep / "retraining.json").read_text())
    new, known = found["parts"]
    assert (new["cells"], new["devices"], known["cells"], known["devices"]) == (45, 3, 60, 4)
    right = [
        cell["label"] == NAMES[grade[photo, cell["row"], cell["col"]]]
        for photo, one in folder.results.items()
        for cell in one["cells"]
    ]
    assert new["figures"]["accuracy"]["before"] == pytest.approx(sum(right) / len(right))
    assert "What the new labels changed" in (sweep / "report.html").read_text()
    whole = [record_of(one) for one in find_runs(sweep) if record_of(one)["config"]["fit"] == "all"]
    assert [one["expected"]["sources"] for one in whole] == [7]  # not the four of the earlier folds


def test_what_cannot_be_retrained_is_said(tmp_path):
    said = command(
        tmp_path, "pipelines", "retrain", f"run={HERE / 'zoo' / 'mobilenet_0.25'}", f"data={tmp_path}", check=1
    )
    assert "a run on datamodule=synthetic_screens" in said.stderr
    assert f"python train.py datamodule=phone_photos datamodule.root={tmp_path}" in said.stderr
    assert said.stderr.count("\n") == 1


def test_a_recipe_from_a_grid_under_halving_is_trained_to_its_end():
    typed = ["width=0.5", "halving.reduction_factor=3", "halving.within=[width]", "fold=1"]
    assert words_of({"overrides": typed}) == ["width=0.5"]
