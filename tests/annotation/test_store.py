"""From statements to the tables that training reads."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from annotation.log import AnnotationError, Log, Statement
from annotation.photos import Photos
from annotation.state import IMPORTED, UNUSABLE
from annotation.store import Book
from datamodules.base.errors import DataError
from datamodules.phone_photos import PhonePhotos
from datamodules.screens.photo_folder import read_photo_folder
from tests.annotation.made import CORNERS, GRID, NAMES, all_cells, book_of, draw_photos, graded, outlined
from tests.drawn import draw_screens


@pytest.fixture
def root(tmp_path):
    return draw_photos(tmp_path / "set")


def cells_of(root):
    with (root / "cells.csv").open() as file:
        return {(row["photo"], int(row["row"]), int(row["col"])): row for row in csv.DictReader(file)}


def label(root, photo="photo0.png", row=0, col=0):
    return cells_of(root)[photo, row, col]["label"]


def test_a_graded_photo_is_read_by_training(root):
    book = book_of(root)
    book.say([*outlined("photo1.png"), *graded("photo1.png", all_cells("2") | {(4, 1): "3"})])
    folder = read_photo_folder(root, GRID, 5)
    assert [photo.name for photo in folder.photos] == ["photo1.png"]
    assert folder.photos[0].source_id == "d1"
    assert folder.photos[0].size == (160, 220)
    np.testing.assert_array_equal(folder.photos[0].corners.ravel(), np.array(CORNERS.split(), float))
    assert folder.labels.tolist() == [[2] * 13 + [3, 2]]
    assert folder.votes[0, 13].tolist() == [0, 0, 0, 1, 0]


def test_cells_without_a_grade_and_unusable_ones_take_part_in_nothing(root, tmp_path):
    book = book_of(root)
    for number in range(3):
        book.say([*outlined(f"photo{number}.png", f"d{number}"), *graded(f"photo{number}.png", all_cells(str(number)))])
    book.say(graded("photo0.png", {(0, 0): UNUSABLE, (2, 1): ""}))
    samples = PhonePhotos(
        str(root), cache=str(tmp_path / "cache"), class_names=NAMES, columns=3, rows=5, cell_px=40, folds=3, val_folds=0,
        split_seed=0, fold=0, calibration_cells=4, groups={},
    ).load()  # fmt: skip
    left = samples.table[samples.table.label < 0]
    assert left["sample"].tolist() == ["photo0_r0_c0", "photo0_r2_c1"]
    assert left.part.tolist() == ["", ""]
    assert not left.calibration.any()
    assert sum(map(sum, (samples.counts()[part] for part in ("train", "val")))) == 43
    assert samples.notes == [f"2 cells of {root} have no label and take part in nothing"]


def test_photos_with_an_outline_alone_are_left_out_and_named(root):
    book = book_of(root)
    book.say([*outlined("photo0.png"), *graded("photo0.png", all_cells()), *outlined("photo2.png", "d2")])
    folder = read_photo_folder(root, GRID, 5)
    assert folder.unlabelled == ["photo2.png"]
    assert len(folder.photos) == 1
    book.say(graded("photo0.png", all_cells("")))
    with pytest.raises(DataError, match=r"cells.csv: none of the 2 photos has a label"):
        read_photo_folder(root, GRID, 5)


def test_votes_are_counted_ties_stay_open_and_a_review_settles_them(root):
    book = book_of(root)
    book.say([*outlined("photo0.png"), *graded("photo0.png", all_cells("1"))])
    book.say(graded("photo0.png", all_cells("1") | {(0, 0): "4"}, who="bob"))
    assert label(root) == "NA"
    assert cells_of(root)["photo0.png", 0, 0]["votes"] == "0 1 0 0 1"
    assert label(root, row=1) == "1"
    book.say([Statement("cleo", 1, "photo0.png", "settled", "3", (0, 0))])
    assert label(root) == "3"
    book.say(graded("photo0.png", {(0, 0): "4"}, who="dan"))
    assert label(root) == "3", "what was settled stands"
    book.say([Statement("cleo", 1, "photo0.png", "settled", "", (0, 0))])
    assert label(root) == "4", "two of three votes"


def test_a_second_round_is_another_vote_and_a_correction_is_not(root):
    book = book_of(root)
    book.say([*outlined("photo0.png"), *graded("photo0.png", {(0, 0): "1"})])
    book.say(graded("photo0.png", {(0, 0): "2"}))
    assert label(root) == "2"
    assert cells_of(root)["photo0.png", 0, 0]["votes"] == "0 0 1 0 0"
    book.say(graded("photo0.png", {(0, 0): "2"}, turn=2))
    assert cells_of(root)["photo0.png", 0, 0]["votes"] == "0 0 2 0 0"
    history = [one.value for one in Log(root).read() if one.field == "label"]
    assert history == ["1", "2", "2"]


def test_tables_that_were_there_are_kept_and_are_the_start(tmp_path):
    root = draw_screens(tmp_path / "set", sources=3)
    text = (root / "photos.csv").read_text().splitlines()
    header, first, *others = text
    (root / "photos.csv").write_text(
        "\n".join([header + ",shop", first + ",Rome", *(line + "," for line in others)]) + "\n"
    )
    before = read_photo_folder(root, GRID, 5)
    originals = [(root / name).read_bytes() for name in ("photos.csv", "cells.csv")]
    book = book_of(root)
    after = read_photo_folder(root, GRID, 5)
    np.testing.assert_array_equal(after.labels, before.labels)
    assert [photo.source_id for photo in after.photos] == [photo.source_id for photo in before.photos]
    assert [(root / name).read_bytes() for name in ("photos.before.csv", "cells.before.csv")] == originals
    assert "shop" in (root / "photos.csv").read_text().splitlines()[0]
    assert "Rome" in (root / "photos.csv").read_text()
    old = str(before.labels[0, 0])
    new = str((before.labels[0, 0] + 1) % 5)
    book.say(graded("screen0.png", {(0, 0): new}))
    assert label(root, "screen0.png") == new, "a person's grade stands above what was imported"
    assert book.state["screen0.png"].votes[0, 0][IMPORTED, 0] == old
    again = book_of(root)
    assert again.state["screen0.png"].votes == book.state["screen0.png"].votes, "imported once only"


def test_photos_may_lie_in_the_folder_itself_and_in_subfolders(tmp_path):
    root = draw_photos(tmp_path / "set", 1, folder="phone 7")
    draw_photos(root, 1, folder="phone 8")
    book = book_of(root)
    assert list(book.photos.files) == ["phone 7/photo0.png", "phone 8/photo0.png"]
    for name in book.photos.files:
        book.say([*outlined(name, name[:7]), *graded(name, all_cells("1"))])
    folder = read_photo_folder(root, GRID, 5)
    assert [path.relative_to(root).as_posix() for path in folder.files] == list(book.photos.files)


def test_another_process_is_heard_and_its_grades_are_not_overwritten(root):
    mine, other = book_of(root), book_of(root)
    mine.say([*outlined("photo0.png"), *graded("photo0.png", all_cells("1"))])
    other.say([*outlined("photo1.png", "d9"), *graded("photo1.png", all_cells("2"), who="bob")])
    mine.say(graded("photo0.png", {(0, 0): "3"}))
    assert read_photo_folder(root, GRID, 5).labels.tolist() == [[3] + [1] * 14, [2] * 15]
    with mine.reading() as state:
        assert state["photo1.png"].label((0, 0)) == "2"


def test_tables_that_a_killed_process_left_behind_the_log_are_made_anew(root):
    book_of(root).say([*outlined("photo0.png"), *graded("photo0.png", all_cells("1"))])
    Log(root).append(graded("photo0.png", {(0, 0): "4"}))
    assert label(root) == "1"
    book_of(root)
    assert label(root) == "4"


BAD = {
    "photo of another folder": (Statement("a", 1, "../x.png", "comment", "x"), "../x.png: no photo of"),
    "no such cell": (Statement("a", 1, "photo0.png", "label", "1", (5, 0)), "the grid has 5 rows of 3"),
    "no cell": (Statement("a", 1, "photo0.png", "label", "1"), "the grid has 5 rows of 3"),
    "no such label": (Statement("a", 1, "photo0.png", "label", "5", (0, 0)), "label=5: want 0, 1, 2, 3, 4 or unusable"),
    "seven numbers": (Statement("a", 1, "photo0.png", "corners", "1 2 3 4 5 6 7"), "corners: "),
    "words": (Statement("a", 1, "photo0.png", "corners", "a b c d e f g h"), "corners: "),
    "not finite": (Statement("a", 1, "photo0.png", "corners", "nan 10 140 10 140 210 20 210"), "not a number"),
    "outside": (Statement("a", 1, "photo0.png", "corners", "20 10 940 10 140 210 20 210"), "outside the photo"),
    "crossed": (Statement("a", 1, "photo0.png", "corners", "140 10 20 10 140 210 20 210"), "crossed"),
    "another column": (Statement("a", 1, "photo0.png", "colour", "red"), "colour: nothing that is said of photos"),
}


@pytest.mark.parametrize("case", BAD)
def test_nonsense_is_refused_and_nothing_of_it_is_written(root, case):
    said, wanted = BAD[case]
    book = book_of(root)
    with pytest.raises(AnnotationError) as refusal:
        book.say([*outlined("photo0.png"), said])
    assert wanted in str(refusal.value)
    assert not book.log.path.exists()


def test_broken_files_and_links_to_elsewhere_are_named_and_skipped(root, tmp_path):
    (root / "photos" / "broken.jpg").write_bytes(b"no picture")
    (root / "photos" / "empty.png").write_bytes(b"")
    Image.new("RGB", (40, 60)).save(tmp_path / "secret.png")
    (root / "photos" / "link.png").symlink_to(tmp_path / "secret.png")
    (root / "photos" / "notes.txt").write_text("no photo")
    photos = Photos(root)
    assert list(photos.files) == ["photo0.png", "photo1.png", "photo2.png"]
    assert sorted(line.partition(":")[0] for line in photos.left_out) == ["broken.jpg", "empty.png", "link.png"]
    assert any("outside the folder" in line for line in photos.left_out)


def test_a_photo_lying_on_its_side_by_exif_has_the_size_that_is_seen(tmp_path):
    (tmp_path / "photos").mkdir()
    exif = Image.Exif()
    exif[274] = 6
    Image.new("RGB", (80, 40)).save(tmp_path / "photos" / "side.jpg", exif=exif)
    photos = Photos(tmp_path)
    assert (photos["side.jpg"].width, photos["side.jpg"].height) == (40, 80)
    assert photos.pixels("side.jpg").shape == (80, 40, 3)


@pytest.mark.parametrize("make", ["nothing", "empty"])
def test_a_folder_without_photos_is_refused_by_name(tmp_path, make):
    root = tmp_path / "set"
    if make == "empty":
        root.mkdir()
    with pytest.raises(AnnotationError, match=r"set: no (such folder|readable photo)"):
        Photos(root)


def test_a_turned_phone_keeps_everybodys_grades_on_their_glass(root):
    book = book_of(root)
    book.say([*outlined("photo0.png"), *graded("photo0.png", {(0, 0): "1", (4, 1): "2"})])
    book.say(
        [*graded("photo0.png", {(0, 0): "3"}, who="bob"), Statement("bob", 1, "photo0.png", "settled", "4", (0, 0))]
    )
    book.turn("photo0.png", "anna", 1)
    assert label(root, row=4, col=2) == "4"
    assert label(root, row=0, col=1) == "2"
    assert read_photo_folder(root, GRID, 5).photos[0].corners[0].tolist() == [140, 210]
    book.turn("photo0.png", "anna", 1)
    assert label(root) == "4"
    assert book_of(root).state["photo0.png"].corners == tuple(map(float, CORNERS.split()))


def test_defaults_yield_to_what_somebody_has_said(root):
    book = book_of(root)
    found = [
        Statement("a", 1, "photo0.png", "corners", "21 11 139 11 139 209 21 209"),
        Statement("a", 1, "photo0.png", "source_id", "x"),
    ]
    book.say(graded("photo0.png", {(0, 0): "1"}), found)
    assert book.state["photo0.png"].columns["source_id"] == "x"
    other = book_of(root)
    other.say(outlined("photo0.png", "y"))
    book.say(graded("photo0.png", {(0, 1): "1"}), found)
    assert book.state["photo0.png"].columns["source_id"] == "y"
    assert book.state["photo0.png"].corners == tuple(map(float, CORNERS.split()))


def test_a_settled_grade_counts_as_much_as_all_votes(root):
    book = book_of(root)
    book.say([*outlined("photo0.png"), *graded("photo0.png", {(0, 0): "1"})])
    book.say(graded("photo0.png", {(0, 0): "1"}, who="bob"))
    book.say([Statement("cleo", 1, "photo0.png", "settled", "4", (0, 0))])
    assert cells_of(root)["photo0.png", 0, 0]["votes"] == "0 2 0 0 2"


def test_votes_corners_and_order_of_tables_that_were_there_are_kept_to_the_digit(tmp_path):
    root = draw_screens(tmp_path / "set", sources=3)
    lines = (root / "photos.csv").read_text().splitlines()
    lines[1] = lines[1].replace(",10,10,", ",10.123456789,10,", 1)
    (root / "photos.csv").write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    cells = (root / "cells.csv").read_text().splitlines()
    (root / "cells.csv").write_text(
        "\n".join([cells[0] + ",votes", cells[1] + ",3 1 0 0 1", *(one + "," for one in cells[2:])]) + "\n"
    )
    before = read_photo_folder(root, GRID, 5)
    book_of(root)
    after = read_photo_folder(root, GRID, 5)
    assert [one.name for one in after.photos] == [one.name for one in before.photos]
    for one, other in zip(before.photos, after.photos, strict=True):
        np.testing.assert_array_equal(one.corners, other.corners)
    np.testing.assert_array_equal(before.labels, after.labels)
    assert cells_of(root)["screen0.png", 0, 0]["votes"] == "3 1 0 0 1"


def test_who_only_looks_leaves_no_tables(root):
    book_of(root)
    assert not list(root.glob("*.csv"))


def test_who_only_reads_writes_nothing(tmp_path):
    root = draw_screens(tmp_path / "set", sources=3)
    before = sorted(path.name for path in root.iterdir())
    book = Book(Photos(root), NAMES, GRID, writes=False)
    assert sorted(path.name for path in root.iterdir()) == before
    assert sum(len(one.votes) for one in book.state.photos.values()) == 45


def test_photos_added_by_another_process_are_not_dropped_from_the_tables(root):
    mine = book_of(root)
    draw_photos(root.parent / "more", 4)
    (root.parent / "more" / "photos" / "photo3.png").rename(root / "photos" / "photo3.png")
    book_of(root).say([*outlined("photo3.png", "d9"), *graded("photo3.png", all_cells("1"))])
    mine.say([*outlined("photo0.png"), *graded("photo0.png", all_cells("2"))])
    assert {one.name for one in read_photo_folder(root, GRID, 5).photos} == {"photo0.png", "photo3.png"}


def test_tables_that_cannot_be_written_lose_no_statement(root, monkeypatch, capsys):
    book = book_of(root)
    monkeypatch.setattr(
        "annotation.store._replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    book.say([*outlined("photo0.png"), *graded("photo0.png", all_cells("1"))])
    assert "photos.csv and cells.csv are behind" in capsys.readouterr().err
    monkeypatch.undo()
    assert book_of(root).state["photo0.png"].label((0, 0)) == "1"
    assert label(root) == "1"


def test_names_that_tables_cannot_hold_and_formats_that_are_not_read_are_named(root):
    first = (root / "photos" / "photo0.png").read_bytes()
    for name in (b"caf\xe9.png", b"photo1.jpg", b"new.HEIC"):
        (root / "photos" / os.fsdecode(name)).write_bytes(first)
    photos = Photos(root)
    assert len(photos.files) == 3
    said = "\n".join(photos.left_out)
    assert said.encode()
    assert "letters that a table cannot" in said
    assert "HEIC is not read: save it as JPEG" in said
    assert "its cells would be named as those of photo1.jpg" in said or "as those of photo1.png" in said


def test_cells_beside_photos_in_the_folder_itself_are_no_photos(tmp_path, monkeypatch):
    draw_photos(tmp_path / "set", 2, folder=".")
    draw_photos(tmp_path / "set", 2, folder="cells")
    monkeypatch.chdir(tmp_path)
    assert list(Photos(Path("set")).files) == ["photo0.png", "photo1.png"]


def test_a_listed_photo_that_is_gone_is_named_and_its_labels_stay_in_the_log(tmp_path):
    root = draw_screens(tmp_path / "set", sources=3)
    (root / "photos" / "screen1.png").unlink()
    book = book_of(root)
    assert any(line.startswith("screen1.png: ") for line in book.photos.left_out)
    assert len(read_photo_folder(root, GRID, 5).photos) == 2
    assert sum(one.photo == "screen1.png" and one.field == "label" for one in Log(root).read()) == 15


def test_a_folder_that_cannot_be_written_is_one_line(root, monkeypatch):
    def denied(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Log, "held", denied)
    with pytest.raises(AnnotationError, match=r"set: cannot write here \(Permission denied\)"):
        Book(Photos(root), NAMES, GRID)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("0,0,label,1\0", r"label='1\x00': want a text without control characters"),
        (",,corners,1 2 3 4 5 6", "corners=1 2 3 4 5 6: want x and y of four corners"),
        (",,corners,1 2 3 4 5 6 7 nan", "want x and y of four corners"),
        ("9,0,label,1", "cell (9, 0): the grid has 5 rows of 3"),
        ("0,0,label,banana", "label=banana: want 0, 1"),
        ("0,0,proposed,banana net", "proposed=banana net: want 0, 1"),
        ("0,0,votes,1 x", "votes='1 x': want"),
        (",,turned,4x4", "turned=4x4: want 5x3, the grid's rows and columns"),
    ],
)
def test_a_line_that_no_page_has_written_is_named(tmp_path, line, wanted):
    root = draw_photos(tmp_path / "phones")
    book = book_of(root)
    book.say([*outlined("photo0.png"), *graded("photo0.png", {(0, 0): "1"})])
    log = root / "annotations.csv"
    whole = log.read_text()
    log.write_text(f"{whole}2026-11-29T23:03:04Z,anna,1,photo0.png,{line}\n")
    with pytest.raises(AnnotationError) as refused:
        book_of(root)
    number = whole.count("\n") + 1
    assert str(refused.value).startswith(f"{log}, line {number}: photo0.png: ")
    assert wanted in str(refused.value)
    log.write_text(f"{whole}2026-11-29T23:03:04Z,anna,1,photo0.png,0,1,label,1\n")
    assert book_of(root).state["photo0.png"].label((0, 1)) == "1"
