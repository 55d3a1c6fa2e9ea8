"""The live page with a file that answers with a number: what it shows is what Python says of the picture."""

import json
import shutil

import cv2
import pytest

from datamodules.images.decoding import centre_square, decode
from sweeps.records.run_record import find_runs
from tasks.regression import estimator_of
from tests.trained import copy_of, regression
from tests.web.served import needs_runtime, phone, served
from tests.web.test_phone_page import opened

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: apt install chromium)")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    needs_runtime()
    place = copy_of(tmp_path_factory, regression)[0]
    (found,) = find_runs(place / "runs" / "bars")
    return found


@pytest.fixture(scope="module")
def address(folder):
    with served(f"run={folder}", f"paths.cache={folder.parents[2]}/cache") as address:
        yield address


def test_the_page_shows_the_number_of_a_picture_and_of_the_camera(folder, address):
    estimator = estimator_of(folder / "export" / "float32.tflite")
    with phone(CHROMIUM) as page:
        opened(page, address, "live")
        assert page.is_hidden("#top")
        assert page.is_visible("#smoothing")
        for name in ("bar000.png", "bar007.png"):
            picture = folder.parents[2] / "bars" / "images" / name
            page.evaluate("() => document.getElementById('answers').replaceChildren()")
            page.set_input_files("#picture", picture)
            page.wait_for_selector("#answers .bar")
            wanted = estimator.numbers(centre_square(decode(picture), 32)[None])[0]
            assert float(page.inner_text("#answers .bar span:last-child")) == pytest.approx(wanted, rel=0.01)
            assert page.inner_text("#answers .bar span:first-child") == "0 to 100"
            width, whole = (page.locator(f"#answers .{part}").bounding_box()["width"] for part in ("fill", "track"))
            assert width / whole == pytest.approx(wanted / 100, abs=0.03)
        page.tap("#shot")
        page.wait_for_selector("#gallery figure")
        assert "%" not in page.inner_text("#gallery figcaption")
        page.tap("#camera")
        page.wait_for_timeout(1500)
        float(page.inner_text("#answers .bar span:last-child"))
        assert page.inner_text("#status") == ""
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 412


@pytest.mark.slow
def test_a_large_picture_is_cut_and_shrunk_as_in_python(folder, address, tmp_path):
    estimator = estimator_of(folder / "export" / "float32.tflite")
    small = cv2.imread(str(folder.parents[2] / "bars" / "images" / "bar003.png"))
    cv2.imwrite(str(tmp_path / "large.png"), cv2.resize(small, (400, 300), interpolation=cv2.INTER_CUBIC))
    wanted = estimator.numbers(centre_square(decode(tmp_path / "large.png"), 32)[None])[0]
    with phone(CHROMIUM) as page:
        opened(page, address, "live")
        page.set_input_files("#picture", tmp_path / "large.png")
        page.wait_for_selector("#answers .bar")
        assert float(page.inner_text("#answers .bar span:last-child")) == pytest.approx(wanted, rel=0.02, abs=0.3)


@pytest.mark.slow
def test_it_is_timed_and_grades_are_not_asked_for(folder, address):
    with phone(CHROMIUM) as page:
        opened(page, address, "bench")
        figure = json.loads((folder / "record.json").read_text())["exports"]["float32"]["val/r2"]
        shown = page.inner_text("#files")
        assert "R², 24 images" in shown
        assert f"{figure:.3f}" in shown
        page.fill("#device", "A phone for wear")
        page.tap("#start")
        page.wait_for_selector("#status.good")
    timings = json.loads((folder / "record.json").read_text())["exports"]["float32"]["latency"]
    assert "A phone for wear" in [one["device"] for one in timings]
