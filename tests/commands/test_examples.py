"""The examples run as they are, small."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from sweeps.records.run_record import find_runs
from tasks.grading import grader_of
from tests.trained import copy_of, grading
from tests.warm import HERE

EXAMPLES = HERE / "examples"


def called(*words, **env):
    done = subprocess.run(words, cwd=HERE, env=os.environ | env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_each_folder_is_listed_with_the_command_that_it_has():
    listed = (EXAMPLES / "README.md").read_text()
    folders = sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir() and not path.name.startswith("__"))
    assert folders == ["app", "classes", "phones"]
    assert all(f"[{name}]({name})" in listed for name in folders)


def test_a_file_is_called_without_gridlite(tmp_path_factory, tmp_path):
    place, _ = copy_of(tmp_path_factory, grading)
    (folder, *_) = find_runs(place / "runs" / "grid")
    file, source = folder / "export" / "int8.tflite", EXAMPLES / "app" / "grade_cells.py"
    assert "gridlite" not in "".join(line for line in source.read_text().splitlines() if "import" in line)
    grader = grader_of(file)
    pixels = np.random.default_rng(0).integers(0, 256, (3, grader.resolution, grader.resolution, 3), np.uint8)
    for number, one in enumerate(pixels):
        Image.fromarray(one).save(tmp_path / f"{number}.png")
    said = called(sys.executable, str(source), str(file), *(str(tmp_path / f"{number}.png") for number in range(3)))
    grades, chances = grader.grade(pixels)
    assert said.splitlines() == [
        f"{tmp_path / f'{number}.png'}: {grader.labels[grade]}, {100 * chances[number][grade]:.0f} %"
        for number, grade in enumerate(grades)
    ]


@pytest.mark.slow
def test_classes_end_with_a_file_to_take(tmp_path):
    flowers = tmp_path / "example_flowers"
    called(sys.executable, str(EXAMPLES / "classes" / "draw.py"), str(flowers), "12")
    assert sorted(path.name for path in flowers.iterdir()) == ["asters", "tulips", "violets"]
    assert len(list(flowers.rglob("*.jpg"))) == 36
    said = called("bash", str(EXAMPLES / "classes" / "run.sh"), str(flowers), RUNS=str(tmp_path / "runs"))
    assert "asters" in said or "3 classes" in said
    assert "report: " in said
    assert ".tflite" in said


@pytest.mark.slow
def test_phones_end_with_a_graded_one(tmp_path):
    said = called(
        "bash",
        str(EXAMPLES / "phones" / "run.sh"),
        RUNS=str(tmp_path / "runs"),
        DATA=str(tmp_path / "data"),
        EPOCHS="1",
    )
    assert "picture: " in said
    assert (tmp_path / "runs" / "example_phones" / "graded.jpg").is_file()
    assert (tmp_path / "runs" / "example_phones" / "report.html").is_file()
