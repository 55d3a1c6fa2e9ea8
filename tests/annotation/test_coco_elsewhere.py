"""COCO files as other tools write them: understood and said, or named while the rest is taken in."""

import copy
import json
import unicodedata

import numpy as np
import pytest
from PIL import Image

from annotation.coco import from_coco
from annotation.coco_categories import category
from annotation.imported import MOST_LINES, merged, noted, told, without_lowering
from annotation.log import Statement
from annotation.photo_names import find_photos
from annotation.photos import upright
from annotation.state import IMPORTED
from tests.annotation.made import CORNERS, book_of, draw_photos, graded, outlined
from tests.annotation.test_commands import CLASSES, annotation

QUAD = np.array(CORNERS.split(), float).reshape(4, 2)
INSIDE = [65, 55, 95, 55, 95, 85, 65, 85]
"""Row 1, column 1."""
RUNS = np.zeros((220, 160), np.uint8, order="F")
RUNS[55:85, 65:95] = 1


def packed():
    from pycocotools.mask import encode

    return encode(RUNS)["counts"].decode()


def plain():
    edges = np.flatnonzero(np.diff(RUNS.T.ravel().astype(int), prepend=0, append=0))
    return np.diff([0, *edges, RUNS.size]).tolist()


def whole(**annotation):
    return {
        "images": [{"id": 1, "file_name": "photo0.png", "width": 160, "height": 220}],
        "annotations": [{"id": 31, "image_id": 1, "category_id": 4, "segmentation": [INSIDE]} | annotation],
        "categories": [{"id": 4, "name": "crack"}],
    }


@pytest.fixture
def book(tmp_path):
    return book_of(draw_photos(tmp_path / "set"))


def read(book, tmp_path, said, encoding="utf-8", **more):
    path = tmp_path / "drawn.json"
    path.write_text(said if isinstance(said, str) else json.dumps(said), encoding)
    return from_coco(book, path, {"crack": category("3")}, lambda _: QUAD, **more)


def cells(found):
    return {one.cell for one in found.said if one.field == "label" and one.value == "3"}


@pytest.mark.parametrize(
    "segmentation",
    [
        INSIDE,
        [[*map(str, INSIDE)]],
        [[INSIDE[at : at + 2] for at in range(0, 8, 2)]],
        [INSIDE[at : at + 2] for at in range(0, 8, 2)],
        [(np.reshape(INSIDE, (4, 2)) / [160, 220]).ravel().tolist()],
        {"size": [220, 160], "counts": packed()},
        [{"size": [220, 160], "counts": packed()}],
        {"size": ["220", "160"], "counts": repr(packed().encode())},
        {"size": [220, 160], "counts": plain()},
        {"size": [220, 160], "counts": " ".join(map(str, plain()))},
        json.dumps([INSIDE]),
        [INSIDE, [5, 5, 6, 6]],
    ],
)
def test_every_form_of_a_drawing_is_read(book, tmp_path, segmentation):
    assert cells(read(book, tmp_path, whole(segmentation=segmentation))) == {(1, 1)}


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one["images"][0].update(id="1"),
        lambda one: one["annotations"][0].update(image_id=1.0, category_id="4"),
        lambda one: one["images"][0].update(width="160", height="220"),
        lambda one: [one["images"][0].pop(key) for key in ("width", "height")],
        lambda one: one["images"][0].update(width=None, height=None),
        lambda one: one["images"][0].update(file_name="..\\upload\\photo0.png"),
        lambda one: one["images"][0].update(file_name="/data/local-files/?d=some%20where/photo0.png"),
        lambda one: one["images"][0].update(file_name="http://host/data/upload/4/1a2b3c4d-photo0.png"),
        lambda one: one["images"][0].update(file_name="photo0_png.rf.0123456789abcdef.png"),
        lambda one: one["images"][0].update(file_name=None, path="/home/someone/photo0.png"),
        lambda one: one["annotations"][0].update(segmentation=[], bbox=[65, 55, 30, 30]),
        lambda one: one["categories"].insert(0, {"id": 0, "name": "cracks", "supercategory": "none"}),
    ],
)
def test_every_form_of_a_file_is_read(book, tmp_path, change):
    given = whole()
    change(given)
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert cells(read(book, tmp_path, given, encoding)) == {(1, 1)}


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"segmentation": [[10, 10, 90, 90]]}, "a polygon of 4 numbers"),
        ({"segmentation": [[10, 10, 90, 10, 50, 10]]}, "a polygon without an area"),
        ({"segmentation": [], "bbox": [1, 1, 0, 5]}, "bbox of 0 x 5"),
        ({"segmentation": []}, "neither segmentation nor bbox"),
        ({"segmentation": [[10, 10, 90, "x", 50, 50]]}, "'x'"),
        ({"segmentation": {"size": [160, 220], "counts": [35200]}}, "size [160, 220]: want that of the image, [220, 160]"),
        ({"segmentation": {"size": [220, 160], "counts": "b'x"}}, "counts"),
        ({"segmentation": {"size": [220, 160], "counts": []}}, "counts of 0 pixels"),
        ({"segmentation": [[310, 210, 320, 210, 320, 219]]}, "covers no pixel"),
        ({"segmentation": [[1, 1, 9, 1, 9, 9]]}, "covers no cell of the phone"),
        ({"image_id": 77}, "image_id 77: the file has no such image"),
        ({"category_id": 78}, "category_id 78: the file has 4 (crack)"),
        ({"image_id": None}, "image_id=None"),
    ],
)  # fmt: skip
def test_what_cannot_be_placed_is_named_by_its_id_and_the_rest_is_taken(book, tmp_path, change, wanted):
    alone = read(book, tmp_path, whole(**change))
    assert alone.said == []
    given = whole()
    given["annotations"].append(copy.deepcopy(given["annotations"][0]) | {"id": 32} | change)
    found = read(book, tmp_path, given)
    assert cells(found) == {(1, 1)}
    assert "annotation 32" in str(found.left[0])
    assert wanted in str(found.left[0])
    assert len(found.left) == 1


def test_photos_without_a_drawing_are_left_alone_and_counted(book, tmp_path):
    given = whole()
    given["images"] += [{"id": n, "file_name": f"photo{n - 1}.png", "width": 160, "height": 220} for n in (2, 3)]
    found = read(book, tmp_path, given)
    assert {one.photo for one in found.said} == {"photo0.png"}
    assert "2 photos have no annotation" in found.notes[0]
    found = read(book, tmp_path, given, empty_undamaged=True)
    assert {one.photo for one in found.said} == {f"photo{n}.png" for n in range(3)}
    given["annotations"].append({"id": 9, "image_id": 2, "category_id": 4, "segmentation": [[0, 0]]})
    found = read(book, tmp_path, given, empty_undamaged=True)
    assert {one.photo for one in found.said} == {"photo0.png", "photo2.png"}, "a drawing that is not read is damage"


def test_entries_of_one_photo_are_merged_by_the_highest_grade(book, tmp_path):
    given = whole()
    given["images"].append(given["images"][0] | {"id": 2, "file_name": "C:\\mine\\photo0.png"})
    given["annotations"].append(
        given["annotations"][0] | {"id": 5, "image_id": 2, "segmentation": [[105, 15, 135, 15, 135, 45]]}
    )
    found = read(book, tmp_path, given)
    assert cells(found) == {(1, 1), (0, 2)}
    assert "2 entries" in found.notes[0]


def test_no_grade_is_lowered_in_silence(book):
    book.say([*outlined("photo0.png"), Statement(IMPORTED, 0, "photo0.png", "label", "4", (0, 0))])
    new = [Statement(IMPORTED, 0, "photo0.png", "label", value, (0, col)) for col, value in enumerate("002")]
    kept, lower = without_lowering(book, new)
    assert ([one.cell for one in kept], [one.cell for one in lower]) == ([(0, 1), (0, 2)], [(0, 0)])
    once, different = merged(
        [*new, *graded("photo0.png", {(0, 2): "1"}), Statement(IMPORTED, 0, "photo0.png", "label", "1", (0, 2))]
    )
    assert (len(once), different) == (4, 1)
    assert once[2].value == "2"


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("b/phone.jpg", ["b/phone.jpg"]),
        ("x/a/phone.jpg", ["a/phone.jpg"]),
        ("B\\PHONE.JPG", ["b/phone.jpg"]),
        ("phone.jpg", ["a/phone.jpg", "b/phone.jpg"]),
        ("my%20phone%20%281%29.jpg?x=1", ["my phone (1).jpg"]),
        ("100%.jpg", ["100%.jpg"]),
        (unicodedata.normalize("NFD", "é.jpg"), ["é.jpg"]),
        ("phone.png", []),
    ],
)
def test_the_longest_common_end_of_a_path_says_which_photo(name, wanted):
    assert find_photos(name, ["a/phone.jpg", "b/phone.jpg", "my phone (1).jpg", "100%.jpg", "é.jpg"])[0] == wanted


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_mask_turns_as_its_photo(tmp_path, orientation):
    from datamodules.images.decoding import decode

    picture = np.random.default_rng(0).integers(0, 255, (5, 7, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x112] = orientation
    Image.fromarray(picture).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(decode(tmp_path / "a.png"), upright(picture, orientation))


def test_sizes_from_before_the_exif_turn(tmp_path):
    root = draw_photos(tmp_path / "set", 1)
    exif = Image.Exif()
    exif[0x112] = 6
    with Image.open(root / "photos" / "photo0.png") as picture:
        picture.transpose(Image.Transpose.ROTATE_90).save(root / "photos" / "photo0.png", exif=exif)
    given = whole()
    given["images"][0] |= {"width": 220, "height": 160}
    assert cells(read(book_of(root), tmp_path, given)) == {(1, 1)}
    # before the turn, x is the upright picture's y, and y counts from its right
    before = [
        value
        for x, y in np.reshape([105, 175, 135, 175, 135, 205, 105, 205], (4, 2))
        for value in (int(y), int(160 - x))
    ]
    given["annotations"][0]["segmentation"] = [before]
    assert cells(read(book_of(root), tmp_path, given)) == {(4, 2)}


def test_notes_that_say_the_same_of_many_images_are_one_line():
    turned = [f"{at}.jpg: {at + 2} entries of the file, merged" for at in range(40)]
    assert noted([*turned, "6 photos have none", *turned[:1]]) == [
        "note: 0.jpg: 2 entries of the file, merged (and 40 more such)", "note: 6 photos have none",
    ]  # fmt: skip
    assert noted(turned[:3]) == [f"note: {one}" for one in turned[:3]]


def test_many_lines_go_into_a_csv_and_nothing_placed_is_an_error(book, tmp_path):
    given = whole(segmentation=[[1, 2]])
    given["annotations"] = [given["annotations"][0] | {"id": number} for number in range(MOST_LINES + 5)]
    found = read(book, tmp_path, given)
    lines = told(found.left, book.photos.root)
    assert len(lines) == MOST_LINES + 1
    assert "25 in all" in lines[-1]
    assert (book.photos.root / "left_out.csv").read_text().count("\n") == MOST_LINES + 6
    words = ("--data", book.photos.root, "--from", tmp_path / "drawn.json", "--category", "crack=3", *CLASSES)
    done = annotation("import", *words, check=1)
    assert done.stderr == f"error: {tmp_path / 'drawn.json'}: nothing in it could be placed (25 entries left out)\n"
    (tmp_path / "drawn.json").write_text("[]")
    assert annotation("import", *words, check=2).stderr.count("\n") == 1
