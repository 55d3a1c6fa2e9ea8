"""Every way in which a data set on disk can be wrong is answered by a DataError that says where."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from datamodules.base.errors import DataError
from datamodules.base.pixels import Image
from datamodules.screens.cell_cache import cells_at, fingerprint_pixels
from datamodules.screens.photo_folder import PhotoFolder, cell_name, read_photo_folder
from tests.datamodules.boards import GRID, OUTLINE, PhotoSet, colours, draw_photo_set, write_csv

Change = Callable[[PhotoSet], None]


@pytest.fixture
def drawn(tmp_path: Path) -> PhotoSet:
    return draw_photo_set(tmp_path / "set")


def read(drawn: PhotoSet) -> PhotoFolder:
    return read_photo_folder(drawn.root, GRID, 5)


def cut(drawn: PhotoSet) -> Image:
    folder = read(drawn)
    return cells_at(folder, fingerprint_pixels(folder), GRID.cell_px, drawn.root.parent / "cache")


def line_of_cell(number: int, row: int, col: int) -> int:
    return 2 + number * GRID.cells + row * GRID.columns + col


def test_a_sound_set_is_read_whole(drawn: PhotoSet) -> None:
    folder = read(drawn)
    assert [photo.name for photo in folder.photos] == [f"photo{n}.png" for n in range(6)]
    assert [photo.source_id for photo in folder.photos] == [f"phone{n}" for n in range(6)]
    assert {photo.kind for photo in folder.photos} == {"bench"}
    assert {photo.size for photo in folder.photos} == {(120, 160)}
    assert folder.photos[2].corners is not None
    np.testing.assert_array_equal(folder.photos[2].corners, OUTLINE + 1)
    np.testing.assert_array_equal(folder.labels, (np.arange(6)[:, None] + np.arange(15)) % 5)
    assert not folder.ready_cut
    assert folder.files == [drawn.photo(n) for n in range(6)]


def test_each_cell_is_cut_from_its_own_photo_and_place(drawn: PhotoSet) -> None:
    cells = cut(drawn).reshape(6, 15, 20, 20, 3)
    for number in range(6):
        middles = cells[number, :, 8:12, 8:12].reshape(15, -1, 3)
        np.testing.assert_array_equal(middles.min(axis=1), colours(15, seed=number))
        np.testing.assert_array_equal(middles.max(axis=1), colours(15, seed=number))


def test_cells_are_named_after_photo_row_and_column() -> None:
    assert cell_name("front.left.jpg", 4, 2) == "front.left_r4_c2"


def remove_folder(drawn: PhotoSet) -> None:
    shutil.rmtree(drawn.root)


def remove_photos_csv(drawn: PhotoSet) -> None:
    (drawn.root / "photos.csv").unlink()


def remove_cells_csv(drawn: PhotoSet) -> None:
    (drawn.root / "cells.csv").unlink()


def drop_column(table: str, column: str) -> Change:
    def change(drawn: PhotoSet) -> None:
        rows: list[dict[str, object]] = getattr(drawn, table)
        for row in rows:
            del row[column]
        drawn.write()

    return change


def shorten(table: str, line: int, values: int) -> Change:
    def change(drawn: PhotoSet) -> None:
        path = drawn.root / f"{table}.csv"
        lines = path.read_text().splitlines()
        lines[line - 1] = ",".join(lines[line - 1].split(",")[:values])
        path.write_text("\n".join(lines) + "\n")

    return change


def photo_value(number: int, column: str, value: object) -> Change:
    def change(drawn: PhotoSet) -> None:
        drawn.photos[number][column] = value
        drawn.write()

    return change


def cell_value(number: int, row: int, col: int, column: str, value: object) -> Change:
    def change(drawn: PhotoSet) -> None:
        drawn.cells[line_of_cell(number, row, col) - 2][column] = value
        drawn.write()

    return change


def list_photo_twice(drawn: PhotoSet) -> None:
    drawn.photos.append(dict(drawn.photos[1]))
    drawn.write()


def label_unknown_photo(drawn: PhotoSet) -> None:
    drawn.cells.append({"photo": "stranger.png", "row": 0, "col": 0, "label": 1})
    drawn.write()


def drop_cells(*numbers: int) -> Change:
    def change(drawn: PhotoSet) -> None:
        drawn.cells = [cell for number, cell in enumerate(drawn.cells) if number not in numbers]
        drawn.write()

    return change


def label_cell_twice(drawn: PhotoSet) -> None:
    drawn.cells.append(dict(drawn.cells[line_of_cell(2, 3, 1) - 2]))
    drawn.write()


def remove_image(drawn: PhotoSet) -> None:
    drawn.photo(3).unlink()


def same_stem(drawn: PhotoSet) -> None:
    shutil.copy(drawn.photo(0), drawn.root / "photos" / "photo0.jpg")
    drawn.photos.append(drawn.photos[0] | {"photo": "photo0.jpg"})
    drawn.cells += [cell | {"photo": "photo0.jpg"} for cell in drawn.cells[:15]]
    drawn.write()


def all_unusable(drawn: PhotoSet) -> None:
    for photo in drawn.photos:
        photo["unusable"] = "yes"
    drawn.write()


def empty_photos_csv(drawn: PhotoSet) -> None:
    (drawn.root / "photos.csv").write_text("")


def latin1(drawn: PhotoSet) -> None:
    path = drawn.root / "photos.csv"
    path.write_bytes(path.read_bytes().replace(b"bench", b"b\xe4nch"))


BAD_TABLES: dict[str, tuple[Change, list[str]]] = {
    "no folder": (remove_folder, ["/set: no such folder", "datamodule.root"]),
    "no photos.csv": (remove_photos_csv, ["/set/photos.csv: no such file", "source_id"]),
    "no cells.csv": (remove_cells_csv, ["/set/cells.csv: no such file", "photo,row,col,label"]),
    "empty photos.csv": (empty_photos_csv, ["/set/photos.csv: no column photo"]),
    "not UTF-8": (latin1, ["/set/photos.csv: not UTF-8"]),
    "no source_id column": (drop_column("photos", "source_id"), ["/set/photos.csv: no column source_id"]),
    "no x_br column": (drop_column("photos", "x_br"), ["/set/photos.csv: no column x_br"]),
    "no label column": (drop_column("cells", "label"), ["/set/cells.csv: no column label"]),
    "short photo row": (shorten("photos", 4, 5), ["/set/photos.csv, line 4: fewer values than columns"]),
    "short cell row": (shorten("cells", 7, 3), ["/set/cells.csv, line 7: fewer values than columns"]),
    "corner nan": (
        photo_value(2, "x_tl", "nan"),
        ["/set/photos.csv, line 4, photo photo2.png", "x_tl='nan': want a number"],
    ),
    "corner in words": (
        photo_value(2, "y_tr", "left"),
        ["/set/photos.csv, line 4, photo photo2.png", "y_tr='left': want a number"],
    ),
    "corner empty": (photo_value(2, "x_bl", ""), ["/set/photos.csv, line 4, photo photo2.png", "x_bl=''"]),
    "width in words": (photo_value(1, "width", "wide"), ["/set/photos.csv, line 3, photo photo1.png", "width='wide'"]),
    "photo twice": (list_photo_twice, ["/set/photos.csv, line 8: photo photo1.png is listed twice"]),
    "empty source_id": (
        photo_value(4, "source_id", ""),
        ["/set/photos.csv, line 6: photo photo4.png has no source_id"],
    ),
    "blank source_id": (photo_value(4, "source_id", "  "), ["/set/photos.csv, line 6: photo photo4.png"]),
    "no usable photo": (all_unusable, ["/set/photos.csv: no usable photo"]),
    "cell of no photo": (label_unknown_photo, ["/set/cells.csv, line 92: photo stranger.png is not in photos.csv"]),
    "label 5": (cell_value(1, 2, 0, "label", 5), ["/set/cells.csv, line 23: label='5'", "0 to 4"]),
    "label -1": (cell_value(1, 2, 0, "label", -1), ["/set/cells.csv, line 23: label='-1'", "0 to 4"]),
    "label x": (cell_value(0, 0, 0, "label", "x"), ["/set/cells.csv, line 2: label='x'", "0 to 4"]),
    "label 1.5": (cell_value(0, 0, 0, "label", "1.5"), ["/set/cells.csv, line 2: label='1.5'", "0 to 4"]),
    "label empty": (cell_value(5, 4, 2, "label", ""), ["/set/cells.csv, line 91: label=''", "0 to 4"]),
    "row 5": (cell_value(0, 4, 0, "row", 5), ["/set/cells.csv, line 14: row='5'", "0 to 4"]),
    "column 3": (cell_value(0, 4, 0, "col", 3), ["/set/cells.csv, line 14: col='3'", "0 to 2"]),
    "one cell missing": (drop_cells(20), ["/set/cells.csv: photo photo1.png has no label for cell (1, 2)"]),
    "three cells missing": (drop_cells(20, 21, 50), ["photo1.png has no label for cell (1, 2) (3 cells are missing"]),
    "cell twice": (label_cell_twice, ["/set/cells.csv, line 92: cell (3, 1) of photo2.png is labelled twice"]),
    "image missing": (remove_image, ["/set/photos/photo3.png: no such file"]),
    "same stem": (same_stem, ["/set/photos.csv: 2 photos are called photo0"]),
}


@pytest.mark.parametrize("case", BAD_TABLES)
def test_a_bad_table_is_refused_by_name(drawn: PhotoSet, case: str) -> None:
    change, wanted = BAD_TABLES[case]
    change(drawn)
    with pytest.raises(DataError) as refusal:
        read(drawn)
    for words in wanted:
        assert words in str(refusal.value)


def cross_corners(drawn: PhotoSet) -> None:
    photo = drawn.photos[2]
    photo["x_tl"], photo["x_tr"] = photo["x_tr"], photo["x_tl"]
    photo["y_tl"], photo["y_tr"] = photo["y_tr"], photo["y_tl"]
    drawn.write()


def random_bytes(drawn: PhotoSet) -> None:
    drawn.photo(2).write_bytes(np.random.default_rng(0).bytes(3000))


def no_bytes(drawn: PhotoSet) -> None:
    drawn.photo(2).write_bytes(b"")


def half_a_png(drawn: PhotoSet) -> None:
    whole = drawn.photo(2).read_bytes()
    drawn.photo(2).write_bytes(whole[: len(whole) // 2])


def half_a_jpeg(drawn: PhotoSet) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (160, 120, 3), dtype=np.uint8)
    path = drawn.root / "photos" / "photo2.jpg"
    PillowImage.fromarray(noise).save(path, quality=95)
    path.write_bytes(path.read_bytes()[:6000])
    drawn.photos[2]["photo"] = path.name
    for cell in drawn.cells:
        cell["photo"] = path.name if cell["photo"] == "photo2.png" else cell["photo"]
    drawn.write()


BAD_PICTURES: dict[str, tuple[Change, list[str]]] = {
    "corner right of the photo": (
        photo_value(2, "x_br", 130),
        ["/set/photos.csv, photo photo2.png", "bottom right corner (130, 151)", "120 x 160"],
    ),
    "corner above the photo": (photo_value(1, "y_tl", -40), ["/set/photos.csv, photo photo1.png", "top left corner"]),
    "crossed": (cross_corners, ["/set/photos.csv, photo photo2.png", "crossed or mirrored"]),
    "other width": (photo_value(3, "width", 240), ["photo3.png: is 120 x 160 pixels, photos.csv says 240 x 160"]),
    "sides swapped": (photo_value(3, "height", 120), ["photo3.png: is 120 x 160 pixels, photos.csv says 120 x 120"]),
    "random bytes": (random_bytes, ["/set/photos/photo2.png: not a readable image"]),
    "no bytes": (no_bytes, ["/set/photos/photo2.png: not a readable image"]),
    "half a PNG": (half_a_png, ["/set/photos/photo2.png: not a readable image"]),
    "half a JPEG": (half_a_jpeg, ["/set/photos/photo2.jpg: not a readable image"]),
}


@pytest.mark.parametrize("case", BAD_PICTURES)
def test_a_picture_that_does_not_fit_is_refused_by_name_and_leaves_no_cache(drawn: PhotoSet, case: str) -> None:
    change, wanted = BAD_PICTURES[case]
    change(drawn)
    with pytest.raises(DataError) as refusal:
        cut(drawn)
    for words in wanted:
        assert words in str(refusal.value)
    assert not [path for path in (drawn.root.parent / "cache").iterdir() if path.suffix != ".lock"]


@pytest.mark.parametrize("word", ["1", "true", "Yes", " TRUE "])
def test_unusable_photos_are_left_out_with_their_cells(drawn: PhotoSet, word: str) -> None:
    for photo in drawn.photos:
        photo["unusable"] = ""
    drawn.photos[1] |= {"unusable": word, "source_id": "", "x_tl": "?"}
    drawn.photos[2]["unusable"] = "0"
    drawn.photo(1).unlink()
    drawn.write()
    folder = read(drawn)
    assert [photo.name for photo in folder.photos] == [f"photo{n}.png" for n in (0, 2, 3, 4, 5)]
    np.testing.assert_array_equal(folder.labels[1], (2 + np.arange(15)) % 5)


def test_unusable_photos_need_no_cells(drawn: PhotoSet) -> None:
    for photo in drawn.photos:
        photo["unusable"] = "1" if photo["photo"] == "photo5.png" else ""
    drawn.cells = drawn.cells[:75]
    drawn.write()
    assert read(drawn).labels.shape == (5, 15)


def test_further_columns_in_any_order_are_allowed(drawn: PhotoSet) -> None:
    before = read(drawn)
    drawn.photos = [{"comment": "a, b", **dict(reversed(photo.items())), "angle": 3} for photo in drawn.photos]
    drawn.cells = [{"who": "me", **dict(reversed(cell.items()))} for cell in drawn.cells]
    drawn.write()
    assert fingerprint_pixels(read(drawn)) == fingerprint_pixels(before)
    np.testing.assert_array_equal(read(drawn).labels, before.labels)


def test_kind_and_size_may_be_missing(drawn: PhotoSet) -> None:
    for column in ("kind", "width", "height"):
        for photo in drawn.photos:
            del photo[column]
    drawn.write()
    assert {(photo.kind, photo.size) for photo in read(drawn).photos} == {("", None)}
    assert len(cut(drawn)) == 90


def test_a_byte_order_mark_and_windows_line_ends_are_fine(drawn: PhotoSet) -> None:
    before = read(drawn)
    for name in ("photos.csv", "cells.csv"):
        path = drawn.root / name
        lines = path.read_text().splitlines()
        path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode() + b"\r\n")
    after = read(drawn)
    assert fingerprint_pixels(after) == fingerprint_pixels(before)
    assert [photo.kind for photo in after.photos] == ["bench"] * 6
    np.testing.assert_array_equal(after.labels, before.labels)


def test_rows_of_cells_csv_may_stand_in_any_order(drawn: PhotoSet) -> None:
    before = read(drawn)
    drawn.cells = [drawn.cells[place] for place in np.random.default_rng(0).permutation(90)]
    drawn.write()
    np.testing.assert_array_equal(read(drawn).labels, before.labels)


def test_labels_can_be_missing_where_none_are_wanted(drawn: PhotoSet) -> None:
    remove_cells_csv(drawn)
    folder = read_photo_folder(drawn.root, GRID, 5, labelled=False)
    assert (folder.labels == -1).all()
    assert folder.labels.shape == (6, 15)


def to_ready_cut(drawn: PhotoSet) -> Image:
    """Turns the set into its other form; gives the cells."""
    cells = np.array(cut(drawn))
    (drawn.root / "cells").mkdir()
    for cell, row in zip(cells, drawn.cells, strict=True):
        stem = Path(row["photo"]).stem
        PillowImage.fromarray(cell).save(drawn.root / "cells" / f"{stem}_r{row['row']}_c{row['col']}.png")
    shutil.rmtree(drawn.root / "photos")
    write_csv(drawn.root / "photos.csv", [{key: row[key] for key in ("photo", "source_id")} for row in drawn.photos])
    return cells


def test_ready_cut_cells_give_the_same_data(drawn: PhotoSet) -> None:
    whole = read(drawn)
    cells = to_ready_cut(drawn)
    folder = read(drawn)
    assert folder.ready_cut
    assert len(folder.files) == 90
    assert {photo.corners is None for photo in folder.photos} == {True}
    np.testing.assert_array_equal(folder.labels, whole.labels)
    np.testing.assert_array_equal(cut(drawn), cells)


def test_a_missing_ready_cut_cell_is_named(drawn: PhotoSet) -> None:
    to_ready_cut(drawn)
    (drawn.root / "cells" / "photo4_r3_c1.png").unlink()
    with pytest.raises(DataError, match=r"/set/cells/photo4_r3_c1\.png: no such file"):
        read(drawn)


def test_a_broken_ready_cut_cell_is_named(drawn: PhotoSet) -> None:
    to_ready_cut(drawn)
    (drawn.root / "cells" / "photo4_r3_c1.png").write_bytes(b"\x89PNG not")
    with pytest.raises(DataError, match=r"/set/cells/photo4_r3_c1\.png: not a readable image"):
        cut(drawn)


@pytest.mark.parametrize("name", ["../photo0.png", "/etc/hostname", "a/../../photo0.png"])
def test_a_photo_stays_within_the_folder(drawn, name):
    table = drawn.root / "photos.csv"
    table.write_text(table.read_text().replace("photo0.png", name))
    cells = drawn.root / "cells.csv"
    cells.write_text(cells.read_text().replace("photo0.png", name))
    with pytest.raises(DataError, match="leads out of the folder"):
        read_photo_folder(drawn.root, GRID, 5)
