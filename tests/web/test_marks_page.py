"""The live page with a file that marks pixels: what lies above the picture is what Python marks."""

import json
import shutil

import cv2
import numpy as np
import pytest

from datamodules.masks.tiles import by_tiles, starts
from sweeps.records.run_record import find_runs
from tasks.segmentation import segmenter_of
from tests.trained import copy_of, segmentation
from tests.web.served import needs_runtime, phone, served
from tests.web.test_phone_page import opened

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: apt install chromium)")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    needs_runtime()
    place = copy_of(tmp_path_factory, segmentation)[0]
    (found,) = find_runs(place / "runs" / "masks")
    return found


@pytest.fixture(scope="module")
def address(folder):
    with served(f"run={folder}", f"paths.cache={folder.parents[2]}/cache") as address:
        yield address


SCRIPT = """async ([rgba, width, height]) => {
    const { Runner, listFiles, modelBytes } = await import('/static/runtime.js');
    const { markPixels } = await import('/static/masks.js');
    const [file] = await listFiles();
    const runner = await Runner.open(file, await modelBytes(file), { threads: 1 });
    const found = await markPixels(runner, Uint8ClampedArray.from(rgba), width, height);
    return JSON.stringify({ ...found, bits: Array.from(found.bits), kind: file.kind });
}"""


def test_a_picture_of_any_shape_is_marked_as_in_python(folder, address):
    marker = segmenter_of(folder / "export" / "float32.tflite")
    assert marker.size == (32, 96)
    rng = np.random.default_rng(0)
    with phone(CHROMIUM, bypass_csp=True) as page:
        opened(page, address, "live")
        for height, width in ((32, 96), (64, 320), (90, 60), (40, 40)):
            picture = cv2.GaussianBlur(rng.integers(0, 256, (height, width, 3)).astype(np.uint8), (0, 0), 2)
            picture[height // 4 : height // 3 + 2, 5:40] += 60
            rgba = np.dstack([picture, np.full((height, width), 255, np.uint8)])
            found = json.loads(page.evaluate(SCRIPT, [rgba.ravel().tolist(), width, height]))
            assert found["kind"] == "float32"
            small = int(height * 32 / min(height, width) + 0.5), int(width * 32 / min(height, width) + 0.5)
            assert (found["height"], found["width"]) == small
            wanted = by_tiles(
                cv2.resize(picture, small[::-1], interpolation=cv2.INTER_AREA), marker.size, marker.probabilities
            )
            bits = ((wanted > marker.threshold) * 2 ** np.arange(4)).sum(axis=2)
            assert (np.array(found["bits"]).reshape(small) == bits).mean() > 0.99
            np.testing.assert_allclose(found["shares"], [(bits & 2**k > 0).mean() for k in range(4)], atol=0.01)


@pytest.mark.slow
def test_the_page_shows_marks_above_the_camera_and_a_picture(folder, address, tmp_path):
    marker = segmenter_of(folder / "export" / "float32.tflite")
    images = [cv2.imread(str(path)) for path in sorted((folder.parents[2] / "screens" / "train_images").glob("*.png"))]
    most = max(images, key=lambda image: by_tiles(image[..., ::-1].copy(), marker.size, marker.probabilities).max())
    cv2.imwrite(str(tmp_path / "steel.png"), most)
    drawn = """() => { const c = document.getElementById('marks'); const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        return [c.width, c.height, d.filter((value, place) => place % 4 === 3 && value > 0).length]; }"""
    with phone(CHROMIUM) as page:
        opened(page, address, "live")
        assert page.is_hidden("#top")
        page.set_input_files("#picture", tmp_path / "steel.png")
        page.wait_for_selector("#answers .bar")
        assert page.locator("#answers .bar").count() == 4
        width, height, marked = page.evaluate(drawn)
        assert (width, height) == (96, 32)
        assert marked > 0
        box, view = page.locator("#marks").bounding_box(), page.locator("#view").bounding_box()
        assert box["width"] == pytest.approx(view["width"], abs=1)
        assert box["width"] / box["height"] == pytest.approx(3, abs=0.1)
        page.tap("#shot")
        page.wait_for_selector("#gallery figure")
        page.tap("#camera")
        page.wait_for_timeout(1500)
        assert page.inner_text("#time").endswith(" ms")
        assert page.evaluate(drawn)[0] != 96
        assert page.inner_text("#status") == ""
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 412


@pytest.mark.slow
def test_times_are_taken_and_grades_are_not_asked_for(address):
    with phone(CHROMIUM) as page:
        opened(page, address, "bench")
        assert "Dice" in page.inner_text("#files")
        page.fill("#device", "A phone for steel")
        page.tap("#start")
        page.wait_for_selector("#status.good")


@pytest.mark.parametrize(("length", "window"), [(96, 96), (97, 96), (800, 128), (1600, 256), (300, 100)])
def test_windows_cover_everything_and_are_as_few_as_will_do(length, window):
    places = starts(length, window)
    covered = np.zeros(length, bool)
    for place in places:
        assert 0 <= place <= length - window
        covered[place : place + window] = True
    assert covered.all()
    assert len(places) == -(-length // window)
