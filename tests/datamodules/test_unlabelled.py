"""Which pictures of a folder without labels are learned from, and which would tell what the run is measured on."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from datamodules.augmentation import none
from datamodules.base.errors import DataError
from datamodules.base.joined import JoinedImages, learn_also
from datamodules.base.loaders import CellArrays, CellDataModule
from datamodules.image_folder import ImageFolder
from datamodules.imbalance import ClassWeights
from datamodules.phone_photos import PhonePhotos
from datamodules.screens.outline import OutlineError
from datamodules.unlabelled.kept_out import ALIKE, LABELLED, MEASURED
from datamodules.unlabelled.pictures import NO_OUTLINE, UNREADABLE, content_digest
from datamodules.unlabelled.read import read_unlabelled
from tests.drawn import draw_screens, settings_of


def phone_in(picture):
    """Where `draw_screens` has put it."""
    if picture.shape[:2] != (340, 212):
        raise OutlineError("no phone found")
    return np.array([[10, 10], [202, 10], [202, 330], [10, 330]], float)


@pytest.fixture(scope="module")
def screens(tmp_path_factory):
    place = tmp_path_factory.mktemp("labelled")
    root = draw_screens(place / "screens", sources=6)
    samples = PhonePhotos(str(root), **settings_of(place / "cache") | {"val_folds": 2}).load()
    return samples, root, place / "cache"


def others(place, count=4):
    """Photos of other phones, listed with their corners and without labels."""
    root = draw_screens(place / "more", sources=count, seed=7)
    (root / "cells.csv").unlink()
    listed = pd.read_csv(root / "photos.csv")
    listed["source_id"] = [f"other{number}" for number in range(count)]
    listed.to_csv(root / "photos.csv", index=False)
    return root


def read(screens, root, find=phone_in, same_folder=False):
    samples, _, cache = screens
    return read_unlabelled(root, samples, 64, cache, find, same_folder=same_folder)


def held(samples, part):
    return samples.table[samples.table.part == part].photo.unique()


def test_listed_photos_of_other_phones_are_cut_as_the_data_set_is(screens, tmp_path):
    root = others(tmp_path)
    found = read(screens, root)
    assert (len(found.used), len(found.kept), dict(found.left_out)) == (4, 60, {})
    settings = settings_of(tmp_path / "cache")
    drawn = draw_screens(tmp_path / "again", sources=4, seed=7)
    np.testing.assert_array_equal(
        found.images(64)[:], PhonePhotos(str(drawn), **settings | {"folds": 2}).load().images(64)[:]
    )
    assert read(screens, root).fingerprint == found.fingerprint


def test_a_phone_that_is_measured_is_left_out_by_its_source_id(screens, tmp_path):
    samples, labelled, _ = screens
    root, photo = others(tmp_path), held(samples, "val")[0]
    lines = pd.read_csv(root / "photos.csv")
    lines.loc[0, "source_id"] = samples.table.source_id[samples.table.photo == photo].iloc[0]
    lines.to_csv(root / "photos.csv", index=False)
    found = read(screens, root)
    assert (len(found.used), dict(found.left_out)) == (3, {MEASURED: 1})
    assert (labelled / "photos" / photo).exists()


@pytest.mark.parametrize("part", ["val", "test"])
def test_a_copy_of_a_measured_photo_is_left_out_by_its_looks(screens, tmp_path, part):
    samples, labelled, _ = screens
    root = others(tmp_path)
    picture = cv2.imread(str(labelled / "photos" / held(samples, part)[0]))
    cv2.imwrite(str(root / "photos" / "resaved.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 80])
    found = read(screens, root)
    assert (len(found.used), dict(found.left_out)) == (4, {ALIKE: 1})


def test_of_the_data_sets_own_folder_only_what_has_no_label_is_learned(screens, tmp_path):
    root = draw_screens(tmp_path / "own", sources=8)
    cells = pd.read_csv(root / "cells.csv")
    cells["label"] = cells.label.astype(str).where(~cells.photo.isin(["screen1.png", "screen4.png"]), "NA")
    cells.to_csv(root / "cells.csv", index=False)
    samples = PhonePhotos(str(root), **settings_of(tmp_path / "cache") | {"val_folds": 2}).load()
    found = read_unlabelled(root, samples, 64, tmp_path / "cache", phone_in, same_folder=True)
    assert {found.pictures[at // 15].name for at in found.kept} == {"screen1.png", "screen4.png"}
    counts = samples.table.groupby("part").photo.nunique()
    assert dict(found.left_out) == {LABELLED: counts["train"], MEASURED: counts["val"] + counts["test"]}


def test_loose_photos_cells_and_broken_files_are_told_apart(screens, tmp_path):
    samples, _, _ = screens
    root = tmp_path / "loose"
    (root / "deeper").mkdir(parents=True)
    shutil.copy(others(tmp_path) / "photos" / "screen2.png", root / "deeper" / "phone.png")
    cv2.imwrite(str(root / "nothing.png"), np.full((300, 200, 3), 90, np.uint8))
    (root / "broken.jpg").write_bytes(b"no picture")
    rng = np.random.default_rng(3)
    cv2.imwrite(str(root / "IMG_r0_c0.png"), rng.integers(0, 255, (64, 64, 3), dtype=np.uint8))
    val = samples.table[samples.table.part == "val"]["sample"].iloc[0]
    cv2.imwrite(str(root / f"{val}.png"), rng.integers(0, 255, (64, 64, 3), dtype=np.uint8))
    found = read(screens, root)
    assert len(found.kept) == 16
    assert dict(found.left_out) == {UNREADABLE: 1, NO_OUTLINE: 1, MEASURED: 1}
    assert "learns from 1 photos of phones (15 cells) and 1 cells without labels; left out: " in found.told


def test_pictures_for_a_folder_of_classes(tmp_path):
    rng = np.random.default_rng(0)

    def draw(path, count):
        path.mkdir(parents=True)
        for number in range(count):
            picture = cv2.resize(rng.integers(0, 255, (6, 8, 3), dtype=np.uint8), (80, 60))
            cv2.imwrite(str(path / f"{number}.png"), picture)

    for name in "ab":
        draw(tmp_path / "flowers" / name, 8)
    draw(tmp_path / "more", 5)
    settings = {key: value for key, value in settings_of(tmp_path / "cache").items() if key in ("cache", "fold", "split_seed", "calibration_cells")}  # fmt: skip
    samples = ImageFolder(str(tmp_path / "flowers"), use_parts=True, folds=4, val_folds=3, **settings).load()
    kept_back = samples.table[samples.table.part == "test"]["sample"].iloc[0]
    turned = np.rot90(cv2.imread(str(tmp_path / "flowers" / kept_back)))
    cv2.imwrite(str(tmp_path / "more" / "turned.png"), np.ascontiguousarray(turned))
    found = read_unlabelled(tmp_path / "more", samples, 48, tmp_path / "cache", phone_in, same_folder=False)
    assert (len(found.used), dict(found.left_out)) == (5, {ALIKE: 1})
    assert found.images(48).shape == (5, 48, 48, 3)


def test_a_folder_of_which_nothing_is_left_is_answered(screens, tmp_path):
    samples, labelled, _ = screens
    (tmp_path / "copies").mkdir()
    shutil.copy(labelled / "photos" / held(samples, "val")[0], tmp_path / "copies" / "one.png")
    with pytest.raises(DataError, match=rf"task.unlabelled=.*copies: nothing in it may be learned from: 1 {ALIKE}"):
        read(screens, tmp_path / "copies")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"task.unlabelled=.*empty: no images in it; want"):
        read(screens, tmp_path / "empty")
    with pytest.raises(DataError, match=r"task.unlabelled=.*nowhere: no such folder"):
        read(screens, tmp_path / "nowhere")


def test_the_digest_is_of_the_content_not_of_the_place(tmp_path):
    root = others(tmp_path)
    copy = Path(shutil.copytree(root, tmp_path / "copy"))
    assert content_digest(root) == content_digest(copy)
    (copy / "photos" / "screen0.png").write_bytes((copy / "photos" / "screen1.png").read_bytes())
    assert content_digest(root) != content_digest(copy)


def test_joined_images_are_those_of_their_parts():
    one, other = (np.random.default_rng(seed).integers(0, 255, (6, 4, 4, 3), dtype=np.uint8) for seed in (0, 1))
    joined = JoinedImages((one, None), (JoinedImages((other, np.array([5, 0, 3]))), np.array([2, 0])))
    whole = np.concatenate([one, other[[3, 5]]])
    assert joined.shape == whole.shape
    for key in (slice(2, 7), np.array([7, 0, 6, 6]), slice(None)):
        np.testing.assert_array_equal(joined[key], whole[key])
    np.testing.assert_array_equal(np.array(joined), whole)


def test_every_epoch_shows_what_has_no_label_once_and_weighs_it_as_one():
    labels, parts = np.array([0, 0, 0, 1, 1, 0]), np.array(["train"] * 4 + ["val"] * 2)
    arrays = CellArrays(np.arange(6 * 12, dtype=np.uint8).reshape(6, 2, 2, 3), labels, parts, 2)
    data = CellDataModule(arrays, augmentation=none(), imbalance=ClassWeights(), batch_size=4, seed=0, prefetch=0)
    new = np.full((3, 2, 2, 3), 200, np.uint8)
    logits = np.arange(18, dtype=np.float32).reshape(9, 2)
    learn_also(data, new, np.full(3, -1), logits)
    batches = list(data.train_dataloader())
    seen = np.concatenate([batch.labels.numpy() for batch in batches])
    assert sorted(seen) == [-1, -1, -1, 0, 0, 0, 1]
    for batch in batches:
        none_known = batch.labels == -1
        assert (batch.images[none_known] == 200).all()
        assert (batch.weights[none_known] == 1).all()
        np.testing.assert_allclose(batch.weights[batch.labels == 1], 2)
        assert set(batch.teacher_logits[none_known, 0].tolist()) <= {12, 14, 16}
    assert len(next(iter(data.val_dataloader())).labels) == 2
