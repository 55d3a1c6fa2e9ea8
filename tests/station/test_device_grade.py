"""From cells to a device's grade, and a photographed phone as a command."""

import json
import shutil

import cv2
import numpy as np
import pytest

from choices import read_choice
from datamodules.base.errors import DataError
from datamodules.base.pixels import resize
from datamodules.images.decoding import decode
from datamodules.screens.device_rules import read_rules
from datamodules.screens.grid import Grid, cell_outlines, cut_cells
from datamodules.screens.photo_folder import read_photo_folder
from station.device_grade import GradingError, device_grade
from station.photo_grader import grade_photo
from station.picture import LONGEST, PANEL, colour_of
from sweeps.analysis.recommendation import advised_kind
from sweeps.records.run_record import find_runs, read_record
from tasks.grading_files import GradeModel
from tests.trained import copy_of, grading
from tests.warm import HERE, run_plain, run_warm

LABELS = ["no damage", "minor scratches", "major scratches", "minor cracks", "major cracks"]
PHOTOS = HERE.parent / "shared" / "data" / "phone_photos" / "photos"
RULES = read_choice("profile", "phone")["rules"]


@pytest.mark.parametrize(
    ("cells", "grade"),
    [
        ([0] * 15, "like new"), ([1] + [0] * 14, "worn"), ([2] + [0] * 14, "worn"), ([2, 2] + [0] * 13, "scratched"),
        ([3] + [1] * 14, "cracked"), ([4] + [0] * 14, "cracked"), ([4, 4] + [0] * 13, "replace the screen"),
    ],
)  # fmt: skip
def test_the_first_rule_that_holds_gives_the_grade(cells, grade):
    assert device_grade([LABELS[one] for one in cells], read_rules(RULES, LABELS)).grade == grade


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ([{"grade": "x", "cells": 1}], "rule 1: of: .*want grade, cells"),
        ([{"grade": "x", "cells": "many", "of": []}], "rule 1: cells: .*want"),
        (
            [{"grade": "x", "cells": 0, "of": []}, {"grade": "y", "cells": 1, "of": ["dents"]}],
            "rule 2: of=dents: the labels are no damage",
        ),
        (["x"], "rule 1: "),
    ],
)
def test_rules_that_cannot_be_followed_are_named(rules, message):
    with pytest.raises(DataError, match=message):
        read_rules(rules, LABELS)


def test_without_a_last_rule_it_says_so():
    with pytest.raises(GradingError, match="no rule holds; end with one that wants 0 cells"):
        device_grade(["no damage"], read_rules([{"grade": "x", "cells": 1, "of": ["major cracks"]}], LABELS))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return copy_of(tmp_path_factory, grading)[0]


@pytest.fixture(scope="module")
def folder(place):
    return find_runs(place / "runs" / "grid")[0]


@pytest.fixture(scope="module")
def photo(place):
    """The first drawn photo and its corners."""
    screens = read_photo_folder(place / "screens", Grid(3, 5, 64), 5)
    return screens.files[0], screens.photos[0].corners


def grade(*words, start=run_warm, check=0):
    done = start("-m", "station", "grade", *words)
    assert done.returncode == check, done.stdout + done.stderr
    return done


def test_given_corners_are_graded_as_the_data_set_is_cut(folder, photo):
    path, corners = photo
    found = grade_photo(path, folder / "export" / "float32.tflite", RULES, corners.ravel().tolist())
    cells = [resize(cell, (32, 32)) for cell in cut_cells(decode(path), corners, Grid(3, 5, 64))]
    grades, probabilities = GradeModel((folder / "export" / "float32.tflite").read_bytes()).grade(cells)
    assert [cell["grade"] for cell in found["cells"]] == grades.tolist()
    assert [(cell["row"], cell["col"]) for cell in found["cells"]] == [
        (row, col) for row in range(5) for col in range(3)
    ]
    np.testing.assert_allclose(
        [list(cell["probabilities"].values()) for cell in found["cells"]], probabilities, atol=1e-5
    )
    assert 0 < found["seconds"] < 3


def test_the_command_prints_a_grid_and_writes_the_json(folder, photo, tmp_path):
    path, corners = photo
    words = [
        f"photo={path}",
        f"run={folder}",
        f"corners={corners.ravel().round(1).tolist()}",
        f"json={tmp_path}/out.json",
    ]
    done = grade(*words, start=run_plain)
    assert done.stderr == ""
    note, *grid, last, _ = done.stdout.splitlines()
    assert note.startswith("note: cannot be told from 2 sources whether it is better than its baseline (always ")
    assert len(grid) == 5
    found = json.loads((tmp_path / "out.json").read_text())
    assert last.startswith(found["grade"])
    assert found["file"].endswith(f"{advised_kind(read_record(folder))}.tflite")
    assert len(found["cells"]) == 15


def test_the_picture_colours_each_cell_by_its_grade(folder, photo, tmp_path):
    path, corners = photo
    drawn = tmp_path / "graded.png"
    done = grade(f"photo={path}", f"run={folder}", f"corners={corners.ravel().round(1).tolist()}", f"json={tmp_path}/out.json",
                 f"picture={drawn}")  # fmt: skip
    assert f"picture: {drawn}" in done.stdout
    found = json.loads((tmp_path / "out.json").read_text())
    before, after = decode(path).astype(float), decode(drawn).astype(float)
    scale = LONGEST / max(before.shape[:2])
    assert after.shape[1] == round(before.shape[1] * scale) + PANEL
    before = cv2.resize(before, (round(before.shape[1] * scale), round(before.shape[0] * scale)))
    for cell, outline in zip(found["cells"], cell_outlines(corners, Grid(3, 5, 64)), strict=True):
        inner = np.round((0.85 * outline + 0.15 * outline.mean(axis=0)) * scale).astype(int)
        x, y = inner[0]
        wanted = np.array(colour_of(cell["grade"], len(LABELS)))
        share = (46 if cell["grade"] == 0 else 72) / 255
        np.testing.assert_allclose(after[y, x], (1 - share) * before[y, x] + share * wanted, atol=12)


def test_a_run_without_files_grades_by_its_checkpoint(folder, photo, tmp_path):
    path, corners = photo
    bare = tmp_path / folder.name
    shutil.copytree(folder, bare)
    record = json.loads((bare / "record.json").read_text())
    del record["exports"]
    (bare / "record.json").write_text(json.dumps(record))
    where = corners.ravel().tolist()
    by_torch, by_file = (grade_photo(path, one, RULES, where) for one in (bare, folder / "export" / "float32.tflite"))
    assert [cell["grade"] for cell in by_torch["cells"]] == [cell["grade"] for cell in by_file["cells"]]
    assert grade(f"photo={path}", f"run={bare}", f"corners={where}").stdout.splitlines()[-1].endswith(f"{bare.name})")


def test_a_file_that_was_changed_after_it_was_scored_grades_nothing(folder, photo):
    file = folder / "export" / f"{advised_kind(read_record(folder))}.tflite"
    whole = file.read_bytes()
    try:
        file.write_bytes(whole + b"\0")
        done = grade(f"photo={photo[0]}", f"run={folder}", check=1)
    finally:
        file.write_bytes(whole)
    assert done.stderr == f"error: {file}: not the file that the record has scored; export it again\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["photo=nowhere.jpg", "run={run}"], "error: nowhere.jpg: no such file"),
        (["photo={photo}", "run=nowhere"], "error: nowhere/record.json: no such file: not a run's folder"),
        (
            ["photo={photo}", "run={run}", "file=int9"],
            "error: {run}: no int9 file; it has float32, float16, dynamic, int8",
        ),
        (
            ["photo={photo}", "run={run}", "picture=graded.gif"],
            "error: picture=graded.gif: want a name that ends in .jpg or .png",
        ),
        (["photo={photo}", "run={run}", "cost=[[0,1],[1,0]]"], "error: cost: 2 x 2; want 5 x 5, for as many grades"),
        (["photo={photo}", "run={run}", "corners=[1,2,3]"], "error: corners: 3 numbers; want x and y of four corners"),
        (
            ["photo={photo}", "run={run}", "corners=[0,0,0,50,50,50,50,0]"],
            "error: corners: the outline is crossed or mirrored",
        ),
    ],
)
def test_wrong_words_are_named(folder, photo, words, message):
    words = [word.replace("{run}", str(folder)).replace("{photo}", str(photo[0])) for word in words]
    done = grade(*words, check=1)
    assert done.stderr.startswith(message.replace("{run}", str(folder)))


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="needs shared/data/phone_photos")
def test_predicting_loose_photos_grades_the_cells_of_the_phones_that_are_found(place, folder, tmp_path):
    (tmp_path / "new").mkdir()
    name = sorted(path.name for path in PHOTOS.glob("hand*"))[0]
    picture = decode(PHOTOS / name)
    small = resize(picture, (picture.shape[1] // 2, picture.shape[0] // 2))
    cv2.imwrite(str(tmp_path / "new" / "mine.png"), np.ascontiguousarray(small[..., ::-1]))
    words = ("predict.py", f"run={folder}", f"input={tmp_path}/new", f"output={tmp_path}/out.csv")
    done = run_warm(*words)
    assert done.returncode == 0, done.stderr
    assert "15 graded" in done.stdout
    assert "1 pictures are taken as photos of whole phones" in done.stderr
    cv2.imwrite(str(tmp_path / "new" / "mine.png"), np.full((300, 200, 3), 120, np.uint8))
    done = run_warm(*words)
    assert done.returncode == 1
    assert "no phone whose outline can be trusted" in done.stderr.splitlines()[-1]
