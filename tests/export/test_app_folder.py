"""The files of `export/app`: general templates, and those that a task brings."""

import json

import numpy as np
import pytest
from jinja2 import TemplateError

from choices import names_of
from tasks.base import task_named
from tests.export.app_files import GRADES, made
from tests.warm import run_warm

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


@pytest.mark.parametrize("name", names_of("task"))
def test_every_task_of_ours_says_how_its_answers_are_read(name):
    templates = task_named(name).app_templates
    assert {"litert.py.j2"} <= {path.name for path in templates.iterdir()}
