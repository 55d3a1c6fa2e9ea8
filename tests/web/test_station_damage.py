"""The station's API with a network that marks damage: what it says of a photo, and of networks that do not fit."""

import cv2
import numpy as np
import pytest

from datamodules.images.decoding import decode
from station.device_grade import GradingError
from station.photo_grader import PhotoGrader
from storage.whole_file import sha256_of
from sweeps.records.run_record import find_runs
from tests.trained import copy_of, grading, marking
from tests.web.test_station_api import CORNERS, GIVEN, RULES, plain, running
from web.station_answers import GradedDevice, GradedPhoto

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return copy_of(tmp_path_factory, grading)[0]


@pytest.fixture(scope="module")
def file(place):
    return find_runs(place / "runs" / "grid")[0] / "export" / "float32.tflite"


@pytest.fixture(scope="module")
def marker(tmp_path_factory):
    (run,) = find_runs(copy_of(tmp_path_factory, marking)[0] / "runs" / "marks")
    return run / "export" / "float32.tflite"


def test_damage_is_marked_as_by_the_command_and_outlined_in_the_photo(place, file, marker):
    photos = sorted((place / "screens" / "photos").iterdir())[:2]
    by = PhotoGrader(file, RULES, damage=marker, screen_mm=(65.0, 140.0))
    words = (f"damage={marker.parent.parent}", "profile=phone", "datamodule.screen_mm=[65,140]")
    with running({"default": file}, "jobs=1", *words) as client:
        (model,) = client.get("/models").json()
        assert model["damage"] == {
            "file": "float32.tflite",
            "sha256": sha256_of(marker),
            "labels": ["scratch", "crack"],
        }
        answers = [
            client.post("/grade", params=GIVEN | {"photo": one.name}, content=one.read_bytes()) for one in photos
        ]
        sent = [("photo", (one.name, one.read_bytes())) for one in photos]
        device = client.post("/devices/A/grade", files=sent, data={"corners": [GIVEN["corners"]] * 2})
    for path, answer in zip(photos, answers, strict=True):
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert plain(found) == plain(by.grade(path.name, decode(path), CORNERS).found)
        GradedPhoto.model_validate(found, extra="forbid")
        bright = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 128
        inside = outlined(found, bright.shape)
        assert (
            (inside & cv2.dilate(bright.astype(np.uint8), np.ones((9, 9))).astype(bool)).sum() > 0.95 * inside.sum() > 0
        )
        assert (bright & inside).sum() > 0.6 * bright.sum()
    assert GradedDevice.model_validate_json(device.content, extra="forbid").results[0].cells[0].marked is not None


def outlined(found, shape):
    """Pixels of the photo within the outlines."""
    mask = np.zeros(shape, np.uint8)
    for cell in found["cells"]:
        for one in cell["marked"].values():
            assert (one["share"] > 0) == bool(one["outlines"]) == (one["length_mm"] > 0)
            assert one["area_mm2"] == pytest.approx(one["share"] * 65 * 140 / 15, abs=0.01)
            for line in one["outlines"]:
                cv2.fillPoly(mask, [np.round(np.array(line) - 0.5).astype(np.int32)], 1)
    return mask > 0


def test_a_network_that_marks_nothing_is_refused_before_anything_is_served(file):
    with (
        pytest.raises(GradingError, match="marks no pixels; want a run or a file of task=segmentation"),
        running({"default": file}, f"damage={file}"),
    ):
        pass
