"""The files in `@mediapipe/tasks-vision`, in a real Chromium: they load as they are, and answer there as here."""

import itertools
import json
import shutil
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Error

from export.made_files import samples_of
from export.runtime import read_file
from sweeps.records.run_record import find_runs, read_record
from tasks.grading_files import GradeModel
from tasks.segmentation_files import MaskModel
from tests.commands.test_train import run
from tests.drawn import draw_screens
from tests.export.app_files import GRADES, file_of, made
from tests.export.made import pictures
from tests.npm import npm_package
from tests.web.served import close_browsers, phone, served_folder

CHROMIUM = shutil.which("chromium") or ""
INTEGRITY = "sha512-ZJqh0wMKOINorfSffvDAxzyO1//c+FiG3IkzOdNDnLqvBB3DbMfj0bB/tys2SNf9S914sgoIbIpF4HTOi336cg=="
KINDS = ("float32", "int8")
TOLERANCE = {"float32": 1e-4, "int8": 0.02}
PIXELS = """async function pixels(name) {
    const image = new Image(); image.src = name; await image.decode();
    const canvas = Object.assign(document.createElement('canvas'), { width: image.width, height: image.height });
    const pen = canvas.getContext('2d'); pen.drawImage(image, 0, 0);
    return pen.getImageData(0, 0, image.width, image.height);
  }"""
OPEN = """const vision = await import('/vision/vision_bundle.mjs');
  const files = await vision.FilesetResolver.forVisionTasks('/vision/wasm');
  const baseOptions = { modelAssetPath: file, delegate: 'CPU' };"""
CLASSIFY = f"""async ([file, names]) => {{
  {PIXELS}
  {OPEN}
  const asked = await vision.ImageClassifier.createFromOptions(files, {{ baseOptions }});
  const found = [];
  for (const name of names) found.push(asked.classify(await pixels(name)).classifications);
  asked.close();
  return found;
}}"""
SEGMENT = f"""async ([file, names]) => {{
  {PIXELS}
  {OPEN}
  const asked = await vision.ImageSegmenter.createFromOptions(files, {{ baseOptions, outputConfidenceMasks: true, outputCategoryMask: false }});
  const masks = [];
  for (const name of names) {{
    const found = asked.segment(await pixels(name));
    masks.push(found.confidenceMasks.map((mask) => Array.from(mask.getAsFloat32Array())));
    found.close();
  }}
  const labels = asked.getLabels();
  asked.close();
  return {{ labels, masks }};
}}"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not CHROMIUM, reason="no chromium is installed"),
]


@pytest.fixture(scope="module")
def vision():
    return npm_package("@mediapipe/tasks-vision", "1.1.0", INTEGRITY)


@pytest.fixture(scope="module", autouse=True)
def _closed():
    yield
    close_browsers()


@contextmanager
def page_over(folder, vision, head=""):
    """A page that is served a folder, and the package beside it."""
    if not (folder / "vision").exists():
        (folder / "vision").symlink_to(vision)
    with served_folder(folder, head) as address, phone(CHROMIUM) as page:
        page.goto(address)
        yield page


def saved(images, folder, of=""):
    """The pictures as files, by their names: a browser asks but once for a name."""
    names = [f"{of}{at:03}.png" for at in range(len(images))]
    for name, image in zip(names, images, strict=True):
        Image.fromarray(image).save(folder / name)
    return names


@pytest.fixture(scope="module")
def ordinal(tmp_path_factory):
    """The folder of a network that has learned five ordered grades, and the cells that it is judged by."""
    place = tmp_path_factory.mktemp("ordinal")
    draw_screens(place / "screens", sources=18)
    run(
        place, "datamodule=phone_photos", "datamodule.folds=3", "datamodule.cell_px=64", "resolution=48", "width=0.25", "batch_size=16",
        "backbone.weights=none", "trainer.max_epochs=12", "autotune=plain", "augmentation=none", "encoding=ordinal", "export=all",
        "quantization=[float32,int8]", "sweep_name=ordinal", check=0,
    )  # fmt: skip
    (folder,) = find_runs(place / "runs" / "ordinal")
    samples = samples_of(read_record(folder), None, None)
    return folder, samples.images(48)[(samples.table.part == "val").to_numpy()]


def undecided(model, cells, most=12):
    """Blends of two cells whose grade is not their likeliest class."""
    found = []
    for one, other in itertools.pairwise(cells):
        shares = np.linspace(0, 1, 21)[:, None, None, None]
        blends = np.round((1 - shares) * one + shares * other).astype(np.uint8)
        grades, probabilities = model.grade(blends)
        found += [*blends[grades != probabilities.argmax(axis=1)]]
        if len(found) >= most:
            break
    return np.array(found[:most])


def test_the_classifier_answers_as_we_do(ordinal, vision, tmp_path, capsys):
    run_folder, cells = ordinal
    with page_over(tmp_path, vision) as page:
        for kind in KINDS:
            data, about = read_file(run_folder / "export" / f"{kind}.tflite")
            (tmp_path / f"{kind}.tflite").write_bytes(data)
            model = GradeModel(data)
            images = np.concatenate([cells, undecided(model, cells)])
            names = saved(images, tmp_path, kind)
            grades, probabilities = model.grade(images)
            assert len(set(grades[: len(cells)])) >= 4
            assert (probabilities.argmax(axis=1) != grades).sum() >= 4
            found = page.evaluate(CLASSIFY, [f"/{kind}.tflite", names])
            assert [[head["headName"] for head in one] for one in found] == [["grade", "probabilities"]] * len(images)
            first = [one[0]["categories"][0] for one in found]
            index = np.array([one["index"] for one in first])
            assert [one["categoryName"] for one in first] == [about["labels"][grade] for grade in index]
            by_index = [{one["index"]: one["score"] for one in heads[1]["categories"]} for heads in found]
            given = np.array([[scores[index] for index in range(len(about["labels"]))] for scores in by_index])
            with capsys.disabled():
                unlike = probabilities.argmax(axis=1) != grades
                apart = float(np.abs(given - probabilities).max())
                print(f"\n{kind}: {(index == grades).sum()} of {len(grades)} cells, {(index == grades)[unlike].sum()} of {unlike.sum()} "
                      f"with another grade than the likeliest; largest difference of a probability {apart:.1e}")  # fmt: skip
            np.testing.assert_allclose(given, probabilities, atol=TOLERANCE[kind])
            np.testing.assert_array_equal(index[: len(cells)], grades[: len(cells)])
            assert (index == grades).mean() >= (
                1 if kind == "float32" else 0.98
            )  # int8 sums are rounded otherwise there


def test_the_segmenter_marks_as_we_do(vision, tmp_path):
    made(tmp_path / "export", "segmentation")
    data, about = read_file(tmp_path / "export" / "float32.tflite")
    images = pictures(8, 64, seed=5)
    names = saved(images, tmp_path)
    with page_over(tmp_path, vision) as page:
        found = page.evaluate(SEGMENT, ["/export/float32.tflite", names])
    assert found["labels"] == about["labels"]
    marked = MaskModel(data).probabilities(images)
    assert 0.05 < (marked > about["threshold"]).mean() < 0.95
    given = np.array(found["masks"]).reshape(8, 3, 64, 64).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(given, marked, atol=1e-4)


SNIPPET = f"""async (names) => {{
  {PIXELS}
  const {{ open, answer }} = await import('/export/app/mediapipe_tasks.js');
  const asked = await open('/export/float32.tflite', '/vision/wasm');
  const found = [];
  for (const name of names) {{
    const given = answer(asked, await pixels(`/export/app/vectors/${{name}}`));
    found.push(given.label ? given : Object.values(given).map((mask) => Array.from(mask)));
  }}
  return found;
}}"""
IMPORTS = '<script type="importmap">{"imports": {"@mediapipe/tasks-vision": "/vision/vision_bundle.mjs"}}</script>'


@pytest.mark.parametrize("task", ["grading", "segmentation"])
def test_the_snippet_says_what_the_vectors_say(task, vision, tmp_path):
    folder = made(tmp_path / "export", task)
    vectors = json.loads((folder / "vectors" / "vectors.json").read_text())["answers"]
    with page_over(tmp_path, vision, IMPORTS) as page:
        found = page.evaluate(SNIPPET, [one["picture"] for one in vectors])
    for one, said in zip(vectors, found, strict=True):
        if task == "grading":
            grade = int(np.argmax(one["grade"]))
            assert (said["label"], said["place"]) == (GRADES[grade], grade)
            assert said["probability"] == pytest.approx(one["probabilities"][grade], abs=1e-4)
        else:
            np.testing.assert_allclose(np.array(said).T.reshape(64, 64, 3), one["probabilities"], atol=1e-4)


def test_a_file_without_the_metadata_of_apps_is_refused(vision, tmp_path):
    (tmp_path / "bare.tflite").write_bytes(file_of("grading"))
    (name,) = saved(pictures(1, 64), tmp_path)
    with page_over(tmp_path, vision) as page, pytest.raises(Error, match=r"(?i)metadata|normaliz"):
        page.evaluate(CLASSIFY, ["/bare.tflite", [name]])
