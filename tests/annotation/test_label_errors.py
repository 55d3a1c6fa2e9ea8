"""Doubtful labels, and which phone is in a photo."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from annotation.device_suggestions import look_of, suggest
from annotation.label_errors import doubts, rank, read_doubts, write_doubts
from annotation.log import AnnotationError
from annotation.photos import PhotoFile
from annotation.pre_annotations import Proposals, doubt
from datamodules.screens.photo_folder import cell_name
from sweeps.records.run_record import update_record
from tests.annotation.made import CORNERS, GRID, NAMES, all_cells, book_of, draw_photos, graded, outlined

QUAD = np.array(CORNERS.split(), float).reshape(4, 2)


def sure_of(labels, share=0.9, classes=5):
    chances = np.full((len(labels), classes), (1 - share) / (classes - 1))
    chances[np.arange(len(labels)), labels] = share
    return chances


def test_wrong_labels_come_first():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 5, 400)
    chances = sure_of(truth, 0.7) + rng.uniform(0, 0.1, (400, 5))
    chances /= chances.sum(1, keepdims=True)
    wrong = rng.choice(400, 40, replace=False)
    labels = truth.copy()
    labels[wrong] = (labels[wrong] + 1) % 5
    order, quality = rank(labels, chances)
    assert set(order[:40].tolist()) == set(wrong.tolist())
    assert (np.diff(quality[order]) >= 0).all()


def test_classes_that_no_label_has_do_no_harm():
    labels = np.array([0] * 10 + [3] * 10)
    chances = sure_of(np.array([0] * 9 + [3] + [3] * 10))
    assert rank(labels, chances)[0][0] == 9


def run_of(folder, fold, cells, chances, part="val", names=NAMES):
    folder.mkdir(parents=True)
    update_record(folder, lambda _: {"status": "done", "data": {"class_names": list(names)}, "axes": {"fold": fold}})
    rows = [{"sample": cell, "part": part, "checkpoint": kind, "label": 0, "probabilities": list(chance)}
            for cell, chance in zip(cells, chances, strict=True) for kind in ("best", "last")]  # fmt: skip
    pd.DataFrame(rows).to_parquet(folder / "predictions.parquet")


def test_a_folder_is_judged_by_networks_that_did_not_see_it(tmp_path):
    book = book_of(draw_photos(tmp_path / "set"))
    for number in range(3):
        book.say([*outlined(f"photo{number}.png", f"d{number}"), *graded(f"photo{number}.png", all_cells(str(number)))])
    book.say(graded("photo1.png", {(2, 2): "4", (0, 0): ""}))
    for number in range(3):
        cells = [cell_name(f"photo{number}.png", *cell) for cell in book.cells]
        run_of(tmp_path / "sweep" / f"fold{number}", number, cells, sure_of(np.full(15, number)))
        seen = [cell_name(f"photo{(number + 1) % 3}.png", *cell) for cell in book.cells]
        run_of(tmp_path / "seen" / f"fold{number}", number, seen, sure_of(np.zeros(15, int)), part="train")
    rows = doubts(book, tmp_path / "sweep")
    assert [row[:5] for row in rows] == [("photo1.png", 2, 2, 4, 1)]
    path = write_doubts(book.photos.root, rows)
    (entry,) = read_doubts(book.photos.root)
    assert (entry["photo"], entry["row"], entry["col"], entry["label"], entry["suggested"]) == (
        "photo1.png",
        2,
        2,
        4,
        1,
    )
    with pytest.raises(AnnotationError, match="scored none"):
        doubts(book, tmp_path / "seen")
    path.write_text("photo,row\nx,1\n")
    with pytest.raises(AnnotationError, match=r"doubtful\.csv: no column"):
        read_doubts(book.photos.root)


def test_runs_of_something_else_are_refused(tmp_path):
    book = book_of(draw_photos(tmp_path / "set"))
    with pytest.raises(AnnotationError, match="no run in it"):
        doubts(book, tmp_path / "nothing")
    run_of(tmp_path / "sweep" / "one", 0, ["a_r0_c0"], sure_of(np.zeros(1, int)), names=("cat", "dog"))
    with pytest.raises(AnnotationError, match="grades cat, dog, not none"):
        doubts(book, tmp_path / "sweep")


class Grey:
    """Grades a cell by its mean, and counts what it was asked."""

    resolution, labels, asked = 16, list(NAMES), 0

    def grade(self, images):
        self.asked += len(images)
        assert images.shape[1:] == (16, 16, 3)
        return None, sure_of(np.clip(images.mean((1, 2, 3)) // 50, 0, 4).astype(int))


def test_proposals_are_asked_for_once_and_again_when_the_outline_moves(tmp_path):
    book = book_of(draw_photos(tmp_path / "set"))
    grader = Grey()
    proposals = Proposals(grader, "run", "m1", tmp_path / "cache", NAMES, GRID)
    picture = book.photos.pixels("photo0.png")
    first = proposals.of(lambda: picture, "k", QUAD)
    assert first.shape == (15, 5)
    assert first.argmax(1).tolist() == [0] * 15
    proposals.of(lambda: picture, "k", QUAD)
    assert grader.asked == 15
    proposals.keep()
    again = Proposals(grader, "run", "m1", tmp_path / "cache", NAMES, GRID)
    np.testing.assert_array_equal(again.of(lambda: picture, "k", QUAD), first)
    assert grader.asked == 15
    again.of(lambda: picture, "k", QUAD + 1)
    assert grader.asked == 30
    assert doubt(np.array([[0.5, 0.5], [1.0, 0.0]])) == pytest.approx(0.25)
    with pytest.raises(AnnotationError, match="run=run: grades none"):
        Proposals(grader, "run", "m1", tmp_path / "cache", ("a", "b"), GRID)


def photo(name, taken=None):
    return PhotoFile(name, None, 160, 220, taken)


def suggested(name, known, looks=None, times=None):
    times = times or {}
    files = {each: photo(each, times.get(each)) for each in [name, *known]}
    return suggest(files[name], known, files, (looks or {}).get)


def test_the_same_looks_are_the_same_phone(tmp_path):
    root = draw_photos(tmp_path / "set")
    looks = {name: look_of(one, QUAD) for name in ("photo0.png", "photo1.png", "photo2.png")
             for one in [book_of(root).photos.pixels(name)]}  # fmt: skip
    looks["again.png"] = look_of(book_of(root).photos.pixels("photo1.png"), QUAD + 0.5)
    looks["other.png"] = -looks["photo0.png"] * 3
    known = {"photo1.png": "mine"}
    assert suggested("again.png", known, looks)[0] == "mine"
    assert suggested("again.png", known, looks)[1] == "like photo1.png by looks"
    assert suggested("other.png", known, looks) == ("device-1", "a new phone, like none so far"), (
        "numbered by the photo"
    )


def test_folders_bursts_and_numbers():
    noon = datetime(2026, 1, 1, 12)
    times = {"a9.jpg": noon, "b1.jpg": noon + timedelta(seconds=20), "c.jpg": noon + timedelta(hours=3)}
    assert suggested("b1.jpg", {"a9.jpg": "x"}, times=times)[0] == "x"
    assert suggested("c.jpg", {"a9.jpg": "x"}, times=times)[0] == "device-1"
    assert suggested("phone 12/2.jpg", {"phone 12/1.jpg": "twelve"})[0] == "twelve"
    assert suggested("phone 13/2.jpg", {"phone 12/1.jpg": "twelve"}) == ("phone 13", "its folder")
    assert suggested("z.jpg", {"y.jpg": "device-1"})[0] == "device-3", "never another photo's number"
