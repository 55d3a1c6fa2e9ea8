"""A folder of pictures in, a file for a phone out."""

import subprocess
import sys

import pytest

from quickstart import epochs_for, worth_training
from sweeps.probes import Probe, keep, kept
from tests.datamodules.test_image_folder import CLASSES, fill
from tests.test_train import HERE

CANDIDATES = ["backbone=a width=0.25 resolution=96", "backbone=a width=0.5 resolution=96", "backbone=b resolution=160",
              "backbone=c resolution=160"]  # fmt: skip


def probe(backbone, width, resolution, linear, start="imagenet"):
    return Probe(backbone, width, resolution, start, "image_folder", 0, 100, 50, linear, 0.0, 1.0, 0.5, 1.0)


def quickstart(place, *words, timeout=60):
    paths = [f"paths.runs={place}/runs", f"paths.cache={place}/cache"]
    return subprocess.run(
        [sys.executable, "quickstart.py", *words, *paths], cwd=HERE, capture_output=True, text=True, timeout=timeout,
        check=False,
    )  # fmt: skip


def test_what_a_cheaper_one_equals_is_not_trained():
    probes = [probe("a", 0.25, 96, 0.7), probe("a", 0.5, 96, 0.8), probe("b", 1, 160, 0.8), probe("c", 1, 160, 0.9)]
    assert worth_training(CANDIDATES, probes, 3) == [CANDIDATES[0], CANDIDATES[1], CANDIDATES[3]]
    assert worth_training(CANDIDATES, probes, 2) == [CANDIDATES[0], CANDIDATES[3]]
    assert worth_training(CANDIDATES, probes, 1) == [CANDIDATES[3]]


def test_random_starts_stand_back_where_anything_is_pretrained():
    probes = [probe("a", 0.25, 96, 0.9, "random"), probe("a", 0.5, 96, 0.5), probe("b", 1, 160, 0.6, "random")]
    assert worth_training(CANDIDATES, probes, 3) == [CANDIDATES[1]]
    assert worth_training(CANDIDATES, probes[:1], 3) == [CANDIDATES[0]]


def test_few_pictures_get_more_epochs():
    assert [epochs_for([n]) for n in (50, 480, 800, 5000)] == [20, 20, 12, 8]


def test_probes_are_kept_once_each_the_best_first(tmp_path):
    keep(tmp_path, probe("a", 0.5, 96, 0.7))
    keep(tmp_path, probe("b", 1.0, 96, 0.8))
    keep(tmp_path, probe("a", 0.5, 96, 0.9))
    assert kept(tmp_path) == [probe("a", 0.5, 96, 0.9), probe("b", 1.0, 96, 0.8)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data=nowhere"], "error: nowhere: no such folder"),
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
    fill(tmp_path / "things", each=15)
    (tmp_path / "things" / "broom" / "cut.jpg").write_bytes(b"no picture")
    words = [f"data={tmp_path}/things", "epochs=1", "candidates=['backbone=mobilenet width=0.25 resolution=32']"]
    done = quickstart(tmp_path, *words, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "things: 45 pictures of 3 classes" in done.stdout
    assert "broom/cut.jpg" in done.stdout
    sweep = tmp_path / "runs" / "try-things"
    files = list(sweep.glob("*/export/*.tflite"))
    assert len(files) == 4
    assert any(str(file) in done.stdout for file in files)
    assert f"report: {sweep}/report.html" in done.stdout
    assert "Which file to take" in (sweep / "report.html").read_text()
    assert all(name in (sweep / "report.html").read_text() for name in CLASSES)
    again = quickstart(tmp_path, *words, timeout=100)
    assert again.returncode == 0
    assert "probing" not in again.stdout
