"""Images with masks: sizes, parts, copies, and what a smaller mask keeps."""

import csv

import cv2
import numpy as np
import pytest

from datamodules.base.errors import DataError
from datamodules.masks.bits import packed, shrunk, unpacked
from datamodules.masks.run_lengths import encode
from datamodules.severstal import Severstal

NAMES = ["pitted", "inclusion", "scratch", "patch"]


def draw_steel(root, count=40, width=80, height=32):
    """Sheets of noise with up to two bright bars each; every fourth has none."""
    rng = np.random.default_rng(0)
    (root / "train_images").mkdir(parents=True)
    rows = []
    for number in range(count):
        image = rng.integers(60, 120, (height, width, 3), dtype=np.uint8)
        for kind in {0: [], 1: [number % 4], 2: [2], 3: [number % 3, 3]}[number % 4]:
            mask = np.zeros((height, width), bool)
            mask[4 + kind : 12 + kind, 10 + number : 30 + number] = True
            image[mask] += 100
            rows.append((f"{number:03}.png", kind + 1, encode(mask)))
        cv2.imwrite(str(root / "train_images" / f"{number:03}.png"), image)
    with (root / "train.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("ImageId", "ClassId", "EncodedPixels"))
        writer.writerows(rows)
    return root


def load(root, **settings):
    return Severstal(
        str(root), **{"cache": str(root.parent / "cache"), "class_names": NAMES, "images": "train_images", "table": "train.csv",
                      "test_images": 0, "folds": 5, "val_folds": 4, "split_seed": 0, "fold": 0, "calibration_cells": 6} | settings
    ).load()  # fmt: skip


@pytest.fixture
def root(tmp_path):
    return draw_steel(tmp_path / "steel")


def test_images_and_masks_keep_their_shape(root):
    samples = load(root)
    assert samples.size == (80, 32)
    assert samples.shape(16) == (16, 40)
    assert samples.images(16).shape == (40, 16, 40, 3)
    full = unpacked(samples.masks(32), 4)
    assert full.shape == (40, 4, 32, 80)
    assert full[3, 0].sum() == 160
    assert full[3, 3].sum() == 160
    assert not full[0].any()
    small = unpacked(samples.masks(16), 4)
    np.testing.assert_allclose(small.mean((2, 3)), full.mean((2, 3)), atol=0.02)


def test_every_part_has_every_set_of_classes(root):
    samples = load(root, folds=4, val_folds=3)
    counts = samples.counts()
    for part in ("train", "val", "test"):
        assert min(counts[part]) > 0, part
    tested = [load(root, folds=4, val_folds=3, fold=fold).table.part.to_numpy(str) == "test" for fold in range(4)]
    assert np.sum(tested, axis=0).tolist() == [1] * 40


def test_a_test_part_is_held_back_before_the_folds(root):
    folds = [load(root, test_images=10, folds=3, fold=fold) for fold in range(3)]
    parts = [fold.table.part.to_numpy(str) for fold in folds]
    assert all((one == "test").tolist() == (parts[0] == "test").tolist() for one in parts)
    assert 8 <= (parts[0] == "test").sum() <= 12
    assert (
        np.sum([one == "val" for one in parts], axis=0)[parts[0] != "test"].tolist() == [1] * (parts[0] != "test").sum()
    )
    assert len({fold.fingerprint for fold in folds}) == 3
    assert len({fold.content for fold in folds}) == 1


def test_copies_of_an_image_stay_on_one_side(root):
    first = cv2.imread(str(root / "train_images" / "003.png"))
    for number in range(3):
        cv2.imwrite(str(root / "train_images" / f"copy{number}.jpg"), first)
    table = load(root).table
    alike = table[table["sample"].isin(["003.png", "copy0.jpg", "copy1.jpg", "copy2.jpg"])]
    assert alike.source_id.nunique() == alike.part.nunique() == 1


def test_what_is_wrong_is_named(root, tmp_path):
    with (root / "train.csv").open("a") as file:
        file.write("gone.png,1,1 2\n")
    with pytest.raises(DataError, match=r"train\.csv, line \d+: image gone\.png is not in"):
        load(root)
    other = draw_steel(tmp_path / "other")
    cv2.imwrite(str(other / "train_images" / "odd.png"), np.zeros((20, 20, 3), np.uint8))
    with pytest.raises(DataError, match=r"odd\.png is 20 x 20 pixels|is 80 x 32 pixels, odd\.png 20 x 20"):
        load(other)
    with pytest.raises(DataError, match=r"class_names=.*: want a list of 1 to 8 names"):
        load(other, class_names=list("abcdefghi"))
    third = draw_steel(tmp_path / "third")
    text = (third / "train.csv").read_text().splitlines()
    (third / "train.csv").write_text("\n".join([*text[:3], text[3].rsplit(",", 1)[0] + ",2559 9"]) + "\n")
    with pytest.raises(DataError, match=r"train\.csv, line 4, image .*: run 2559 9 leaves the 2560 pixels of 80 x 32"):
        load(third)


def test_an_images_type_is_its_rarest_class(root):
    samples = load(root)
    has, train = samples.labels, (samples.table.part == "train").to_numpy()
    counts = has[train].sum(axis=0)
    for at, kind in enumerate(samples.types):
        if not has[at].any():
            assert kind == 4
        else:
            assert has[at, kind]
            assert counts[kind] == counts[has[at]].min()
    assert len(set(samples.types)) == 5


def test_bits_and_masks_are_the_same():
    masks = np.random.default_rng(0).random((8, 5, 7)) > 0.5
    np.testing.assert_array_equal(unpacked(packed(masks)[None], 8)[0], masks)


def test_half_of_the_area_decides():
    mask = np.zeros((1, 4, 4), bool)
    mask[0, :2, :2] = [[True, True], [False, False]]
    mask[0, 2:, 2:] = [[True, False], [False, False]]
    assert shrunk(mask, 2, 2)[0].tolist() == [[True, False], [False, False]]


def test_one_kind_of_defect_is_enough(root):
    (root / "train.csv").write_text(
        "ImageId,ClassId,EncodedPixels\n" + "".join(f"{n:03}.png,1,5 9\n" for n in range(40))
    )
    samples = load(root, class_names=["crack"])
    assert set(samples.table.part) == {"train", "val", "test"}
    with pytest.raises(DataError, match=r"class_names=crack: want a list of"):
        load(root, class_names="crack")


def test_a_size_that_the_network_cannot_halve_is_refused_with_ones_that_fit(root):
    samples = load(root)
    samples.check_stride(32, 16)
    with pytest.raises(
        DataError, match=r"resolution=40: the images become 100 x 40 pixels.*multiples of 32: resolution=64"
    ):
        samples.check_stride(40, 32)


def test_too_many_test_images_are_refused(root):
    with pytest.raises(DataError, match=r"datamodule.test_images=20: too many of 40 images"):
        _ = load(root, test_images=20).table


def test_images_that_cannot_be_read_are_named(root):
    for path in (root / "train_images").iterdir():
        path.write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"train_images: none of 40 images can be read; the first: 000\.png"):
        load(root)
