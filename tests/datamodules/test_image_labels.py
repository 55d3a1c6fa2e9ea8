"""Folders of images with any number of labels."""

import shutil

import numpy as np
import pytest

from datamodules.augmentation import none
from datamodules.base.errors import DataError
from datamodules.image_labels import ImageLabels
from datamodules.imbalance import Unbalanced
from tests.labelled import LABELS, draw_labelled

SETTINGS = {
    "table": "labels.csv",
    "use_parts": True,
    "folds": 5,
    "val_folds": 4,
    "split_seed": 0,
    "fold": 0,
    "calibration_cells": 8,
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("labelled") / "pictures"
    draw_labelled(root, count=60, side=32)
    return root


def load(root, cache, **changes):
    return ImageLabels(str(root), cache=str(cache), **SETTINGS | changes).load()


def test_the_csvs_labels_reach_the_batches(root, tmp_path):
    samples = load(root, tmp_path)
    assert samples.class_names == tuple(LABELS)
    counts = samples.counts()
    assert sum(counts[part][-1] for part in ("train", "val", "test")) == sum(
        not any(one) for one in samples.table.labels
    )
    data = samples.loaders(16, augmentation=none(), imbalance=Unbalanced(), batch_size=8, seed=0, prefetch=0)
    given = np.concatenate([batch.labels.numpy() for batch in data.part_dataloader("val")])
    wanted = samples.table[samples.table.part == "val"].labels.tolist()
    np.testing.assert_array_equal(given, wanted)
    assert given.dtype == np.float32


def test_pictures_are_divided_by_their_rarest_label(root, tmp_path):
    table = load(root, tmp_path).table
    often = np.array(table.labels.tolist()).sum(axis=0)
    for labels, label in zip(table.labels, table.label, strict=True):
        here = [at for at, one in enumerate(labels) if one]
        assert label == (min(here, key=lambda at: often[at]) if here else len(LABELS))


def test_folders_per_label_share_pictures(root, tmp_path):
    """An image of one name in several folders has all of their labels, one in `none` has none."""
    folders = tmp_path / "folders"
    table = load(root, tmp_path / "cache").table
    for name, labels in zip(table["sample"], table.labels, strict=True):
        for label in [LABELS[at] for at, one in enumerate(labels) if one] or ["none"]:
            (folders / label).mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, folders / label / name)
    other = load(folders, tmp_path / "cache")
    assert other.class_names == tuple(sorted(LABELS))
    order = [sorted(LABELS).index(label) for label in LABELS]
    own = {
        name.rpartition("/")[2]: [labels[at] for at in order]
        for name, labels in zip(other.table["sample"], other.table.labels, strict=True)
    }
    assert own == dict(zip(table["sample"], table.labels, strict=True))


def test_other_labels_are_other_data(root, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    assert load(copy, tmp_path / "cache").fingerprint == load(root, tmp_path / "cache").fingerprint
    lines = (copy / "labels.csv").read_text().splitlines()
    name, first, *rest = lines[5].split(",")
    lines[5] = ",".join([name, str(1 - int(first)), *rest])
    (copy / "labels.csv").write_text("\n".join(lines))
    assert load(copy, tmp_path / "cache").fingerprint != load(root, tmp_path / "cache").fingerprint


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text.replace("image,", "file,", 1), "has the columns file, disc, square, cross; want image and one of 0 and 1"),
        (lambda text: text.replace("001.png,1", "001.png,yes"), "labels.csv: line 3: disc='yes'; want 0 or 1"),
        (lambda text: text.replace("001.png,1", "001.png,2"), "labels.csv: line 3: disc='2'; want 0 or 1"),
        (lambda text: text + "001.png,1,1,1\n", "line 62: 001.png has a line already"),
        (lambda text: "\n".join(line.rpartition(",")[0] + (",cross" if line[:1] == "i" else ",0") for line in text.splitlines()), "every picture lacks the label cross"),
        (lambda text: text.splitlines()[0], "labels.csv: has no rows"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(root, tmp_path, change, told):
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    (copy / "labels.csv").write_text(change((root / "labels.csv").read_text()))
    with pytest.raises(DataError) as error:
        load(copy, tmp_path / "cache")
    assert told in str(error.value)


def test_a_picture_whose_source_stands_in_a_later_part_is_left_out_and_said(root, tmp_path):
    copy = tmp_path / "parts"
    shutil.copytree(root, copy)
    header, *lines = (copy / "labels.csv").read_text().split()
    parts = ["test" if at % 5 == 0 else "val" if at % 5 == 1 else "train" for at in range(len(lines))]
    sources = ["s0" if at == 2 else f"s{at}" for at in range(len(lines))]
    told = [f"{line},{part},{source}" for line, part, source in zip(lines, parts, sources, strict=True)]
    (copy / "labels.csv").write_text("\n".join([f"{header},part,source_id", *told]))
    assert load(copy, tmp_path / "cache").left_out == ["002.png: of the same source_id as 000.png"]
