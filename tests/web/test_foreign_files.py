"""Classifiers from elsewhere in the phone app: their metadata is read, and pixels go in as it says."""

import json
import shutil

import numpy as np
import pytest

from export import app_metadata
from export.backends import tflite
from export.flatbuffer import FileError, pack, read_metadata, unpack, with_metadata
from export.foreign.standard_metadata import read_standard
from export.runtime import METADATA
from sweeps.records.run_record import find_runs
from tests.trained import copy_of, grading
from tests.web.served import needs_runtime, phone, served
from web.foreign_file import ForeignFile, is_ours

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
LABELS = ["ash", "beech", "cedar", "elm", "fir"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The bytes of a file that takes 32 x 32 pixels and gives a grade and probabilities of five classes."""
    (folder,) = find_runs(copy_of(tmp_path_factory, grading)[0] / "runs" / "grid")
    return (folder / "export" / "float32.tflite").read_bytes()


def without_ours(data):
    model = unpack(data)
    model.metadata = [one for one in model.metadata if one.name.decode() not in (METADATA, app_metadata.METADATA)]
    return pack(model)


def foreign(data, labels=LABELS):
    """As somebody else would give it away: with TensorFlow Lite's metadata alone."""
    return app_metadata.with_app_metadata(without_ours(data), {"labels": labels, "task": "trees"})


def scaled(monkeypatch, mean, std):
    def normalization(builder):
        options = app_metadata._table(
            builder, 2, {0: app_metadata._floats(builder, mean), 1: app_metadata._floats(builder, std)}
        )
        return app_metadata._vector(builder, [app_metadata._union(builder, 2, app_metadata.NORMALIZATION, options)])

    monkeypatch.setattr(app_metadata, "_normalization", normalization)


def test_labels_and_scaling_are_read(data, monkeypatch):
    found = read_standard(foreign(data))
    assert (found.size, found.channels, found.dtype, found.labels) == ((32, 32), 3, "float32", LABELS)
    assert (found.mean, found.std, found.steps) == ([0.0] * 3, [1.0] * 3, None)
    scaled(monkeypatch, [120.0, 110.0, 100.0], [60.0, 61.0, 62.0])
    found = read_standard(foreign(data))
    assert (found.mean, found.std) == ([120.0, 110.0, 100.0], [60.0, 61.0, 62.0])


def test_what_its_metadata_lacks_is_said(data, monkeypatch):
    bare, whole = without_ours(data), foreign(data)
    with pytest.raises(FileError, match=r"neither gridlite's metadata nor TensorFlow Lite's \(TFLITE_METADATA\)"):
        read_standard(bare)
    with pytest.raises(FileError, match=r"want the identifier M001"):
        read_standard(with_metadata(bare, {app_metadata.METADATA: b"nothing at all"}))
    with pytest.raises(FileError, match=r"its labels, labels\.txt, are not packed behind it as text"):
        read_standard(pack(unpack(whole)))
    packed = app_metadata._zipped({"labels.txt": "ash\nbeech\n"})
    with pytest.raises(FileError, match="it gives 5 numbers and names 2 labels"):
        read_standard(pack(unpack(whole)) + packed)
    with pytest.raises(FileError, match="names no labels of an output"):
        read_standard(foreign(data, ["ash"]))
    scaled(monkeypatch, [0.0, 1.0], [1.0, 1.0])
    with pytest.raises(
        FileError, match=r"mean \[0\.0, 1\.0\] and std \[1\.0, 1\.0\]: want a number, or one per channel"
    ):
        read_standard(foreign(data))
    monkeypatch.setattr(app_metadata, "_normalization", lambda builder: 0)
    with pytest.raises(FileError, match="does not say how pixels are scaled: want NormalizationOptions"):
        read_standard(foreign(data))


def test_damaged_metadata_is_refused_or_read_but_ends_nothing(data):
    whole = foreign(data)
    content, bare = read_metadata(whole)[app_metadata.METADATA], without_ours(data)
    rng, refused = np.random.default_rng(0), 0
    for _ in range(12):
        odd = bytearray(content)
        for at in rng.integers(8, len(odd), 20):
            odd[at] = int(rng.integers(256))
        try:
            read_standard(
                with_metadata(bare, {app_metadata.METADATA: bytes(odd)})
                + app_metadata._zipped({"labels.txt": "\n".join(LABELS)})
            )
        except FileError:
            refused += 1
    assert refused


def test_whose_a_file_is(data, tmp_path):
    for name, content in (("ours", data), ("theirs", foreign(data)), ("none", b"none")):
        (tmp_path / f"{name}.tflite").write_bytes(content)
    assert is_ours(tmp_path / "ours.tflite")
    assert not is_ours(tmp_path / "theirs.tflite")
    with pytest.raises(FileError, match=r"none\.tflite: not a TFLite file"):
        is_ours(tmp_path / "none.tflite")
    about = ForeignFile(tmp_path / "theirs.tflite").about()
    assert (about["name"], about["labels"], about["accuracy"], about["invert"]) == ("theirs", LABELS, None, False)


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: apt install chromium)")
def test_a_browser_scales_pixels_as_the_metadata_says(data, tmp_path, monkeypatch):
    needs_runtime()
    mean, std = [20.0, 30.0, 40.0], [0.05, 0.1, 0.2]
    scaled(monkeypatch, mean, std)
    path = tmp_path / "trees.tflite"
    path.write_bytes(foreign(data))
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype(np.float32)
    images[:, :16] //= 4
    here = tflite(data, 1)
    wanted = [here.run(((one[None] - mean) / std).astype(np.float32)) for one in images]
    turned = here.run((((255 - images[0])[None] - mean) / std).astype(np.float32))
    script = """async (images) => {
        const { Runner, listFiles, modelBytes, viewOf } = await import('/static/runtime.js');
        const [file] = await listFiles();
        const runner = await Runner.open(file, await modelBytes(file));
        const answers = [];
        for (const image of images) answers.push((await runner.run(Float32Array.from(image))).map((one) => Array.from(one.values)));
        runner.inverted = true;
        answers.push((await runner.run(Float32Array.from(images[0]))).map((one) => Array.from(one.values)));
        const { read } = await viewOf(file);
        const logits = read([{ values: [0, 128, 255] }], { place: 0, steps: [0.1, 128] }).probabilities;
        const shares = read([{ values: [0, 128, 255] }], { place: 0, steps: [1 / 256, 0] }).probabilities;
        return JSON.stringify([answers, Array.from(logits), Array.from(shares)]);
    }"""
    words = f"run={path}", f"paths.cache={tmp_path}/cache"
    with served(*words) as address, phone(CHROMIUM, bypass_csp=True) as page:
        page.goto(address)
        page.goto(address.replace("/?", "/live?"))
        page.wait_for_selector("body[data-ready=yes]")
        answers, logits, shares = json.loads(page.evaluate(script, [one.ravel().tolist() for one in images]))
    for (_, given), known in zip(answers, [*wanted, turned], strict=True):
        np.testing.assert_allclose(given, known["probabilities"][0], atol=2e-5)
    as_they_are = here.run(images[:1])["probabilities"][0]
    for other in (answers[4][1], as_they_are):  # a network that has learned little tells them apart by little
        assert np.abs(np.subtract(answers[0][1], other)).max() > 5e-4
    powers = np.exp((np.array([0, 128, 255]) - 128) * 0.1)
    np.testing.assert_allclose(logits, powers / powers.sum(), atol=1e-6)
    np.testing.assert_allclose(shares, np.array([0, 128, 255]) / 256, atol=1e-6)
