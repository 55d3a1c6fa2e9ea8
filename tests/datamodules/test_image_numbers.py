"""A csv beside images: what is read, how it is divided, and what is wrong with it in one line."""

import csv

import numpy as np
import pytest

from datamodules.base.errors import DataError
from datamodules.image_numbers import ImageNumbers
from tests.numbered import draw_bars

SETTINGS = {
    "table": "numbers.csv", "column": "number", "low": 0.0, "high": 1.0, "bands": 4, "use_parts": True, "folds": 5,
    "val_folds": 4, "split_seed": 0, "fold": 0, "calibration_cells": 10,
}  # fmt: skip


def read(root, **settings):
    return ImageNumbers(str(root), cache=str(root.parent / "cache"), **SETTINGS | settings).load()


@pytest.fixture
def bars(tmp_path):
    return draw_bars(tmp_path / "bars", count=40, side=32)


def rewrite(root, change):
    path = root / "numbers.csv"
    with path.open(newline="") as file:
        rows = change(list(csv.DictReader(file)))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_parts_bands_and_numbers(bars):
    samples = read(bars)
    table = samples.table
    assert table.part.value_counts().to_dict() == {"train": 24, "val": 8, "test": 8}
    assert samples.class_names == ("0 to 0.25", "0.25 to 0.5", "0.5 to 0.75", "0.75 to 1")
    np.testing.assert_array_equal(table.label, np.minimum(table.number // 0.25, 3))
    assert table.source_id.str.startswith("s").all()
    batch = next(iter(samples.loaders(32, **loading()).val_dataloader()))
    np.testing.assert_allclose(batch.labels[:, 0].numpy(), table.number[table.part == "val"], rtol=1e-6)
    assert samples.counts()["train"] == np.bincount(table.label[table.part == "train"], minlength=4).tolist()


def loading():
    from datamodules.augmentation import none
    from datamodules.imbalance import Unbalanced

    return {"augmentation": none(), "imbalance": Unbalanced(), "batch_size": 8, "seed": 0, "prefetch": 0}


def test_another_number_is_another_fingerprint(bars):
    before = read(bars).fingerprint
    rewrite(bars, lambda rows: [rows[0] | {"number": "0.5"}, *rows[1:]])
    assert read(bars).fingerprint != before


def test_the_csvs_own_parts_and_groups(bars):
    parts = ["train"] * 20 + ["val"] * 12 + ["test"] * 8
    rewrite(bars, lambda rows: [row | {"part": part, "group": part[0]} for row, part in zip(rows, parts, strict=True)])
    table = read(bars).table
    assert table.part.tolist() == parts
    assert table.group.tolist() == [part[0] for part in parts]
    assert read(bars, use_parts=False).table.part.tolist() != parts


def test_a_source_in_two_parts_stays_in_the_later_one(bars):
    parts = ["train"] * 20 + ["val"] * 12 + ["test"] * 8
    rewrite(bars, lambda rows: [row | {"part": part} for row, part in zip(rows, parts, strict=True)])
    rewrite(bars, lambda rows: [rows[0] | {"source_id": "s39"}, *rows[1:]])
    samples = read(bars)
    assert samples.left_out == ["images/bar000.png: of the same source_id as images/bar039.png"]
    assert samples.table.part.tolist() == parts[1:]


def test_a_part_of_the_train_part_leaves_the_others_as_they_are(bars):
    whole, some = read(bars).table, read(bars, most_train=10).table
    assert (some.part == "train").sum() == 10
    assert set(some.label[some.part == "train"]) == set(whole.label[whole.part == "train"])
    for part in ("val", "test"):
        assert some["sample"][some.part == part].tolist() == whole["sample"][whole.part == part].tolist()
    assert (some.part[some.calibration] == "train").all()
    assert read(bars, most_train=10).fingerprint != read(bars).fingerprint


def test_without_sources_almost_equal_pictures_are_one(bars):
    rewrite(bars, lambda rows: [{key: row[key] for key in ("image", "number")} for row in rows])
    (bars / "images" / "bar001.png").write_bytes((bars / "images" / "bar000.png").read_bytes())
    table = read(bars).table
    assert table.source_id[0] == table.source_id[1]


def test_broken_images_and_those_without_a_number_are_left_out_and_named(bars):
    (bars / "images" / "bar003.png").write_bytes(b"no picture")
    (bars / "images" / "more.png").write_bytes((bars / "images" / "bar000.png").read_bytes())
    samples = read(bars)
    assert len(samples.table) == 39
    assert [line.partition(":")[0] for line in samples.left_out] == ["images/bar003.png", "images/more.png"]
    assert "left out 2 files" in samples.notes[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: [rows[0] | {"number": "much"}, *rows[1:]], "numbers.csv: line 2: number='much'; want a number"),
        (lambda rows: [rows[0] | {"number": "nan"}, *rows[1:]], "numbers.csv: line 2: number=nan; want 0 to 1"),
        (lambda rows: [rows[0], rows[1] | {"number": "95"}, *rows[2:]],
         "numbers.csv: line 3: number=95; want 0 to 1 (datamodule.low, datamodule.high)"),
        (lambda rows: [*rows, rows[0]], "line 42: images/bar000.png has a line already"),
        (lambda rows: [rows[0] | {"source_id": ""}, *rows[1:]], "source_id is there in some lines only"),
        (lambda rows: [{"image": row["image"], "wear": "1"} for row in rows],
         "lacks the column number; it has image, wear (datamodule.column"),
        (lambda rows: [row | {"number": "0.5"} for row in rows], "every number is 0.5: there is nothing to learn"),
        (lambda rows: [row | {"part": "holdout"} for row in rows], "line 2: part=holdout; want train, val or test"),
        (lambda rows: [row | {"image": ""} for row in rows], "line 2: image is empty"),
        (lambda rows: [row | {"image": "../x.png"} for row in rows], "line 2: image=../x.png: leads out of the folder"),
        (lambda rows: [row | {"image": f"no/{row['image']}"} for row in rows], "none of 40 images can be read"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(bars, change, message):
    rewrite(bars, change)
    with pytest.raises(DataError) as caught:
        read(bars).table  # noqa: B018
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_numbers_of_one_band_are_learned_from_too(bars):
    assert set(read(bars, bands=1).table.part) == {"train", "val", "test"}
    rewrite(bars, lambda rows: [row | {"number": str(0.1 + 0.001 * at)} for at, row in enumerate(rows)])
    table = read(bars, high=1.0).table
    assert set(table.label) == {0}
    assert (table.part == "val").any()


@pytest.mark.parametrize(("low", "high", "bands"), [(2000, 2001, 5), (0, 0.95, 5), (1e6, 1e6 + 1, 3)])
def test_bands_have_names_of_their_own(bars, low, high, bands):
    rewrite(bars, lambda rows: [row | {"number": str(low + (high - low) * float(row["number"]))} for row in rows])
    samples = read(bars, low=low, high=high, bands=bands)
    assert len(set(samples.class_names)) == bands
    share = (samples.table.number - low) / (high - low)
    assert (samples.table.label == np.minimum(share * bands, bands - 1).astype(int)).all()


def test_a_blank_line_does_not_shift_the_line_that_is_named(bars):
    path = bars / "numbers.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:5], "", *lines[5:], lines[1]]))
    with pytest.raises(DataError, match=r"line 43: images/bar000\.png has a line already"):
        read(bars)


def test_hidden_files_are_no_images_without_a_number(bars):
    (bars / "images" / "._bar000.png").write_bytes(b"")
    assert read(bars).left_out == []


def test_missing_places_are_named(bars, tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        read(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no such file"):
        read(bars, table="labels.csv")
    with pytest.raises(DataError, match="want low below high"):
        read(bars, low=1.0)
    with pytest.raises(DataError, match="bands"):
        read(bars, bands=0)
