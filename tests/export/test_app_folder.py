"""The files of `export/app`: general templates, and those that a task brings."""

import json

import numpy as np
import pytest
from jinja2 import TemplateError

from choices import names_of
from tasks.base import task_named
from tests.export.app_files import GRADES, GRID, made, photographed
from tests.export.recomputed import check_photos
from tests.warm import run_plain, run_warm

GENERAL = {"README.md", "Model.kt", "Model.swift", "labels.txt", "litert.js", "litert.py", "model.cc", "vectors"}


def test_a_task_without_templates_gets_code_that_names_what_the_file_says(tmp_path):
    (tmp_path / "none").mkdir()
    folder = made(tmp_path / "export", "grading", templates=tmp_path / "none")
    assert {path.name for path in folder.iterdir()} == GENERAL
    first = json.loads((folder / "vectors" / "vectors.json").read_text())["answers"][0]
    done = run_warm(folder / "litert.py", folder / "vectors" / first["picture"])
    assert done.returncode == 0, done.stderr
    said = dict(line.split(": ") for line in done.stdout.splitlines())
    assert said.keys() == {"grade", "probabilities"}
    np.testing.assert_allclose(json.loads(said["probabilities"]), first["probabilities"], atol=1e-3)
    kotlin = (folder / "Model.kt").read_text()
    assert '"probabilities" to Array(1) { FloatArray(5) }' in kotlin
    assert "): Map<String, Any> {" in kotlin


def test_templates_of_a_task_stand_before_the_general_ones(tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    (own / "litert.py.j2").write_text(
        '{% extends "gridlite/litert.py.j2" %}\n{% block main %}    print(LABELS[answers["probabilities"].argmax()])\n{% endblock %}\n'
    )
    (own / "labels.h.j2").write_text('const char* kLabels[] = {"{{ labels|join(\'", "\') }}"};\n')
    (own / "_part.j2").write_text("is only extended")
    folder = made(tmp_path / "export", "grading", templates=own)
    assert {path.name for path in folder.iterdir()} == GENERAL | {"labels.h"}
    assert (folder / "labels.h").read_text() == f'const char* kLabels[] = {{"{'", "'.join(GRADES)}"}};\n'
    assert "`labels.h`" in (folder / "README.md").read_text()
    first = json.loads((folder / "vectors" / "vectors.json").read_text())["answers"][0]
    done = run_warm(folder / "litert.py", folder / "vectors" / first["picture"])
    assert done.stdout.strip() == GRADES[int(np.argmax(first["probabilities"]))]


def test_a_template_that_asks_for_what_is_not_known_is_named(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "x.txt.j2").write_text("{{ about.colour_of_the_sky }}")
    with pytest.raises(TemplateError, match="colour_of_the_sky"):
        made(tmp_path / "export", "grading", templates=tmp_path / "own")


def test_every_number_between_a_photo_and_its_answers_is_there(tmp_path):
    folder = made(tmp_path / "export", "grading", photos=photographed(5, 1000), grid=GRID)
    assert check_photos(folder, tmp_path / "export" / "float32.tflite") == 5
    photos = json.loads((folder / "vectors" / "vectors.json").read_text())["photos"]["of"]
    assert [one["photo"] for one in photos] == [f"photo_{at}.png" for at in range(4)] + ["photo_4.jpg"]
    assert {one["factor"] for one in photos} == {2}
    assert max(photos[-1]["size"]) == pytest.approx(1.05 * 400 * 1.4, rel=0.1)
    said = run_plain(folder / "cells.py", folder / "vectors" / "photo_1.png")
    assert said.returncode == 0, said.stderr
    for line, cell in zip(said.stdout.splitlines(), photos[1]["cells"], strict=True):
        grade = int(np.argmax(cell["answers"]["grade"]))
        assert line == f"{cell['row']} {cell['col']}: {GRADES[grade]}, {cell['answers']['probabilities'][grade]:.3f}"
    assert "5 whole photos" in (folder / "README.md").read_text()


def test_a_wrong_number_in_the_vectors_is_found(tmp_path):
    folder = made(tmp_path / "export", "grading", photos=photographed(1, 300), grid=GRID)
    path, file = folder / "vectors" / "vectors.json", tmp_path / "export" / "float32.tflite"
    assert check_photos(folder, file) == 1
    right = json.loads(path.read_text())
    for change in (
        lambda one: one["corners"][0].__setitem__(0, one["corners"][0][0] + 1),
        lambda one: one["homography"][0].__setitem__(2, one["homography"][0][2] + 0.5),
        lambda one: one["cells"][7]["box"].reverse(),
        lambda one: one["cells"][7].update(mean=[1, 2, 3]),
        lambda one: one["cells"][0].update(answers=one["cells"][0]["answers"] | {"probabilities": [0.2] * 5}),
    ):
        wrong = json.loads(json.dumps(right))
        change(wrong["photos"]["of"][0])
        path.write_text(json.dumps(wrong))
        with pytest.raises(AssertionError):
            check_photos(folder, file)


def test_files_for_whole_pictures_have_no_photos_and_no_code_that_cuts(tmp_path):
    folder = made(tmp_path / "export", "grading")
    assert "photos" not in json.loads((folder / "vectors" / "vectors.json").read_text())
    assert not (folder / "cells.py").exists()
    card = (folder / "README.md").read_text()
    assert "photo_" not in card
    assert "cells" not in card


@pytest.mark.parametrize("name", names_of("task"))
def test_every_task_of_ours_says_how_its_answers_are_read(name):
    templates = task_named(name).app_templates
    assert {"litert.py.j2"} <= {path.name for path in templates.iterdir()}
