"""The pages in real headless Chromium, the size of a phone: files load, answer as here, and what is measured arrives."""

import json
import shutil
import ssl

import cv2
import httpx
import numpy as np
import pytest
from PIL import Image

from choices import read_choice
from datamodules.base.pixels import resize
from datamodules.images.decoding import decode
from datamodules.rendering.dataset import render_dataset
from datamodules.screens.grid import Grid, cut_cells
from datamodules.screens.outline import agreed, find_outline
from datamodules.screens.photo_folder import read_photo_folder
from export.latency.result import LatencyError
from export.outline.find import find
from station.photo_grader import grade_photo
from sweeps.records.run_record import find_runs
from tasks.grading_files import GradeModel
from tests.commands.test_train import record_of
from tests.datamodules.screens.test_outline import mask_of, quad
from tests.trained import copy_of, grading
from tests.warm import run_warm
from tests.web.served import needs_runtime, phone, served
from web.browser import measure

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: apt install chromium)")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return copy_of(tmp_path_factory, grading)[0]


@pytest.fixture(scope="module")
def folder(place):
    needs_runtime()
    (folder,) = find_runs(place / "runs" / "grid")
    return folder


@pytest.fixture(scope="module")
def address(folder):
    with served(f"run={folder}", f"paths.cache={folder.parents[2]}/cache") as address:
        yield address


def opened(page, address, name):
    page.goto(address)
    page.goto(address.replace("/?", f"/{name}?"))
    page.wait_for_selector("body[data-ready=yes]")


def test_every_file_answers_as_it_does_here(folder, address):
    names = list(record_of(folder)["exports"])
    assert names == ["float32", "float16", "dynamic", "int8"]
    images = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3)).astype(np.uint8)
    script = """async (images) => {
        const { Runner, listFiles, modelBytes, readGrades } = await import('/static/runtime.js');
        const answers = [];
        for (const file of await listFiles()) {
            for (const threads of [1, 2]) {
                const runner = await Runner.open(file, await modelBytes(file), { threads });
                for (const image of images) {
                    const { probabilities, grade } = readGrades(await runner.run(Float32Array.from(image)));
                    answers.push([file.kind, Array.from(probabilities), grade]);
                }
                runner.close();
            }
        }
        return JSON.stringify(answers);
    }"""
    with phone(CHROMIUM, bypass_csp=True) as page:
        opened(page, address, "bench")
        assert page.evaluate("() => self.crossOriginIsolated")
        answers = json.loads(page.evaluate(script, [image.ravel().tolist() for image in images]))
    for name in names:
        grades, probabilities = GradeModel((folder / "export" / f"{name}.tflite").read_bytes()).grade(images)
        here = [answer for answer in answers if answer[0] == name]
        assert len(here) == 12
        for (_, given, grade), at in zip(here, [*range(6), *range(6)], strict=True):
            np.testing.assert_allclose(given, probabilities[at], atol=1e-3)
            assert grade == grades[at] or np.sort(probabilities[at])[-2:].ptp() < 2e-3


@pytest.mark.slow
def test_times_and_scores_arrive_in_the_record(folder, address, tmp_path):
    with phone(CHROMIUM) as page:
        opened(page, address, "bench")
        page.fill("#device", "A phone in a test")
        page.tap("#start")
        page.wait_for_selector("#status.good")
        page.wait_for_selector("#stop", state="hidden")
        page.tap("#score")
        page.wait_for_selector("#stop")
        page.wait_for_selector("#stop", state="hidden")
        assert page.inner_text("#status") == "Done; everything is in the records."
        assert page.locator("#chart .bar").count() == 4 * page.locator("#threads option").count() - 4 * (
            page.locator("#threads option").count() > 1
        )
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 412
    for entry in record_of(folder)["exports"].values():
        found = [one for one in entry["latency"] if one["device"] == "A phone in a test"]
        assert found
        assert all((one["warmup_runs"], one["runs"], one["delegate"]) == (10, 100, "wasm") for one in found)
        assert all(one["runtime"].startswith("LiteRT.js 2.") for one in found)
        assert all(0 < one["latency_ms_min"] <= one["latency_ms_p50"] <= one["latency_ms_p90"] for one in found)
        (score,) = entry["scores"]
        assert score["val/accuracy"] == pytest.approx(entry["val/accuracy"], abs=0.07)
        assert score["agreement"] >= 0.9
        assert len(entry["latency"]) == 1 + len(found)


@pytest.mark.slow
def test_the_camera_is_graded_live_and_captures_are_kept(address):
    with phone(CHROMIUM) as page:
        opened(page, address, "live")
        page.fill("#top", "2")
        page.tap("#camera")
        page.wait_for_selector("#answers .bar")
        assert page.locator("#answers .bar").count() == 2
        assert page.inner_text("#time").endswith(" ms")
        page.tap("#shot")
        page.wait_for_selector("#gallery figure")
        page.reload()
        page.wait_for_selector("#gallery figure")
        page.tap("#gallery button")
        page.wait_for_selector("#gallery figure", state="detached")
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 412


def test_a_picture_is_graded_as_here(folder, address, tmp_path):
    picture = np.random.default_rng(1).integers(0, 256, (40, 64, 3)).astype(np.uint8)
    picture = cv2.GaussianBlur(picture, (0, 0), 3)
    cv2.imwrite(str(tmp_path / "picture.png"), picture)
    square = resize(picture[:, 12:52, ::-1], (32, 32))
    _, (wanted,) = GradeModel((folder / "export" / "float32.tflite").read_bytes()).grade(square[None])
    with phone(CHROMIUM) as page:
        opened(page, address, "live")
        page.fill("#top", "5")
        page.set_input_files("#picture", tmp_path / "picture.png")
        page.wait_for_selector("#answers .bar")
        said = page.inner_text("#answers").split("\n")
        page.set_input_files("#picture", {"name": "no.png", "mimeType": "image/png", "buffer": b"no picture"})
        page.wait_for_selector("text=no.png: not a picture that this browser reads")
    shares = sorted((float(word.removesuffix(" %")) for word in said if word.endswith(" %")), reverse=True)
    np.testing.assert_allclose(shares, 100 * np.sort(wanted)[::-1], atol=1.5)


@pytest.mark.slow
def test_a_loaded_page_goes_on_without_the_computer(folder, tmp_path):
    cv2.imwrite(str(tmp_path / "picture.png"), np.full((40, 40, 3), 90, np.uint8))
    with phone(CHROMIUM) as page:
        with served(f"run={folder}", f"paths.cache={folder.parents[2]}/cache") as address:
            opened(page, address, "live")
            page.set_input_files("#picture", tmp_path / "picture.png")
            page.wait_for_selector("#answers .bar")
            before = page.inner_text("#answers")
            # the worker keeps what was loaded in its own time
            kept = (
                "async () => (await (await caches.open('gridlite-3')).keys()).map((one) => new URL(one.url).pathname)"
            )
            for _ in range(100):
                if {"/live", "/api/files/0/model.tflite", "/static/live.js"} <= set(page.evaluate(kept)):
                    break
                page.wait_for_timeout(100)
            page.wait_for_timeout(500)
        page.reload()
        page.wait_for_selector("body[data-ready=yes]")
        assert page.evaluate("() => self.crossOriginIsolated")
        page.set_input_files("#picture", tmp_path / "picture.png")
        page.wait_for_selector("#answers .bar")
        assert page.inner_text("#answers") == before


@pytest.mark.slow
def test_https_by_an_authority_of_this_machine_gives_threads(folder, tmp_path):
    words = [f"run={folder}", "https=true", f"paths.cache={tmp_path}"]
    with served(*words) as address:
        authority = tmp_path / "https" / "ca.pem"
        assert httpx.get(address, verify=ssl.create_default_context(cafile=authority)).status_code == 200
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(address)
        with phone(CHROMIUM, trusted=tmp_path / "https" / "server.pem") as page:
            opened(page, address, "bench")
            assert page.evaluate("() => self.isSecureContext && self.crossOriginIsolated")


def test_a_phone_whose_browser_hides_its_name_is_asked_for_it(address):
    apple = (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1"
    )
    with phone(CHROMIUM, user_agent=apple) as page:
        page.add_init_script("delete Navigator.prototype.userAgentData")
        opened(page, address, "bench")
        page.tap("#start")
        page.wait_for_selector("text=Give this phone a name first")
        assert page.locator("#chart .bar").count() == 0


SIZES = [(97, 131, 64), (64, 64, 64), (40, 40, 96), (50, 200, 64)]
"""Width and height of a picture, and the side that it becomes: smaller, the same, larger, cut."""


def test_pictures_are_resized_as_here(address):
    script = """async ([rgba, width, height, side]) => {
        const { resize } = await import('/static/resize.js');
        return Array.from(resize(Uint8ClampedArray.from(rgba), width, height, side));
    }"""
    with phone(CHROMIUM, bypass_csp=True) as page:
        opened(page, address, "bench")
        for width, height, side in SIZES:
            noise = np.random.default_rng(width).integers(0, 256, (height, width, 3)).astype(np.uint8)
            picture = cv2.GaussianBlur(noise, (0, 0), 1)
            rgba = np.dstack([picture, np.full((height, width), 255, np.uint8)])
            given = np.array(page.evaluate(script, [rgba.ravel().tolist(), width, height, side])).reshape(side, side, 3)
            off = np.abs(given - resize(picture, (side, side)).astype(int))
            assert off.max() <= 1, (width, height, side)
            assert (off > 0).mean() < 0.002, (width, height, side)


def test_smoothing_is_three_stages_of_the_factor(address):
    script = """async (factor) => {
        const { lowPass } = await import('/static/smoothing.js');
        const smooth = lowPass(factor);
        return [[0], [1], [1], [1]].map((values) => smooth(Float32Array.from(values))[0]);
    }"""
    stages, wanted = np.zeros(3), []
    for value in (0.0, 1.0, 1.0, 1.0):
        before = value
        for place in range(3):
            stages[place] += 0.4 * (before - stages[place])
            before = stages[place]
        wanted.append(before)
    with phone(CHROMIUM, bypass_csp=True) as page:
        opened(page, address, "bench")
        np.testing.assert_allclose(page.evaluate(script, 0.4), wanted, atol=1e-6)


@pytest.mark.slow
def test_a_browser_of_this_machine_is_one_more_place(folder):
    done = run_warm("-m", "export.latency", f"run={folder}", "latency=browser", "files=[int8]")
    assert (done.returncode, done.stderr) == (0, "")
    found = [one for one in record_of(folder)["exports"]["int8"]["latency"] if one["device"].endswith("cores")]
    assert {one["runs"] for one in found if one["runtime"].startswith("LiteRT.js")} == {100}


def test_a_browser_that_is_not_there_is_named():
    with pytest.raises(LatencyError, match=r"latency.browser.browser=netscape: none of netscape is installed"):
        list(measure(b"", browser="netscape"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_outlines_and_cells_are_as_here(address, seed):
    rng = np.random.default_rng(seed)
    corners = quad(rng)
    mask = mask_of(corners, rounding=0.08)
    wanted = find_outline(mask, 320, 320)
    small = rng.integers(0, 256, (40, 40, 3)).astype(np.uint8)
    picture = cv2.resize(small, (320, 320), interpolation=cv2.INTER_CUBIC)
    rgba = np.dstack([picture, np.full((320, 320), 255, np.uint8)])
    script = """async ([mask, rgba]) => {
        const { findOutline } = await import('/static/outline.js');
        const { rectify, cellPixels } = await import('/static/cells.js');
        const found = findOutline(Float32Array.from(mask), 80, 80, 320, 320);
        const grid = { columns: 3, rows: 5, cell_px: 40 };
        const upright = rectify({ data: Uint8ClampedArray.from(rgba), width: 320, height: 320 }, found.corners, grid);
        return JSON.stringify([found, cellPixels(upright, grid, 32).map((cell) => Array.from(cell))]);
    }"""
    with phone(CHROMIUM, bypass_csp=True) as page:
        opened(page, address, "bench")
        found, cells = json.loads(page.evaluate(script, [mask.ravel().tolist(), rgba.ravel().tolist()]))
    np.testing.assert_allclose(found["corners"], wanted.corners, atol=1e-6)
    assert found["overlap"] == pytest.approx(wanted.overlap)
    here = [resize(cell, (32, 32)) for cell in cut_cells(picture, wanted.corners, Grid(3, 5, 40))]
    off = np.abs(np.array(cells).reshape(15, 32, 32, 3) - np.array(here, int))
    assert off.max() <= 1
    assert (off > 0).mean() < 0.002


def test_a_screen_is_graded_by_corners_that_a_finger_drags(folder, address, place, tmp_path):
    screens = read_photo_folder(place / "screens", Grid(3, 5, 64), 5)
    picture, corners = decode(screens.files[0]), screens.photos[0].corners
    Image.fromarray(picture).save(tmp_path / "photo.png")
    rules = read_choice("profile", "phone")["rules"]
    wanted = grade_photo(tmp_path / "photo.png", folder / "export" / "float32.tflite", rules, corners.ravel().tolist())
    with phone(CHROMIUM) as page:
        opened(page, address, "grade")
        page.select_option(
            "#file", label=next(o for o in page.locator("#file option").all_inner_texts() if o.endswith("float32"))
        )
        page.set_input_files("#picture", tmp_path / "photo.png")
        page.wait_for_selector("#overlay .handle")
        box = page.locator("#overlay").bounding_box()
        for number, (x, y) in enumerate(corners):
            handle = page.locator("#overlay .handle").nth(number).bounding_box()
            page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
            page.mouse.down()
            page.mouse.move(
                box["x"] + x / picture.shape[1] * box["width"], box["y"] + y / picture.shape[0] * box["height"]
            )
            page.mouse.up()
        page.tap("#again")
        page.wait_for_selector("#cells button")
        assert page.locator("#cells button").count() == 15
        told = page.inner_text("#seconds")
        with page.expect_download() as download:
            page.tap("#save")
        found = json.loads(download.value.path().read_text())
        page.locator("#cells button").nth(0).tap()
        assert "corrected" in page.locator("#cells button").nth(0).inner_text()
    assert 0 < found["seconds"] < 3
    assert told.startswith("15 cells in ")
    np.testing.assert_allclose(found["corners"], corners, atol=0.1)
    assert [cell["grade"] for cell in found["cells"]] == [cell["grade"] for cell in wanted["cells"]]
    assert found["grade"] == wanted["grade"]


@pytest.mark.slow
def test_a_screen_is_found_by_itself_and_graded(folder, address, tmp_path):
    render_dataset(tmp_path / "set", devices=1, photos=1, seed=5, workers=1)
    (photo,) = (tmp_path / "set" / "photos").iterdir()
    picture = decode(photo)
    Image.fromarray(picture).save(tmp_path / "photo.png")
    known = read_photo_folder(tmp_path / "set", Grid(3, 5, 64), 5).photos[0].corners
    wanted = find(picture).corners
    diagonal = np.hypot(*picture.shape[:2])
    off = min(np.linalg.norm(np.roll(wanted, turn, axis=0) - known, axis=1).mean() for turn in (0, 2))
    assert off < 0.02 * diagonal
    with phone(CHROMIUM) as page:
        opened(page, address, "grade")
        page.set_input_files("#picture", tmp_path / "photo.png")
        page.wait_for_selector("#cells button")
        assert "outline included" in page.inner_text("#seconds")
        with page.expect_download() as download:
            page.tap("#save")
        found = json.loads(download.value.path().read_text())
        noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3)).astype(np.uint8)
        Image.fromarray(noise).save(tmp_path / "noise.png")
        page.set_input_files("#picture", tmp_path / "noise.png")
        page.wait_for_selector("text=Drag the corners onto the phone's")
        assert page.locator("#result").is_hidden()
        assert page.locator("#save").is_disabled()
        assert page.locator("#overlay .cell").count() == 0
    assert 0 < found["seconds"] < 3
    assert np.linalg.norm(np.array(found["corners"]) - wanted, axis=1).max() < 0.005 * diagonal


def test_views_are_turned_and_agree_as_here(address):
    rng = np.random.default_rng(0)
    masks = (rng.random((4, 6, 5)) * 0.2 + 0.4 + 0.3 * (np.arange(5) > 1)).astype(np.float32)
    script = """async (masks) => {
        const { agreed, flipped } = await import('/static/outline.js');
        const views = masks.map((mask) => Float32Array.from(mask));
        return JSON.stringify([Array.from(agreed(views)), Array.from(flipped(views[0], 6, 5, 1, true, true))]);
    }"""
    with phone(CHROMIUM, bypass_csp=True) as page:
        opened(page, address, "bench")
        mean, turned = json.loads(page.evaluate(script, [mask.ravel().tolist() for mask in masks]))
    np.testing.assert_allclose(np.array(mean).reshape(6, 5), agreed(masks), atol=1e-6)
    np.testing.assert_allclose(np.array(turned).reshape(6, 5), masks[0][::-1, ::-1], atol=1e-6)
