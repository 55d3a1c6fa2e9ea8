"""The files load in MediaPipe as they are, and answer there as here."""

import io
import json
import subprocess
import zipfile

import numpy as np
import pytest

from choices import ROOT
from export import flatbuffer
from export.app_metadata import IDENTIFIER, LABELS, METADATA
from export.formats.tflite import TFLite
from tasks.grading_files import GradeModel
from tasks.segmentation_files import MaskModel
from tests.export.made import files_of_kinds, pictures
from tests.export.test_mask_files import files_of
from tests.venvs import venv_python

NAMES = ["none", "minor scratch", "major scratch", "minor crack", "major crack"]


def finished(data, labels=NAMES, task="grading"):
    about = {"task": task, "labels": labels, "size": [64, 64], "resolution": 64, "axes": {"backbone": "mobilenet"}}
    return TFLite().finish(data, json.dumps(about).encode())


def test_labels_travel_behind_the_file_and_nothing_else_changes():
    data = files_of_kinds()["float32"]
    made = finished(data)
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert archive.read(LABELS).decode().splitlines() == NAMES
    entry = flatbuffer.read_metadata(made)[METADATA]
    assert entry[4:8] == IDENTIFIER
    assert made == finished(data)
    images = pictures(20, 64)
    np.testing.assert_array_equal(GradeModel(made).grade(images)[1], GradeModel(data).grade(images)[1])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_mediapipe_answers_as_we_do(tmp_path):
    python = venv_python("mediapipe", "mediapipe==1.2.3")
    images = pictures(60, 64, seed=5)
    np.save(tmp_path / "pictures.npy", images)
    files = {kind: finished(data) for kind, data in files_of_kinds().items()}
    files["masks"] = finished(files_of("plain_unet", (64, 64))[2], ["crack", "dent", "scratch"], "segmentation")
    for name, data in files.items():
        (tmp_path / f"{name}.tflite").write_bytes(data)
    done = subprocess.run(
        [python, ROOT / "tests" / "export" / "mediapipe_guest.py", tmp_path / "pictures.npy",
         *(tmp_path / f"{name}.tflite" for name in files)],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout.splitlines()[-1])["answers"]
    for kind in files_of_kinds():
        grades, probabilities = GradeModel(files[kind]).grade(images)
        assert len(set(grades)) >= 4
        assert (probabilities.argmax(axis=1) != grades).any()  # the decode is not the likeliest class
        assert answers[kind]["heads"] == ["grade", "probabilities"]
        assert answers[kind]["first"] == grades.tolist()
        assert answers[kind]["names"] == [NAMES[grade] for grade in grades]
        np.testing.assert_allclose(answers[kind]["probabilities"], probabilities, atol=1e-5)
    marked = MaskModel(files["masks"]).probabilities(images)
    assert answers["masks"]["labels"] == ["crack", "dent", "scratch"]
    np.testing.assert_allclose(np.array(answers["masks"]["masks"]).transpose(0, 2, 3, 1), marked, atol=1e-5)
