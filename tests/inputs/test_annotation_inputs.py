"""Tables and annotation files with one thing wrong, drawn anew each time: one line names it; what is right beside it is read.

Every kind of mistake meets every place where it can stand. A tenth runs always, the rest in `make test-slow`.
"""

import csv
import itertools
import json
import random
import unicodedata
from collections import Counter

import cv2
import numpy as np
import pytest

from annotation.coco import from_coco
from annotation.coco_categories import category
from annotation.import_export import from_table
from annotation.log import AnnotationError
from datamodules.base.errors import DataError
from datamodules.image_labels import ImageLabels
from datamodules.images.number_table import read_numbers
from datamodules.screens.grid import Grid
from datamodules.screens.photo_folder import CORNER_COLUMNS, read_photo_folder
from tests.annotation.made import CORNERS, book_of, draw_photos

SEED = random.SystemRandom().randrange(10**9)
QUAD = np.array(CORNERS.split(), float).reshape(4, 2)
COUNTS: Counter[str] = Counter()
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
WIDE = str.maketrans("0123456789", "０１２３４５６７８９")

WRONG = {
    "a space before": lambda rng, good: f" {good}",
    "a space behind": lambda rng, good: f"{good} ",
    "Arabic digits": lambda rng, good: good.translate(ARABIC),
    "full-width digits": lambda rng, good: good.translate(WIDE),
    "not a number": lambda rng, good: rng.choice(["nan", "NaN", "inf", "-inf"]),
    "over-large": lambda rng, good: str(rng.randrange(10**29, 10**30)),
    "an exponent beyond floats": lambda rng, good: f"{rng.randrange(1, 9)}e{rng.randrange(400, 900)}",
    "a word": lambda rng, good: "".join(rng.choices("ghkqwz", k=8)),
    "an underscore": lambda rng, good: f"1_{rng.randrange(100, 999)}",
    "below zero": lambda rng, good: f"-{rng.randrange(1000, 9999)}",
    "nothing": lambda rng, good: "",
    "a zero byte": lambda rng, good: f"{good}\0{rng.randrange(999)}",
    "a field of 300,000 letters": lambda rng, good: rng.choice("abc") * 300_000,
}


class Tables:
    """A set of each kind of table, whole, and what reads it."""

    def __init__(self, root):
        self.root = root
        self.book = book_of(draw_photos(root / "book"))
        for name in ("n01.png", "n02.png", "n03.png"):
            cv2.imwrite(str(root / name), np.random.default_rng(len(name)).integers(0, 255, (16, 16, 3), np.uint8))
        (root / "photos").mkdir()
        cv2.imwrite(str(root / "photos" / "p.png"), np.zeros((220, 160, 3), np.uint8))
        self.tables = {
            "photos.csv": [["photo", "source_id", "width", "height", *CORNER_COLUMNS], ["p.png", "d", "160", "220", *CORNERS.split()]],
            "cells.csv": [["photo", "row", "col", "label", "votes"], *([f"p.png,{r},{c},{(r + c) % 5},1 0 0 0 {r}".split(",") for r in range(5) for c in range(3)][0:])],
            "numbers.csv": [["image", "wear"], ["n01.png", "0.5"], ["n02.png", "0"], ["n03.png", "1"]],
            "labels.csv": [["image", "disc", "ring"], ["n01.png", "0", "1"], ["n02.png", "1", "0"], ["n03.png", "1", "1"]],
            "given.csv": [["photo", "row", "col", "label", "round", "annotator"], ["photo0.png", "1", "2", "3", "1", "anna"]],
        }  # fmt: skip
        for name in self.tables:
            self.write(name, self.tables[name])

    def write(self, name, rows):
        with (self.root / name).open("w", newline="") as file:
            csv.writer(file).writerows(rows)

    def read(self, name):
        if name == "numbers.csv":
            read_numbers(self.root, name, "wear", 0, 1)
        elif name == "labels.csv":
            divided = {"cache": str(self.root / "cache"), "folds": 2, "val_folds": 0, "split_seed": 0, "fold": 0}
            ImageLabels(str(self.root), table=name, use_parts=False, calibration_cells=1, **divided).load()
        elif name == "given.csv":
            from_table(self.book, self.root / name)
        else:
            read_photo_folder(self.root, Grid(3, 5, 40), 5)


PLACES = [
    *(("photos.csv", column, "10") for column in ("width", "x_tl", "y_br")), *(("cells.csv", column, "1") for column in ("row", "col", "label")),
    ("numbers.csv", "wear", "0.25"), ("labels.csv", "disc", "1"), *(("given.csv", column, "1") for column in ("row", "col", "label", "round")),
]  # fmt: skip
FREE = {("photos.csv", "width", "nothing"), ("given.csv", "label", "nothing"), ("given.csv", "round", "nothing"),
        ("photos.csv", "x_tl", "below zero"), ("photos.csv", "y_br", "below zero")}  # fmt: skip
"""What may stand there, or what is found out only with the picture."""
CASES = [(*place, kind) for place, kind in itertools.product(PLACES, WRONG) if (*place[:2], kind) not in FREE]
SHAPES = {
    "more values": lambda rng, rows: rows[-1].append(str(rng.randrange(10**6, 10**7))),
    "two columns of a name": lambda rng, rows: [
        rows[0].append(rows[0][-1]),
        *(row.append(row[-1]) for row in rows[1:]),
    ],
    "fewer values": lambda rng, rows: rows[-1].pop(),
}


def some_always(cases):
    return [pytest.param(*case, marks=[] if at % 10 == 3 else [pytest.mark.slow]) for at, case in enumerate(cases)]


@pytest.fixture
def rng(request):
    return random.Random(f"{SEED} {request.node.name}")


@pytest.fixture
def tables(tmp_path):
    return Tables(tmp_path)


@pytest.fixture(scope="module", autouse=True)
def counted(request):
    yield
    writer = request.config.get_terminal_writer()
    writer.line(f" annotation inputs, seed {SEED}: {', '.join(f'{count} {what}' for what, count in COUNTS.items())}")


def refused(tables, name):
    with pytest.raises((DataError, AnnotationError)) as raised:
        tables.read(name)
    line = str(raised.value)
    assert "\n" not in line
    assert len(line) < 400 + len(str(tables.root))
    assert name in line
    COUNTS["refused"] += 1
    return line


@pytest.mark.parametrize(("name", "column", "good", "kind"), some_always(CASES))
def test_a_wrong_value_is_named_with_its_line_and_column(tables, rng, name, column, good, kind):
    tables.read(name)
    rows = [list(row) for row in tables.tables[name]]
    at = rows[0].index(column)
    wrong = WRONG[kind](rng, good)
    rows[1][at] = wrong
    tables.write(name, rows)
    line = refused(tables, name)
    assert "line 2" in line, line
    assert column in line
    assert repr(wrong)[1:20].rstrip("'") in line, "the value"
    assert "want" in line
    rows[1][at] = tables.tables[name][1][at]  # the valid neighbour
    tables.write(name, rows)
    tables.read(name)
    COUNTS["read"] += 1


@pytest.mark.parametrize(
    ("name", "shape"),
    some_always(list(itertools.product(["photos.csv", "cells.csv", "numbers.csv", "labels.csv", "given.csv"], SHAPES))),
)
def test_a_line_has_a_value_for_each_column(tables, rng, name, shape):
    rows = [list(row) for row in tables.tables[name]]
    SHAPES[shape](rng, rows)
    tables.write(name, rows)
    line = refused(tables, name)
    assert (
        f"line {len(rows)}" if shape != "two columns of a name" else f"column {rows[0][-1]} is there 2 times"
    ) in line
    if shape == "more values":
        assert rows[-1][-1] in line


@pytest.mark.parametrize(("table", "file"), [("NFC", "NFD"), ("NFD", "NFC"), ("NFD", "NFD")])
def test_names_that_differ_in_unicode_form_are_one(tables, rng, table, file):
    word = f"né{rng.randrange(1000)}ü.png"
    form = {one: unicodedata.normalize(one, word) for one in ("NFC", "NFD")}
    (tables.root / "photos" / "p.png").rename(tables.root / "photos" / form[file])
    (tables.root / "n01.png").rename(tables.root / form[file])
    for name, old in (("photos.csv", "p.png"), ("numbers.csv", "n01.png")):
        tables.write(name, [[form[table] if value == old else value for value in row] for row in tables.tables[name]])
    tables.write(
        "cells.csv",
        [[form["NFC"] if value == "p.png" else value for value in row] for row in tables.tables["cells.csv"]],
    )
    tables.read("cells.csv")
    assert (tables.root / read_numbers(tables.root, "numbers.csv", "wear", 0, 1)[0].image).exists()
    tables.write("numbers.csv", [["image", "wear"], [form["NFC"], "0"], [form["NFD"], "1"]])
    assert "has a line already" in refused(tables, "numbers.csv")


INSIDE = [65, 55, 95, 55, 95, 85, 65, 85]
DRAWN = {
    "two points": lambda key: {"segmentation": [[key, 1, 2, 3]]},
    "words": lambda key: {"segmentation": [[1, 2, 3, 4, 5, f"x{key}"]]},
    "run lengths of another size": lambda key: {"segmentation": {"size": [key, key], "counts": [key * key]}},
    "run lengths in a list of another size": lambda key: {"segmentation": [{"size": [key, 160], "counts": "0"}]},
    "a negative run": lambda key: {"segmentation": {"size": [220, 160], "counts": [-key, 35200 + key]}},
    "too few pixels": lambda key: {"segmentation": {"size": [220, 160], "counts": [key]}},
    "nothing drawn": lambda key: {"segmentation": [], "bbox": None},
    "an image that is not there": lambda key: {"image_id": key},
    "a category that is not there": lambda key: {"category_id": key},
    "a box of words": lambda key: {"segmentation": None, "bbox": [1, 2, 3, f"x{key}"]},
    "a polygon far away": lambda key: {"segmentation": [[0, 0, 0, 9, key, 9]]},
    "an endless number": lambda key: {"segmentation": [[1, 2, 3, float("inf"), 5, key]]},
}  # fmt: skip


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[] if at % 10 == 3 else [pytest.mark.slow]) for at, kind in enumerate(DRAWN)]
)
def test_an_annotation_that_cannot_be_placed_is_named_beside_one_that_can(tmp_path, rng, kind):
    book = book_of(draw_photos(tmp_path / "set", 1))
    key, id_ = rng.randrange(1000, 9999), rng.randrange(10**6, 10**7)
    good = {"id": 1, "image_id": "7", "category_id": 2, "segmentation": [INSIDE]}
    whole = {
        "images": [{"id": 7, "file_name": "x/photo0.png", "width": 160, "height": 220}], "categories": [{"id": 2, "name": "crack"}],
        "annotations": [good, good | {"id": id_} | DRAWN[kind](key)],
    }  # fmt: skip
    (tmp_path / "drawn.json").write_text(json.dumps(whole))
    found = from_coco(book, tmp_path / "drawn.json", {"crack": category("3")}, lambda _: QUAD)
    assert {one.cell for one in found.said if one.value == "3"} == {(1, 1)}
    line = str(found.left[0])
    assert len(found.left) == 1
    assert f"annotation {id_}" in line
    assert "\n" not in line
    assert kind in ("two points", "nothing drawn", "an endless number") or str(key) in line
    COUNTS["named, with the rest imported"] += 1
