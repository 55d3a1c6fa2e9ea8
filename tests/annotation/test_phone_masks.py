"""Damage that was drawn on photos of phones, brought beside them; what cannot be used has a line."""

import json

import cv2
import numpy as np
import pytest
from PIL import Image

from datamodules.masks.bits import unpacked
from datamodules.phone_photos import PhonePhotos
from tests.annotation import elsewhere
from tests.drawn import draw_screens

BOX = [[30, 40, 60, 40, 60, 80, 30, 80], [100, 100, 120, 100, 120, 130]]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRIDLITE_CACHE", str(tmp_path / "cache"))


def coco(path, annotations, photos):
    images = [{"id": at, "file_name": name, "width": 212, "height": 340} for at, name in enumerate(photos)]
    kinds = [{"id": 1, "name": "scratch"}, {"id": 2, "name": "crack"}]
    drawn = [{"id": at} | one for at, one in enumerate(annotations)]
    path.write_text(json.dumps({"images": images, "annotations": drawn, "categories": kinds}))
    return path


def said(tmp_path, *words, check=0):
    given = ("--data", tmp_path / "phones", "--from", tmp_path / "coco.json", "--to", tmp_path / "set", "--phones")
    done = elsewhere.said("import-masks", *given, *words)
    assert done.returncode == check, done.stdout + done.stderr
    return done


@pytest.fixture
def phones(tmp_path):
    root = draw_screens(tmp_path / "phones", sources=6)
    photos = sorted(path.name for path in (root / "photos").iterdir())
    cv2.imwrite(str(root / "photos" / "stranger.png"), np.zeros((340, 212, 3), np.uint8))
    return photos


@pytest.mark.slow
def test_polygons_become_masks_of_cells_and_what_is_odd_is_said(phones, tmp_path):
    full = {"size": [340, 212], "counts": [0, 340 * 5, 340 * 207]}
    annotations = [{"image_id": at, "category_id": 1, "segmentation": BOX} for at in range(5)]
    annotations += [
        {"image_id": 0, "category_id": 2, "segmentation": {"size": [340, 212], "counts": [340 * 50, 3400, 340 * 152]}, "iscrowd": 1},
        {"image_id": 1, "category_id": 7, "segmentation": BOX},
        {"image_id": 2, "category_id": 2, "segmentation": full},
        {"image_id": 6, "category_id": 1, "segmentation": BOX},
    ]  # fmt: skip
    coco(tmp_path / "coco.json", annotations, [*phones, "stranger.png"])
    done = said(tmp_path, "--empty", "no-defect")
    told = done.stdout + done.stderr
    assert "1 annotations are crowds (iscrowd), the first: annotation 5" in told
    assert "category_id 7: the file has 1 (scratch), 2 (crack)" in told
    assert "stranger.png" in told
    assert "photos.csv does not list it" in told
    assert "1 masks lie wholly outside of the phone's outline" in told
    assert "next: python train.py task=segmentation datamodule=phone_photos" in told
    assert (tmp_path / "set" / "masks" / "classes.txt").read_text() == "scratch\ncrack\n"
    samples = PhonePhotos(
        str(tmp_path / "set"), cache=str(tmp_path / "cache"), class_names=["a", "b"], columns=3, rows=5, cell_px=64, groups={},
        folds=3, val_folds=0, split_seed=0, fold=0, calibration_cells=5, targets="masks",
    ).load()  # fmt: skip
    masks = unpacked(np.asarray(samples.masks(64)), 2).reshape(6, 5, 3, 2, 64, 64)
    first = masks[1, 0, 0, 0]
    wanted = np.zeros((64, 64), bool)
    wanted[40 - 10 : 64, 30 - 10 : 60 - 10] = True
    assert (first != wanted).sum() <= 2 * 100, "the polygon, less the corner at 10, 10, but for a border of a pixel"
    assert masks[1, 1, 0, 0].any(), "it goes on in the cell below"
    assert not masks[5].any()


def test_what_goes_wrong_as_a_whole_is_one_line(phones, tmp_path):
    coco(tmp_path / "coco.json", [{"image_id": 0, "category_id": 1, "segmentation": [[0, 0, 5, 0, 5, 300]]}], phones)
    done = said(tmp_path, check=1)
    assert "no damage is drawn on any phone" in done.stderr
    assert not (tmp_path / "set").exists()
    (tmp_path / "phones" / "photos.csv").unlink()
    done = said(tmp_path, check=2)
    assert "photos.csv" in done.stderr
    assert done.stderr.count("\n") == 1
    done = said(tmp_path, "--size", "10x10", check=2)
    assert "--size 10x10: is for whole pictures" in done.stderr


def test_ready_cut_cells_take_masks_too(tmp_path):
    root = tmp_path / "phones"
    (root / "cells").mkdir(parents=True)
    (root / "photos.csv").write_text("photo,source_id\na.jpg,x\nb.jpg,y\nc.jpg,z\n")
    names = [f"{stem}_r{row}_c{col}.png" for stem in "abc" for row in range(5) for col in range(3)]
    for name in names:
        Image.new("RGB", (212, 340), (9, 9, 9)).save(root / "cells" / name)
    drawn = [{"image_id": at, "category_id": 1, "segmentation": BOX} for at in range(0, len(names), 2)]
    coco(tmp_path / "coco.json", drawn, names)
    done = said(tmp_path, "--empty", "no-defect")
    assert "45 cells of 3 photos with masks, scratch on 23" in done.stdout
    assert len(list((tmp_path / "set" / "cells").iterdir())) == 45
