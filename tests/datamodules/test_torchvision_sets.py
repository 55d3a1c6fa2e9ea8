"""MNIST and CIFAR from local files: parts, what is wrong with them, and other sizes."""

import gzip
import pickle
import shutil

import numpy as np
import pytest

from datamodules import torchvision_sets
from datamodules.base.errors import DataError
from datamodules.torchvision_sets import TorchvisionSet
from tests.commands.test_distillation_path import draw_digits


def load(root, reader="mnist", **settings):
    return TorchvisionSet(
        str(root), reader=reader, cache=str(root.parent / "cache"),
        **{"held_out": 60, "most_train": 0, "split_seed": 0, "calibration_cells": 10} | settings,
    ).load()  # fmt: skip


@pytest.fixture
def digits(tmp_path):
    return draw_digits(tmp_path / "digits")


def test_digits_are_grey_pictures_in_their_parts(digits):
    samples = load(digits)
    assert samples.images(28).shape == (360, 28, 28, 3)
    assert (samples.images(28)[..., 0] == samples.images(28)[..., 2]).all()
    counts = samples.table.part.value_counts().to_dict()
    assert counts == {"train": 240, "val": 60, "test": 60}
    assert samples.counts()["val"] == [6] * 10
    assert samples.class_names == tuple("0123456789")
    assert samples.images(14).shape == (360, 14, 14, 3)
    assert load(digits, split_seed=1).fingerprint != samples.fingerprint == load(digits).fingerprint


def test_less_can_be_trained_on_and_val_and_test_stay(digits):
    few, whole = load(digits, most_train=50).table, load(digits).table
    assert (few.part == "train").sum() == 50
    for part in ("val", "test"):
        assert set(few[few.part == part]["sample"]) == set(whole[whole.part == part]["sample"])


def test_unpacked_files_do_as_well(digits):
    before = load(digits)
    for path in list(digits.glob("*.gz")):
        with gzip.open(path) as given, path.with_suffix("").open("wb") as taken:
            shutil.copyfileobj(given, taken)
        path.unlink()
    assert load(digits).fingerprint == before.fingerprint


def test_what_is_wrong_is_one_line(digits, tmp_path):
    with pytest.raises(DataError, match=r"held_out=400: want 1 to 299"):
        load(digits, held_out=400)
    with pytest.raises(DataError, match=r"fold=2: mnist has its own test list"):
        load(digits, fold=2)
    with pytest.raises(DataError, match=r"reader=imagenet: want mnist, cifar10 or cifar100"):
        load(digits, reader="imagenet")
    path = digits / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte\.gz: not a whole gzip file"):
        load(digits)
    path.unlink()
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte: no such file, nor with \.gz"):
        load(digits)


def test_cifar_is_read_as_torchvision_keeps_it(tmp_path, monkeypatch):
    from torchvision import datasets

    folder = tmp_path / "cifar" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]:
        batch = {"data": rng.integers(0, 256, (20, 3072), dtype=np.uint8), "labels": [at % 10 for at in range(20)]}
        (folder / name).write_bytes(pickle.dumps(batch))
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": names}))
    with pytest.raises(
        DataError, match=r"data_batch_1: not the file of cifar-10-python\.tar\.gz \(want MD5 c99c.*image_folder"
    ):
        load(tmp_path / "cifar", reader="cifar10", held_out=20)
    monkeypatch.setattr("torchvision.datasets.utils.check_integrity", lambda *_: True)
    monkeypatch.setattr(
        datasets.CIFAR10, "_check_integrity", lambda self: True
    )  # of the files that CIFAR's makers made
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *_: True)
    samples = load(tmp_path / "cifar", reader="cifar10", held_out=20)
    assert samples.images(32).shape == (120, 32, 32, 3)
    assert samples.class_names == tuple(names)
    assert samples.counts()["val"] == [2] * 10


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(torchvision_sets, "MOST_BYTES", 10**6)
    with gzip.open(tmp_path / "bomb.gz", "wb") as file:
        file.write(bytes(10**7))
    with pytest.raises(DataError, match="more than 1000000 bytes unpacked"):
        torchvision_sets._unpack(tmp_path / "bomb.gz", tmp_path / "digits")
