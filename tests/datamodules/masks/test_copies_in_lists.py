"""A data set's own lists of which one has copies of another's images, as NEU's have."""

import shutil

import cv2
import numpy as np
import pytest

from datamodules.neu_seg import NeuSeg
from tests.inputs.replay import draw_neu


@pytest.fixture
def root(tmp_path):
    """24 images, of which the first of the train list is a turned copy of the last of the test list."""
    draw_neu(tmp_path / "zip")
    root = tmp_path / "neu"
    shutil.unpack_archive(tmp_path / "zip" / "neu_seg.zip", root)
    shutil.copytree(tmp_path / "zip" / "splits", root / "splits")
    for folder, suffix in (("images", "jpg"), ("masks", "png")):
        picture = cv2.imread(str(root / folder / f"000023.{suffix}"), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(root / folder / f"000000.{suffix}"), np.ascontiguousarray(np.rot90(picture)))
    (root / "train_rle.csv").write_text(
        "ImageId,ClassId,EncodedPixels\n" + "".join(f"{at:06}.jpg,1,1 40\n" for at in range(24))
    )
    return root


def load(root, **settings):
    return NeuSeg(
        str(root), **{"cache": str(root.parent / "cache"), "class_names": ["a", "b", "c"], "truth": "index", "use_parts": True,
                      "folds": 5, "val_folds": 4, "split_seed": 0, "fold": 0, "calibration_cells": 6} | settings
    ).load()  # fmt: skip


@pytest.mark.parametrize("truth", ["index", "runs"])
def test_copies_of_later_images_are_not_trained_on_unless_asked(root, truth):
    samples = load(root, truth=truth)
    assert samples.table.part.value_counts().to_dict() == {"train": 13, "val": 5, "test": 5, "": 1}
    assert samples.left_out == ["000000.jpg: almost the same picture as 000023.jpg"]
    assert samples.notes == [
        "1 of 24 pictures are copies, also turned, mirrored or in part, of one in a later list: left out, all named in record.json "
        "(use_parts=false divides all of them anew, copies together)"
    ]
    kept = load(root, truth=truth, keep_copies=True)
    assert kept.table.part.value_counts().to_dict() == {"train": 14, "val": 5, "test": 5}
    assert kept.left_out == []
    assert "higher than on new pictures" in kept.notes[0]
    assert kept.fingerprint != samples.fingerprint
