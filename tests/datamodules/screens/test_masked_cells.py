"""Masks beside photos: cut as the photos are, divided by phone, refused where they do not fit."""

import shutil

import cv2
import numpy as np
import pytest
from PIL import Image

from datamodules.base.errors import DataError
from datamodules.masks.bits import unpacked
from datamodules.phone_photos import PhonePhotos
from datamodules.screens.mask_files import write_classes, write_masks
from datamodules.screens.masked_cells import MaskedCells
from tests.drawn import draw_screens

NAMES = ["a", "b", "c", "d", "e"]


def phones(root, tmp_path, **settings):
    given = {"columns": 3, "rows": 5, "cell_px": 64, "groups": {}, "folds": 3, "val_folds": 2, "split_seed": 0, "fold": 0,
             "calibration_cells": 10, "targets": "masks", "class_names": NAMES}  # fmt: skip
    return PhonePhotos(str(root), cache=str(tmp_path / "cache"), **given | settings)


@pytest.fixture
def drawn(tmp_path):
    """Six phones; black bars are drawn on the photos of the first five, and the masks say where."""
    root = tmp_path / "phones"
    draw_screens(root, sources=6)
    (root / "cells.csv").unlink()
    rng = np.random.default_rng(0)
    for place, path in enumerate(sorted((root / "photos").iterdir())):
        picture = cv2.imread(str(path))
        picture[:] = 230
        mask = np.zeros((2, *picture.shape[:2]), bool)
        for plane in mask if place < 5 else []:
            top, left = (int(rng.integers(side // 4, side // 2)) for side in plane.shape)
            plane[top : top + plane.shape[0] // 5, left : left + plane.shape[1] // 5] = True
        picture[mask.any(0)] = 0
        cv2.imwrite(str(path), picture)
        (root / "masks").mkdir(exist_ok=True)
        write_masks(root / "masks" / f"{path.stem}.png", mask)
    write_classes(root / "masks", ["dent", "pit"])
    return root


def test_a_mask_lies_on_what_its_photo_shows(drawn, tmp_path):
    samples = phones(drawn, tmp_path).load()
    assert isinstance(samples, MaskedCells)
    assert samples.class_names == ("dent", "pit")
    masks = unpacked(np.asarray(samples.masks(48)), 2).any(axis=1)
    dark = samples.images(48).mean(axis=-1) < 128
    assert dark.sum() > 500
    assert (masks != dark).sum() < 0.12 * dark.sum(), "edges alone differ, where a tenth of a pixel is enough"
    assert not (dark & ~masks).any()


def test_a_phones_cells_stay_together_and_a_change_of_masks_is_another_data_set(drawn, tmp_path):
    samples = phones(drawn, tmp_path).load()
    assert samples.table.groupby("source_id").part.nunique().max() == 1
    assert set(samples.table.part) == {"train", "val", "test"}
    counts = samples.counts()
    assert sum(sum(counts[part]) for part in ("train", "val", "test")) > 0
    before = samples.fingerprint
    first = next((drawn / "masks").glob("*.png"))
    bits = np.asarray(Image.open(first)).copy()
    bits[bits.shape[0] // 2, bits.shape[1] // 2] ^= 1
    Image.fromarray(bits).save(first)
    assert phones(drawn, tmp_path).load().fingerprint != before


def test_a_photo_without_a_mask_takes_part_in_nothing(drawn, tmp_path):
    path = sorted((drawn / "masks").glob("*.png"))[0]
    path.unlink()
    table = phones(drawn, tmp_path).load().table
    assert set(table.part[table.photo.str.startswith(path.stem)]) == {""}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda root: shutil.rmtree(root / "masks"), "classes.txt: no such file; task=segmentation wants masks"),
        (lambda root: (root / "masks" / "classes.txt").write_text("a\na\n"), "2 names; want 1 to 8 different ones"),
        (lambda root: [one.unlink() for one in (root / "masks").glob("*.png")], "no mask of any of the"),
        (lambda root: (root / "masks" / "classes.txt").write_text("dent\n"), "want L, 0 to 1"),
        (lambda root: Image.new("L", (5, 5)).save(next((root / "masks").glob("*.png"))), "photos.csv"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_one_line(drawn, tmp_path, damage, message):
    damage(drawn)
    with pytest.raises(DataError, match=message) as error:
        phones(drawn, tmp_path).load()
    assert "\n" not in str(error.value)


def test_grades_stay_what_a_grading_task_gets(drawn, tmp_path):
    with pytest.raises(DataError, match=r"cells\.csv"):
        phones(drawn, tmp_path, targets="grades").load()
