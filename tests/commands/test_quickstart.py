"""A folder of pictures in, a file for a phone out."""

import subprocess
import sys

import pytest

from datamodules.base.errors import DataError
from pipelines.quickstart import claimed, epochs_for, worth_training
from sweeps.records.probe_results import Probe, keep, kept
from tests.commands.test_train import HERE
from tests.datamodules.test_image_folder import CLASSES, fill

CANDIDATES = [
    "backbone=mobilenet width=0.25 resolution=96",
    "backbone=mobilenet resolution=96",
    "backbone=mobilenetv2 resolution=160",
    "backbone=efficientnet_lite0 resolution=160",
]


def probe(backbone, width, resolution, linear, start="imagenet"):
    return Probe(
        backbone, width, resolution, start, "", "image_folder", "f", 0, 100, 50, linear, 0.0, 1.0, 0.5, 1.0, "now"
    )


def quickstart(place, *words, timeout=60):
    paths = [f"paths.runs={place}/runs", f"paths.cache={place}/cache"]
    return subprocess.run(
        [sys.executable, "-m", "pipelines", "quickstart", *words, *paths], cwd=HERE, capture_output=True, text=True, timeout=timeout,
        check=False,
    )  # fmt: skip


def test_what_a_cheaper_one_equals_is_not_trained():
    probes = [
        probe("mobilenet", 0.25, 96, 0.7),
        probe("mobilenet", 0.5, 96, 0.8),
        probe("mobilenetv2", 1, 160, 0.8),
        probe("efficientnet_lite0", 1, 160, 0.9),
    ]
    assert worth_training(CANDIDATES, probes, 3) == [CANDIDATES[0], CANDIDATES[1], CANDIDATES[3]]
    assert worth_training(CANDIDATES, probes, 2) == [CANDIDATES[0], CANDIDATES[3]]
    assert worth_training(CANDIDATES, probes, 1) == [CANDIDATES[3]]


def test_random_starts_stand_back_where_anything_is_pretrained():
    probes = [
        probe("mobilenet", 0.25, 96, 0.9, "random"),
        probe("mobilenet", 0.5, 96, 0.5),
        probe("mobilenetv2", 1, 160, 0.6, "random"),
    ]
    assert worth_training(CANDIDATES, probes, 3) == [CANDIDATES[1]]
    assert worth_training(CANDIDATES, probes[:1], 3) == [CANDIDATES[0]]


def test_few_pictures_get_more_epochs():
    assert [epochs_for([n]) for n in (50, 480, 800, 5000)] == [20, 20, 12, 8]


def test_probes_are_kept_once_each_the_best_first(tmp_path):
    keep(tmp_path, probe("mobilenet", 0.5, 96, 0.7))
    keep(tmp_path, probe("mobilenetv2", 1.0, 96, 0.8))
    keep(tmp_path, probe("mobilenet", 0.5, 96, 0.9))
    assert kept(tmp_path) == [probe("mobilenet", 0.5, 96, 0.9), probe("mobilenetv2", 1.0, 96, 0.8)]


def test_other_data_under_the_same_name_gets_a_sweep_of_its_own(tmp_path):
    first = claimed(tmp_path, tmp_path / "a" / "images", "1" * 16)
    assert first == tmp_path / "try-images"
    assert claimed(tmp_path, tmp_path / "b" / "images", "1" * 16) == first
    assert claimed(tmp_path, tmp_path / "a" / "images", "2" * 16) == tmp_path / "try-images-2"
    assert claimed(tmp_path, tmp_path / "a" / "images", "1" * 16) == first


def test_a_candidate_that_is_none_is_named():
    with pytest.raises(DataError, match=r"candidates: \"width=1\": want backbone=<one of csrn, efficientnet_b0, "):
        worth_training(["width=1"], [], 3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data=nowhere"], f"error: {HERE / 'nowhere'}: no such folder"),
        ([], "error: no folder named: make try DATA=<folder"),
        (["data="], "error: no folder named: make try DATA=<folder"),
    ],
)
def test_a_wrong_folder_is_named(tmp_path, words, message):
    done = quickstart(tmp_path, *words)
    assert done.returncode != 0
    assert done.stderr.startswith(message), done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_the_whole_path(tmp_path):
    fill(tmp_path / "things, (odd) [names]=ü", each=15)
    (tmp_path / "things, (odd) [names]=ü" / "broom" / "cut.jpg").write_bytes(b"no picture")
    words = [
        f"data={tmp_path}/things, (odd) [names]=ü",
        "epochs=1",
        "candidates=['backbone=mobilenet width=0.25 resolution=32']",
    ]
    done = quickstart(tmp_path, *words, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "[names]=ü: 45 pictures of 3 classes" in done.stdout
    assert "broom/cut.jpg: not a readable image (want " in done.stdout
    assert "note:" not in done.stderr  # once is enough
    sweep = tmp_path / "runs" / "try-things, (odd) [names]=ü"
    files = list(sweep.glob("*/export/*.tflite"))
    assert len(files) == 4
    assert any(str(file) in done.stdout for file in files)
    assert f"report: {sweep}/report.html" in done.stdout
    assert "Which file to take" in (sweep / "report.html").read_text()
    assert all(name in (sweep / "report.html").read_text() for name in CLASSES)
    again = quickstart(tmp_path, *words, timeout=100)
    assert again.returncode == 0
    assert "done before" in again.stdout
