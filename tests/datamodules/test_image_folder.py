"""A folder per class is all that a user has to bring."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from datamodules.base.errors import DataError
from datamodules.image_folder import FolderImages, ImageFolder
from datamodules.images.decoding import centre_square, decode
from tests.datamodules.images.test_near_duplicates import compressed, scene

CLASSES = ("asters", "broom", "clover")


def fill(root: Path, classes: tuple[str, ...] = CLASSES, each: int = 10, start: int = 0) -> None:
    """Pictures of their own seed, `<root>/<class>/<number>.png`."""
    for place, name in enumerate(classes):
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(each):
            picture = scene(start + 1000 * place + number, side=64)
            PillowImage.fromarray(picture[:, : 50 + number]).save(root / name / f"{number}.png")


def load(root: Path, cache: Path, **settings: object) -> FolderImages:
    chosen = {"use_parts": True, "folds": 5, "val_folds": 4, "split_seed": 0, "fold": 0, "calibration_cells": 6}
    return ImageFolder(str(root), cache=str(cache), **chosen | settings).load()  # type: ignore[arg-type]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    fill(tmp_path / "images")
    return tmp_path / "images"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_class_folders_alone_are_divided_evenly(root: Path, cache: Path) -> None:
    samples = load(root, cache)
    assert samples.class_names == CLASSES
    assert samples.counts() == {"train": [6] * 3, "val": [2] * 3, "test": [2] * 3, "calibration": [2] * 3}
    assert samples.evaluated == ("val", "test")
    assert not samples.notes
    tested = [set(load(root, cache, fold=fold).table.query("part == 'test'")["sample"]) for fold in range(5)]
    assert len(set.union(*tested)) == sum(map(len, tested)) == 30


def test_pixels_are_the_centred_squares_in_the_order_of_the_table(root: Path, cache: Path) -> None:
    samples = load(root, cache)
    images = samples.images(24)
    assert images.shape == (30, 24, 24, 3)
    for place, name in enumerate(samples.table["sample"]):
        np.testing.assert_array_equal(images[place], centre_square(decode(root / name), 24))
    assert [samples.class_names[label] for label in samples.table.label] == [m.name for m in samples.samples]


def test_the_folders_own_parts_are_kept(tmp_path: Path, cache: Path) -> None:
    for number, part in enumerate(("train", "val", "test")):
        fill(tmp_path / "set" / part, each=4 - number, start=100 * number)
    samples = load(tmp_path / "set", cache)
    assert {part: sum(counts) for part, counts in samples.counts().items()} == {
        "train": 12, "val": 9, "test": 6, "calibration": 6,
    }  # fmt: skip
    assert all(name.startswith(part) for name, part in zip(samples.table["sample"], samples.table.part, strict=True))
    with pytest.raises(DataError, match=r"fold=1: .* has its own validation set"):
        _ = load(tmp_path / "set", cache, fold=1).table
    pooled = load(tmp_path / "set", cache, use_parts=False, val_folds=0, folds=3)
    assert pooled.evaluated == ("val",)
    assert sum(map(sum, (pooled.counts()[part] for part in ("train", "val")))) == 27


def test_without_a_val_part_a_fold_of_train_is_taken_and_test_stays(tmp_path: Path, cache: Path) -> None:
    fill(tmp_path / "set" / "train")
    fill(tmp_path / "set" / "test", each=3, start=500)
    samples = load(tmp_path / "set", cache)
    assert samples.counts()["test"] == [3] * 3
    assert samples.counts()["val"] == [2] * 3
    assert set(samples.table[samples.table.part == "test"]["sample"].str.split("/").str[0]) == {"test"}


@pytest.mark.parametrize("fold", range(5))
def test_almost_equal_pictures_stay_on_one_side(root: Path, cache: Path, fold: int) -> None:
    for number in range(10):
        copy = compressed(decode(root / "asters" / f"{number}.png"))
        PillowImage.fromarray(copy).save(root / "asters" / f"copy{number}.jpg")
    table = load(root, cache, fold=fold).table.set_index("sample")
    for number in range(10):
        first, second = table.loc[f"asters/{number}.png"], table.loc[f"asters/copy{number}.jpg"]
        assert (first.part, first.source_id) == (second.part, second.source_id)


def test_a_copy_of_a_test_picture_is_not_trained_on(tmp_path: Path, cache: Path) -> None:
    fill(tmp_path / "set" / "train")
    fill(tmp_path / "set" / "test", each=3, start=500)
    copy = tmp_path / "set" / "train" / "asters" / "copy.png"
    PillowImage.open(tmp_path / "set" / "test" / "asters" / "0.png").save(copy)
    samples = load(tmp_path / "set", cache)
    assert samples.left_out == ["train/asters/copy.png: almost the same picture as test/asters/0.png"]
    assert "train/asters/copy.png" not in set(samples.table["sample"])
    assert len(samples.images(16)) == len(samples.table) == 39


def test_a_picture_in_two_classes_is_named(root: Path, cache: Path) -> None:
    PillowImage.open(root / "asters" / "3.png").save(root / "clover" / "x.png")
    copied, note = load(root, cache).notes
    assert copied.startswith("2 pictures are copies of one another, 1 different ones")
    assert note.endswith("different classes; the first: asters/3.png and clover/x.png")


def test_broken_files_are_listed_and_left_out(root: Path, cache: Path) -> None:
    (root / "broom" / "cut.jpg").write_bytes((root / "broom" / "0.png").read_bytes()[:200])
    (root / "broom" / "notes.txt").write_text("no image")
    (root / "broom" / "._0.png").write_text("what a file system leaves")
    samples = load(root, cache)
    (line,) = samples.left_out
    assert line.startswith("broom/cut.jpg: not a readable image")
    assert samples.notes[0].startswith("left out 1 files, all named in record.json; the first: broom/cut.jpg")
    assert len(samples.images(16)) == 30


def test_the_fingerprint_follows_pixels_and_labels(root: Path, cache: Path) -> None:
    old = load(root, cache).fingerprint
    assert load(root, cache).fingerprint == old
    assert load(root, cache, fold=1).fingerprint != old
    content = load(root, cache).content
    assert load(root, cache, fold=1).content == content
    (root / "asters" / "0.png").rename(root / "clover" / "moved.png")
    moved = load(root, cache).fingerprint
    assert load(root, cache, fold=1).content != content
    assert moved != old
    PillowImage.fromarray(scene(77, 64)).save(root / "clover" / "moved.png")
    assert load(root, cache).fingerprint not in (moved, old)


def test_a_second_look_decodes_nothing(root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load(root, cache)
    first.images(16)
    for module in ("image_folder", "images.index"):
        monkeypatch.setattr(f"datamodules.{module}.decode", lambda path: pytest.fail(f"decoded {path}"))
    again = load(root, cache)
    assert again.fingerprint == first.fingerprint
    np.testing.assert_array_equal(again.images(16), first.images(16))


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ((), r"no images in it: want a folder per class"),
        (("only",), r"one class folder only \(only\)"),
        (("train/a", "train/b", "test/a", "test/c"), r"test/c/0\.png: class c is not in .*train"),
        (("train/a", "train/b", "test/a", "spare/b"), r"spare: lies beside test, train"),
    ],
)
def test_folders_that_cannot_be_trained_on(tmp_path: Path, cache: Path, made: tuple[str, ...], message: str) -> None:
    (tmp_path / "set").mkdir()
    for place, folder in enumerate(made):
        above, _, name = f"set/{folder}".rpartition("/")
        fill(tmp_path / above, (name,), each=1, start=50 * place)
    with pytest.raises(DataError, match=message):
        load(tmp_path / "set", cache)


def test_a_class_of_broken_files_is_refused(root: Path, cache: Path) -> None:
    (root / "docks").mkdir()
    (root / "docks" / "a.png").write_text("no picture")
    with pytest.raises(DataError, match=r"docks/a\.png: not a readable image .*; class docks has no readable image"):
        load(root, cache)


def test_a_missing_folder_is_named(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere: no such folder \(datamodule\.root\)"):
        load(tmp_path / "nowhere", cache)


def test_ordered_classes_are_named_from_best_to_worst(root: Path, cache: Path) -> None:
    assert not load(root, cache).ordered
    graded = load(root, cache, ordered=True, class_names=["clover", "asters", "broom"])
    assert graded.ordered
    assert graded.class_names == ("clover", "asters", "broom")
    assert {row.sample.split("/")[0]: row.label for row in graded.table.itertuples()} == {
        "clover": 0,
        "asters": 1,
        "broom": 2,
    }
    with pytest.raises(DataError, match=r"name the classes from best to worst, such as .*\[asters,broom,clover\]"):
        load(root, cache, ordered=True)
    with pytest.raises(DataError, match=r"class_names=\[clover,rose\]: the folders of .* are asters, broom, clover"):
        load(root, cache, class_names=["clover", "rose"])
