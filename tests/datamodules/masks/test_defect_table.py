"""Tables of defects: both forms, errors by line, and the real ones against their index masks."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from choices import ROOT
from datamodules.base.errors import DataError
from datamodules.masks.defect_table import read_defects

REAL = ROOT.parent / "shared" / "data" / "neu_seg"


def table(tmp_path, text, classes=4):
    (tmp_path / "train.csv").write_text(text)
    return read_defects(tmp_path / "train.csv", classes)


def test_both_forms_say_the_same(tmp_path):
    one = table(tmp_path, "ImageId,ClassId,EncodedPixels\na.jpg,1,1 2\na.jpg,3,4 1\nb.jpg,4,2 2\n")
    masks = one.masks("a.jpg", 3, 2)
    assert masks.shape == (4, 3, 2)
    assert masks[0].tolist() == [[True, False], [True, False], [False, False]]
    assert masks[2].tolist() == [[False, True], [False, False], [False, False]]
    other = table(
        tmp_path,
        "ImageId_ClassId,EncodedPixels\na.jpg_1,1 2\na.jpg_2,\na.jpg_3,4 1\na.jpg_4,\nb.jpg_1,\nb.jpg_4,2 2\nc.jpg_1,\n",
    )
    for image in ("a.jpg", "b.jpg", "c.jpg"):
        np.testing.assert_array_equal(one.masks(image, 3, 2), other.masks(image, 3, 2))
    assert other.labels(["a.jpg", "b.jpg", "c.jpg"]).tolist() == [
        [True, False, True, False], [False, False, False, True], [False] * 4]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ("a.jpg,5,1 2", "line 3: class '5': want 1 to 4"),
        ("a.jpg,0,1 2", "line 3: class '0': want 1 to 4"),
        ("a.jpg,x,1 2", "line 3: class 'x'"),
        ("a.jpg,1,5 1", "line 3: image a.jpg has class 1 twice, first in"),
        ("a.jpg,2", "line 3: fewer values than columns"),
    ],
)
def test_a_bad_row_is_refused_by_line(tmp_path, row, wanted):
    with pytest.raises(DataError, match=r"train\.csv") as refusal:
        table(tmp_path, f"ImageId,ClassId,EncodedPixels\na.jpg,1,1 2\n{row}\n")
    assert wanted in str(refusal.value)


@pytest.mark.parametrize(
    ("runs", "wanted"), [("1 2 3", "3 numbers"), ("5 3", "leaves the 6 pixels"), ("1 3 2 1", "overlap")]
)
def test_runs_that_do_not_fit_are_refused_by_line_image_and_class(tmp_path, runs, wanted):
    made = table(tmp_path, f"ImageId,ClassId,EncodedPixels\na.jpg,2,{runs}\n")
    with pytest.raises(DataError, match=rf"train\.csv, line 2, image a\.jpg, class 2: .*{wanted}"):
        made.masks("a.jpg", 3, 2)


def test_what_is_no_such_table_is_refused(tmp_path):
    with pytest.raises(DataError, match="no column ClassId, EncodedPixels"):
        table(tmp_path, "ImageId,label\n")
    with pytest.raises(DataError, match=r"no\.csv: no such file"):
        read_defects(tmp_path / "no.csv", 4)
    (tmp_path / "latin.csv").write_bytes(b"ImageId,ClassId,EncodedPixels\n\xe4.jpg,1,1 2\n")
    with pytest.raises(DataError, match="not UTF-8"):
        read_defects(tmp_path / "latin.csv", 4)


def test_names_of_classes_are_held_against_those_of_the_settings(tmp_path):
    (tmp_path / "train.csv").write_text(
        "ImageId,ClassId,EncodedPixels,ClassName\na.jpg,1,1 2,pit\na.jpg,2,4 1,scratch\n"
    )
    assert len(read_defects(tmp_path / "train.csv", 2, ["pit", "scratch"]).defects["a.jpg"]) == 2
    with pytest.raises(
        DataError, match=r"line 2: ClassName='pit': class 1 is called scratch \(datamodule.class_names\)"
    ):
        read_defects(tmp_path / "train.csv", 2, ["scratch", "pit"])


@pytest.mark.skipif(not REAL.exists(), reason="needs the steel photos of ../shared/data")
def test_every_real_table_row_is_the_index_mask_beside_it():
    made = read_defects(REAL / "train_rle.csv", 3)
    with zipfile.ZipFile(REAL / "neu_seg.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.startswith("masks/") and name.endswith(".png"))
        assert len(names) == 4470
        for name in names[::10]:
            index = np.asarray(Image.open(io.BytesIO(archive.read(name))))
            masks = made.masks(f"{Path(name).stem}.jpg", *index.shape)
            np.testing.assert_array_equal(np.where(masks.any(0), 1 + masks.argmax(0), 0), index, err_msg=name)
            assert masks.sum(0).max() <= 1
