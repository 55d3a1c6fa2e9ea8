"""The page that grades a photo marks the cells that its file leaves to a person."""

import hashlib
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from choices import read_choice
from datamodules.images.decoding import decode
from datamodules.rendering.dataset import render_dataset
from datamodules.screens.grid import Grid
from datamodules.screens.photo_folder import read_photo_folder
from export.asking import with_promise
from export.formats.tflite import TFLite
from export.runtime import read_file
from station.photo_grader import PhotoGrader
from sweeps.records.run_record import find_runs
from tasks.grading import grader_of
from tests.export.made import converted
from tests.trained import copy_of, grading
from tests.warm import HERE
from tests.web.served import needs_runtime, phone, served

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: apt install chromium)")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    needs_runtime()
    return copy_of(tmp_path_factory, grading)[0]


@pytest.mark.slow
def test_cells_for_a_person_are_marked_and_saved(place, tmp_path):
    """By the small network that comes along, in place of the run's own float32 file, which knows no cell without damage."""
    (folder,) = find_runs(place / "runs" / "grid")
    by, file = grader_of(HERE / "zoo" / "mobilenet_0.25"), folder / "export" / "float32.tflite"
    about = read_file(file)[1] | {"resolution": by.resolution, "size": list(by.size)}
    plain = TFLite().finish(converted(by.module, by.resolution)[1], json.dumps(about).encode())
    render_dataset(tmp_path / "set", devices=1, photos=1, seed=5, workers=1)
    screens = read_photo_folder(tmp_path / "set", Grid(3, 5, 64), 5)
    picture, corners = decode(screens.files[0]), screens.photos[0].corners.ravel().tolist()
    file.write_bytes(plain)
    rules = read_choice("profile", "phone")["rules"]
    cells = PhotoGrader(file, rules, 0, threads=1).grade("photo", picture, corners).found["cells"]
    chances = sorted(cell["probabilities"]["no damage"] for cell in cells if cell["grade"] == 0)
    said = {"most_missed": 0.2, "threshold": sum(chances[:2]) / 2, "how": "split"}
    file.write_bytes(with_promise(file.name, plain, said))
    record = json.loads((folder / "record.json").read_text())
    record["config"]["resolution"] = by.resolution
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    record["exports"] = {"float32": record["exports"]["float32"] | {"ask": said, "sha256": digest}}
    (folder / "record.json").write_text(json.dumps(record))

    Image.fromarray(picture).save(tmp_path / "photo.png")
    with served(f"run={folder}", f"paths.cache={place}/cache") as address, phone(CHROMIUM) as page:
        page.goto(address)
        page.goto(address.replace("/?", "/grade?"))
        page.wait_for_selector("body[data-ready=yes]")
        page.set_input_files("#picture", tmp_path / "photo.png")
        page.wait_for_selector("#overlay .handle")
        box = page.locator("#overlay").bounding_box()
        for number, (x, y) in enumerate(np.reshape(corners, (4, 2))):
            handle = page.locator("#overlay .handle").nth(number).bounding_box()
            page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
            page.mouse.down()
            scale = box["width"] / picture.shape[1]
            page.mouse.move(box["x"] + x * scale, box["y"] + y * scale)
            page.mouse.up()
        page.tap("#again")
        page.wait_for_selector("#cells button")
        with page.expect_download() as download:
            page.tap("#save")
        found = json.loads(download.value.path().read_text())
        given = [cell["ask"] for cell in found["cells"]]
        for cell in found["cells"]:
            unsure = cell["probabilities"]["no damage"] <= said["threshold"]
            assert cell["ask"] == (cell["grade"] == 0 and unsure)
        assert page.locator("#overlay text.ask").count() == page.locator("#cells .ask").count() == sum(given) > 0
        assert page.inner_text("#ask").startswith(
            f'{sum(given)} of 15 cells to look at, marked with "?": so at most 20 %'
        )
        first = page.locator("#cells .ask").first
        assert "?" in first.inner_text()
        first.tap()
        assert page.locator("#cells .ask").count() == sum(given) - 1
