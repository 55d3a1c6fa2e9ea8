"""Labels in and out."""

import csv
import json

import cv2
import numpy as np
import pytest

from annotation.coco import from_coco
from annotation.coco_categories import LEAST_SHARE, category
from annotation.coco_export import to_coco
from annotation.import_export import from_folders, from_table, to_table
from annotation.log import AnnotationError, Statement
from annotation.state import IMPORTED, UNUSABLE
from storage.spreadsheet import harmless
from tests.annotation.made import CORNERS, all_cells, book_of, draw_photos, graded, outlined

QUAD = np.array(CORNERS.split(), float).reshape(4, 2)


@pytest.fixture
def book(tmp_path):
    return book_of(draw_photos(tmp_path / "set"))


def coco(path, polygons, names=("scratch", "crack"), **image):
    """Polygons on photo0.png: (category number, points or whatever stands for them)."""
    about = {"id": 7, "file_name": "photo0.png", "width": 160, "height": 220} | image
    path.write_text(json.dumps({
        "images": [about],
        "categories": [{"id": number, "name": name} for number, name in enumerate(names)],
        "annotations": [{"id": at, "image_id": 7, "category_id": kind, **shape} for at, (kind, shape) in enumerate(polygons)],
    }))  # fmt: skip
    return path


def labels(said):
    return {one.cell: one.value for one in said if one.field == "label"}


def test_a_table_brings_annotators_names_and_numbers(book, tmp_path):
    path = tmp_path / "old.csv"
    path.write_text(
        "photo,row,col,label,annotator,round\nphoto0.png,0,1,minor,anna,1\nphoto0.png,0,2,3,,\nphoto1.png,4,2,NA,bo,2\n"
    )
    said = from_table(book, path).said
    assert [(one.annotator, one.round, one.value, one.cell) for one in said] == [
        ("anna", 1, "1", (0, 1)), (IMPORTED, 0, "3", (0, 2)), ("bo", 2, "", (4, 2))]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("photo,row,label\n", "no column col"),
        ("photo,row,col,label\nphoto0.png,0,x,1\n", "line 2: col='x': want a whole number"),
        ("photo,row,col,label\nphoto0.png,0,0,awful\n", "line 2: label awful: want 0 to 4, or none, minor"),
        ("photo,row,col,label\nphoto9.png,0,0,1\n", "line 2: photo9.png: no photo of"),
        ("photo,row,col,label\nphoto0.png,5,0,1\n", "line 2: cell (5, 0)"),
        ("photo,row,col,label,annotator,round\nphoto0.png,0,0,1,anna,-5\n", "line 2: round=-5: want 1 to 99"),
        ("photo,row,col,label,annotator,round\nphoto0.png,0,0,1,anna,0\n", "line 2: round=0: want 1 to 99"),
        ("photo,row,col,label,annotator,round\nphoto0.png,0,0,1,<b>\x01,1\n", "line 2: annotator='<b>"),
    ],
)
def test_a_bad_table_is_refused_by_line(book, tmp_path, text, wanted):
    (tmp_path / "old.csv").write_text(text)
    with pytest.raises(AnnotationError, match=r"old\.csv") as refusal:
        from_table(book, tmp_path / "old.csv")
    assert wanted in str(refusal.value)


def test_class_folders_of_cells_and_of_photos(book, tmp_path):
    pixels = np.zeros((8, 8, 3), np.uint8)
    for name in (
        "crack/photo0_r3_c2.png",
        "minor/photo0_r0_c0.jpg",
        "none/photo1.png",
        "broken/photo2.png",
        "crack/stranger.png",
    ):
        (tmp_path / "by_class" / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / "by_class" / name), pixels)
    found = from_folders(book, tmp_path / "by_class")
    said, left = found.said, [str(one) for one in found.left]
    assert labels([one for one in said if one.photo == "photo0.png"]) == {(3, 2): "3", (0, 0): "1"}
    assert labels([one for one in said if one.photo == "photo1.png"]) == all_cells("0")
    assert [(one.field, one.value) for one in said if one.photo == "photo2.png"] == [("kind", "broken")]
    assert len(left) == 1
    assert "stranger" in left[0]


def test_polygons_fall_into_the_cells_that_they_cover(book, tmp_path):
    book.say(outlined("photo0.png"))
    crack = {"segmentation": [[25, 55, 95, 55, 95, 85, 25, 85]]}  # rows 1, columns 0 and 1
    thin = {"segmentation": [[22, 172, 58, 172, 58, 173.5, 22, 173.5]]}  # 1.5 px of 40, row 4, column 0
    wide = {"bbox": [102, 172, 36, 20]}  # row 4, column 2
    path = coco(tmp_path / "drawn.json", [(1, crack), (0, thin), (0, wide)])
    meaning = {"crack": category("3"), "scratch": category("1,2@0.2")}
    found = from_coco(book, path, meaning, lambda _: QUAD)
    said, left = found.said, [str(one) for one in found.left]
    assert left == []
    assert labels(said) == all_cells("0") | {(1, 0): "3", (1, 1): "3", (4, 0): "1", (4, 2): "2"}


def test_run_length_masks_are_read_too(book, tmp_path):
    from pycocotools.mask import encode

    mask = np.zeros((220, 160), np.uint8, order="F")
    mask[12:48, 62:98] = 1  # row 0, column 1
    runs = encode(mask)
    shape = {"segmentation": {"size": [220, 160], "counts": runs["counts"].decode()}, "iscrowd": 1}
    said = from_coco(book, coco(tmp_path / "m.json", [(1, shape)]), {"crack": category("4")}, lambda _: QUAD).said
    assert labels(said) == all_cells("0") | {(0, 1): "4"}
    corners = [one.value for one in said if one.field == "corners"]
    assert [float(one) for one in corners[0].split()] == QUAD.ravel().tolist(), "an outline that was found is kept"


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda whole: whole.pop("images"), "not a COCO file"),
        (lambda whole: whole["annotations"][0].update(category_id=0), "category scratch: say what it means"),
    ],
)
def test_a_bad_coco_file_is_refused(book, tmp_path, change, wanted):
    path = coco(tmp_path / "drawn.json", [(1, {"bbox": [0, 0, 5, 5]})])
    whole = json.loads(path.read_text())
    change(whole)
    path.write_text(json.dumps(whole))
    with pytest.raises(AnnotationError, match=wanted):
        from_coco(book, path, {"crack": category("3")}, lambda _: QUAD)


@pytest.mark.parametrize(
    ("image", "wanted"), [({"file_name": "x.png"}, "no such photo"), ({"width": 320}, "320 x 220 pixels there")]
)
def test_images_that_cannot_be_placed_are_named(book, tmp_path, image, wanted):
    path = coco(tmp_path / "drawn.json", [(3, {"bbox": [25, 55, 60, 40]})], ("a", "b", "c", "crack"), **image)
    found = from_coco(book, path, {"crack": category("3")}, lambda _: QUAD)
    said, left = found.said, [str(one) for one in found.left]
    assert said == []
    assert wanted in left[0]


def test_what_goes_out_as_coco_comes_in_again(book, tmp_path):
    skewed = "22.5 12 138 9 141 208 18 212.5"
    rng = np.random.default_rng(1)
    wanted = {cell: str(rng.integers(5)) for cell in all_cells()}
    book.say([Statement("a", 1, "photo0.png", "corners", skewed), Statement("a", 1, "photo0.png", "source_id", "d"),
              *graded("photo0.png", wanted, who="a")])  # fmt: skip
    count = to_coco(book, tmp_path / "out.json")
    assert count == sum(value != "0" for value in wanted.values())
    other = book_of(draw_photos(tmp_path / "other"))
    quad = np.array(skewed.split(), float).reshape(4, 2)
    found = from_coco(other, tmp_path / "out.json", {}, lambda _: quad)
    said, left = found.said, [str(one) for one in found.left]
    assert (labels(said), left) == (wanted, [])


def test_the_table_that_goes_out_says_who_said_what(book, tmp_path):
    book.say([*outlined("photo0.png"), *graded("photo0.png", {(0, 0): "1", (0, 1): UNUSABLE})])
    book.say(graded("photo0.png", {(0, 0): "3"}, who="bob"))
    assert to_table(book, tmp_path / "out.csv") == 2
    with (tmp_path / "out.csv").open() as file:
        first, second = csv.DictReader(file)
    assert (first["label"], first["votes"], first["source_id"]) == ("", "anna:1=1 bob:1=3", "d1")
    assert second["label_name"] == UNUSABLE


@pytest.mark.parametrize("text", ["", "x", "1@", "1,2@much"])
def test_a_category_that_says_nothing_is_refused(text):
    if text == "1@":
        assert category(text).steps == ((1, LEAST_SHARE),)
        return
    with pytest.raises(AnnotationError, match="want a grade"):
        category(text)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd", "'+cmd"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-2", "-2"),
        ("-x", "'-x"),
        ("photo.png", "photo.png"),
        (3, 3),
    ],
)
def test_no_exported_cell_is_a_formula(text, written):
    assert harmless(text) == written
