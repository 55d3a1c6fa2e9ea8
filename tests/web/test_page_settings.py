"""What a person chooses on the phone's pages: files, settings that are kept, inverted light, screenshots."""

import json
import shutil

import cv2
import numpy as np
import pytest
from PIL import Image

from datamodules.base.pixels import resize
from export.flatbuffer import with_metadata
from export.runtime import METADATA, read_file
from sweeps.records.run_record import find_runs
from tasks.grading_files import GradeModel
from tests.trained import copy_of, grading
from tests.web.served import needs_runtime, phone, served

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: apt install chromium)")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return copy_of(tmp_path_factory, grading)[0]


@pytest.fixture(scope="module")
def original(place):
    (folder,) = find_runs(place / "runs" / "grid")
    return folder / "export" / "float32.tflite"


@pytest.fixture(scope="module")
def address(place, original):
    """A run, and two files without one: of a tablet, and of digits (which are the same network)."""
    needs_runtime()
    data, known = read_file(original)
    tablet = known | {"grid": known["grid"] | {"columns": 6, "rows": 4}}
    digits = known | {"grid": None, "labels": list("0123456789"), "axes": known["axes"] | {"datamodule": "mnist"}}
    for name, about in (("tablet", tablet), ("digits", digits)):
        (place / f"{name}.tflite").write_bytes(with_metadata(data, {METADATA: json.dumps(about).encode()}))
    files = f"run=[{original.parents[1]},{place}/tablet.tflite,{place}/digits.tflite]"
    with served(files, f"paths.cache={place}/cache") as address:
        yield address


def opened(page, address, name):
    page.goto(address)
    page.goto(address.replace("/?", f"/{name}?"))
    page.wait_for_selector("body[data-ready=yes]")


def choose(page, word):
    names = page.locator("#file option").all_inner_texts()
    page.select_option("#file", label=next(name for name in names if name.startswith(word)))


@pytest.fixture
def photo(tmp_path):
    noise = np.random.default_rng(1).integers(0, 256, (240, 404, 3)).astype(np.uint8)
    Image.fromarray(cv2.GaussianBlur(noise, (0, 0), 3)).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.mark.slow
def test_each_file_is_ticked_or_left_out_and_what_has_no_record_is_said(address):
    with phone(CHROMIUM) as page:
        opened(page, address, "bench")
        assert page.locator("#files .unrecorded").count() == 2
        assert page.is_enabled("#score")
        page.locator("#files input[type=checkbox]").nth(0).uncheck()
        assert page.is_disabled("#score")
        assert page.is_enabled("#start")
        assert "Scoring wants a run with validation pictures" in page.inner_text("#why")
        page.locator("#files input[type=checkbox]").nth(1).uncheck()
        page.select_option("#threads", "1")
        page.tap("#start")
        page.wait_for_selector("#status.good")
        assert page.inner_text("#status") == "Done."
        assert page.locator("#chart h3").all_inner_texts() == [
            page.locator("#files .unrecorded .tick").nth(1).inner_text()
        ]
        assert "fastest, not kept" in page.locator("#files .unrecorded").nth(1).inner_text()


@pytest.mark.slow
def test_settings_are_kept(address):
    chosen = {"top": "2", "smoothing": "0.7", "stages": "1"}
    with phone(CHROMIUM) as page:
        opened(page, address, "live")
        for name, value in chosen.items():
            page.fill(f"#{name}", value)
        page.select_option("#resolution", "640x480")
        page.select_option("#threads", "1")
        page.tap("#camera")
        page.wait_for_selector("text=gives 640 × 480")
        page.wait_for_selector("#answers .bar")
        assert page.locator("#answers .bar").count() == 2
        page.reload()
        page.wait_for_selector("body[data-ready=yes]")
        assert {name: page.input_value(f"#{name}") for name in chosen} == chosen
        assert page.input_value("#resolution") == "640x480"
        opened(page, address, "grade")
        assert page.input_value("#threads") == "1"


@pytest.mark.slow
def test_light_and_dark_change_places_where_a_file_was_taught_so_or_a_person_says(original, address, tmp_path):
    stripes = np.where(np.arange(240)[:, None, None] % 80 < 10, 240, 10) * np.ones((1, 240, 3))
    photo = tmp_path / "stripes.png"
    Image.fromarray(stripes.astype(np.uint8)).save(photo)
    pixels, model = resize(stripes.astype(np.uint8), (32, 32)), GradeModel(original.read_bytes())
    plain, turned = (model.grade(picture[None])[1][0] for picture in (pixels, 255 - pixels))
    assert np.abs(plain - turned).max() > 2e-3  # a network that has learned little tells them apart by little

    def shares(page):
        said = page.inner_text("#answers").split("\n")
        return sorted((float(word.removesuffix(" %")) / 100 for word in said if word.endswith(" %")), reverse=True)

    with phone(CHROMIUM, bypass_csp=True) as page:
        opened(page, address, "live")
        page.fill("#top", "5")
        assert not page.is_checked("#invert")
        choose(page, "digits")
        assert page.is_checked("#invert")
        assert page.is_visible("#proposed")
        page.set_input_files("#picture", photo)
        page.wait_for_selector("#answers .bar")
        np.testing.assert_allclose(shares(page), np.sort(turned)[::-1], atol=6e-4)
        before = page.inner_text("#answers")
        page.uncheck("#invert")
        page.wait_for_function("before => document.getElementById('answers').innerText !== before", arg=before)
        np.testing.assert_allclose(shares(page), np.sort(plain)[::-1], atol=6e-4)
        page.reload()
        page.wait_for_selector("body[data-ready=yes]")
        choose(page, "digits")
        assert not page.is_checked("#invert")


def test_a_tablet_fits_and_a_screenshot_holds_its_cells(address, photo):
    with phone(CHROMIUM) as page:
        opened(page, address, "grade")
        assert page.locator("#file option:disabled").all_inner_texts()[0].endswith("(no cells)")
        choose(page, "tablet")
        page.set_input_files("#picture", photo)
        page.wait_for_selector("#actions:not([hidden])")
        page.wait_for_selector("#overlay .handle")
        page.tap("#again")
        page.wait_for_selector("#cells button")
        assert page.locator("#cells button").count() == 24
        assert page.evaluate("document.documentElement.scrollWidth") <= 412
        wide = page.evaluate(
            "[...document.querySelectorAll('#cells button')].map((one) => one.scrollWidth - one.clientWidth)"
        )
        assert max(wide) <= 0
        with page.expect_download() as download:
            page.tap("#share")
        picture = Image.open(download.value.path())
        assert download.value.suggested_filename == "photo-graded.png"
    assert picture.format == "PNG"
    assert picture.width == 720
    cells = np.asarray(picture.convert("RGB"))[-24 - 4 * 58 :].astype(int)
    assert (np.ptp(cells, axis=2) > 20).mean() > 0.6  # 24 coloured cells fill it


SHARED = """() => { navigator.canShare = ({ files }) => files[0].type === 'image/png';
  navigator.share = async ({ files, title }) => { document.title = `${title} ${files[0].size > 1000}`; }; }"""


@pytest.mark.slow
def test_a_screenshot_is_handed_to_apps_where_there_are_any(address, photo):
    with phone(CHROMIUM, bypass_csp=True) as page:
        opened(page, address, "live")
        assert page.is_disabled("#share")
        page.set_input_files("#picture", photo)
        page.wait_for_selector("#answers .bar")
        page.evaluate(SHARED)
        page.tap("#share")
        page.wait_for_function("document.title.startsWith('gridlite-20')")
        assert page.title().endswith(".png true")
