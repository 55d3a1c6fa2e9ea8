"""The commands of annotation, as typed."""

import csv
import json

import pytest

from annotation.log import Log
from datamodules.screens.grid import Grid
from datamodules.screens.photo_folder import read_photo_folder
from tests.annotation.made import all_cells, book_of, draw_photos, graded, outlined
from tests.commands.test_train import SMALL, run
from tests.drawn import draw_screens
from tests.warm import run_warm

CLASSES = ("datamodule.class_names=[none,minor,major,crack,broken]", "datamodule.cell_px=40")


def annotation(*words, check=0):
    done = run_warm("-m", "annotation", *words, env={})
    assert done.returncode == check, done.stdout + done.stderr
    return done


@pytest.fixture
def root(tmp_path):
    return draw_photos(tmp_path / "my phones")


def test_agreement_out_and_in(root, tmp_path):
    book = book_of(root)
    book.say([*outlined("photo0.png"), *graded("photo0.png", all_cells("1"))])
    book.say(graded("photo0.png", all_cells("1") | {(0, 0): "2"}, who="bob"))
    said = annotation("agreement", "--data", root, *CLASSES).stdout
    assert "anna, round 1 / bob, round 1: kappa" in said
    assert "alike 93.3% of 15 cells" in said
    said = annotation("export", "--data", root, "--to", tmp_path / "out.json", *CLASSES).stdout
    assert said == f"14 polygons: {tmp_path / 'out.json'}\n"
    other = draw_photos(tmp_path / "other")
    done = annotation("import", "--data", other, "--from", tmp_path / "out.json", *CLASSES)
    assert done.stdout.endswith(f"15 cells of 1 photos: {other / 'annotations.csv'}\n")
    assert done.stderr == ""
    labels = [one.value for one in Log(other).read() if one.field == "label"]
    assert labels == ["0", *["1"] * 14]


def test_polygons_with_grades_by_how_much_they_cover(root, tmp_path):
    path = tmp_path / "drawn.json"
    path.write_text(json.dumps({
        "images": [{"id": 1, "file_name": "photo0.png", "width": 160, "height": 220},
                   {"id": 2, "file_name": "gone.png", "width": 1, "height": 1}],
        "categories": [{"id": 1, "name": "scratch"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [60, 50, 40, 40]},
                        {"id": 2, "image_id": 1, "category_id": 1, "bbox": [62, 12, 4, 4]}],
    }))  # fmt: skip
    done = annotation("import", "--data", root, "--from", path, *CLASSES, check=2)
    assert done.stderr == f"error: {path}: category scratch: say what it means with --category scratch=<grade>\n"
    done = annotation("import", "--data", root, "--from", path, "--category", "scratch=1,2@0.3", *CLASSES)
    assert "left out: gone.png: no such photo" in done.stdout
    values = {one.cell: one.value for one in Log(root).read() if one.field == "label"}
    assert (values[1, 1], values[0, 1]) == ("2", "1")


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("agreement", "--data", "nowhere"), "nowhere: no such folder"),
        (("export", "--data", "{root}", "--to", "x.txt"), "--to x.txt: want a name that ends with .csv or .json"),
        (("import", "--data", "{root}", "--from", "no.csv"), "no.csv"),
        (("doubtful", "--data", "{root}", "--runs", "runs/none"), "runs=runs/none: no run in it"),
        (("agreement", "--data", "{root}", "trainer.max_epochs=3"), "trainer.max_epochs=3: no such option"),
    ],
)
def test_a_mistake_is_one_line(root, words, wanted):
    done = annotation(*(word.format(root=root) for word in words), check=2)
    assert done.stderr.startswith("error: ")
    assert wanted in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_doubts_of_networks_that_were_trained_on_the_folder(tmp_path):
    root = draw_screens(tmp_path / "screens", sources=6)
    run(tmp_path, "-m", *SMALL, "datamodule.val_folds=0", "optimizer.lr=0.01", "trainer.max_epochs=4", "fold=0,1,2",
        "sweep_name=folds", check=0)  # fmt: skip
    done = annotation("doubtful", "--data", root, "--runs", tmp_path / "runs" / "folds", "datamodule.cell_px=64")
    with (root / "doubtful.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert done.stdout.startswith(f"{len(rows)} labels that the networks doubt")
    assert 0 < len(rows) < 90
    labels = read_photo_folder(root, Grid(3, 5, 64), 5).labels
    assert all(int(row["label"]) != int(row["suggested"]) for row in rows)
    assert all(labels[int(row["photo"][6]), 3 * int(row["row"]) + int(row["col"])] == int(row["label"]) for row in rows)
    quality = [float(row["quality"]) for row in rows]
    assert quality == sorted(quality)
