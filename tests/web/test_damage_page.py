"""The page that grades a photo outlines what a second file marks, where the app serves one."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from choices import read_choice
from datamodules.images.decoding import decode
from datamodules.screens.grid import Grid
from datamodules.screens.photo_folder import read_photo_folder
from station.photo_grader import grade_photo
from sweeps.records.run_record import find_runs
from tests.trained import copy_of, grading, marking
from tests.web.served import needs_runtime, phone, served
from tests.web.test_phone_page import opened

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: apt install chromium)")
]  # fmt: skip
SIZE = ("profile=phone", "datamodule.screen_mm=[65,140]")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    needs_runtime()
    return copy_of(tmp_path_factory, grading)[0]


@pytest.fixture(scope="module")
def grader(place):
    return find_runs(place / "runs" / "grid")[0]


@pytest.fixture(scope="module")
def marker(tmp_path_factory):
    return find_runs(copy_of(tmp_path_factory, marking)[0] / "runs" / "marks")[0]


def drag_corners(page, picture, corners):
    """Puts the four handles where the corners are."""
    page.wait_for_selector("#overlay .handle")
    box = page.locator("#overlay").bounding_box()
    for number, (x, y) in enumerate(corners):
        handle = page.locator("#overlay .handle").nth(number).bounding_box()
        page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] + x / picture.shape[1] * box["width"], box["y"] + y / picture.shape[0] * box["height"])
        page.mouse.up()


def test_marks_lie_over_the_photo_and_are_those_of_the_station(place, grader, marker, tmp_path):
    screens = read_photo_folder(place / "screens", Grid(3, 5, 64), 5)
    picture, corners = decode(screens.files[0]), screens.photos[0].corners
    Image.fromarray(picture).save(tmp_path / "photo.png")
    with (
        served(f"run=[{grader},{marker}]", f"paths.cache={place}/cache", *SIZE) as address,
        phone(CHROMIUM) as page,
    ):
        opened(page, address, "grade")
        assert page.locator("#file option:enabled").count() == 1
        assert page.locator("#file option:disabled").inner_text().endswith("(marks damage)")
        assert page.locator("#damage option").count() == 2
        page.set_input_files("#picture", tmp_path / "photo.png")
        drag_corners(page, picture, corners)
        page.tap("#again")
        page.wait_for_selector("#cells button")
        assert page.locator("#overlay path.mark").count() == 2
        said = page.locator("#marked p").all_inner_texts()
        with page.expect_download() as download:
            page.tap("#save")
        found = json.loads(download.value.path().read_text())
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 412
        page.screenshot(path=tmp_path / "marked.png", full_page=True)
        page.locator("#overlay .cell").nth(4).tap()
        assert "corrected" in page.locator("#cells button").nth(4).inner_text(), "marks do not catch a tap"
        page.select_option("#damage", "")
        page.wait_for_selector("#overlay path.mark", state="detached")
        page.wait_for_selector("#cells button")
        assert page.inner_text("#marked") == ""
    rules, given = read_choice("profile", "phone")["rules"], np.ravel(found["corners"]).tolist()
    files = [one / "export" / "float32.tflite" for one in (grader, marker)]
    wanted = grade_photo(tmp_path / "photo.png", files[0], rules, given, damage=files[1])
    for name in ("scratch", "crack"):
        here, there = ([cell["marked"][name]["share"] for cell in one["cells"]] for one in (found, wanted))
        assert sum(there) > 0.1
        np.testing.assert_allclose(here, there, atol=0.005)
        count = sum(one > 0 for one in here)
        area = sum(cell["marked"][name]["area_mm2"] for cell in found["cells"])
        assert area == pytest.approx(np.mean(here) * 65 * 140)
        assert f"{name}: in {count} of 15 cells, {100 * np.mean(here):.2f} % of the area, {area:.1f} mm²" in said


def test_without_a_file_that_marks_there_is_nothing_to_choose(place, grader):
    with served(f"run={grader}", f"paths.cache={place}/cache") as address, phone(CHROMIUM) as page:
        opened(page, address, "grade")
        assert page.is_hidden("#damage")
        assert page.locator("#file option:enabled").count() == 4
