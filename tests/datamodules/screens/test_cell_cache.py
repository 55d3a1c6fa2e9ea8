"""Cells are cut once, under a name that changes with their pixels; a build that ends early leaves nothing behind."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from datamodules.base.array_cache import threaded_map
from datamodules.base.errors import DataError
from datamodules.base.pixels import Image, resize
from datamodules.images.decoding import decode
from datamodules.screens import cell_cache
from datamodules.screens.cell_cache import cells_at, fingerprint_pixels
from datamodules.screens.photo_folder import read_photo_folder
from tests.datamodules.boards import GRID, HEIGHT, OUTLINE, WIDTH, PhotoSet, colours, draw_board, draw_photo_set

Move = Callable[[Image], Image]


@pytest.fixture
def drawn(tmp_path: Path) -> PhotoSet:
    return draw_photo_set(tmp_path / "set")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "cache"


def pixels(drawn: PhotoSet) -> str:
    return fingerprint_pixels(read_photo_folder(drawn.root, GRID, 5))


def cells(drawn: PhotoSet, cache: Path, resolution: int = GRID.cell_px) -> Image:
    folder = read_photo_folder(drawn.root, GRID, 5)
    return cells_at(folder, fingerprint_pixels(folder), resolution, cache)


def fingerprint(drawn: PhotoSet, cache: Path, **changes: Any) -> str:
    return drawn.datamodule(cache, **changes).load().fingerprint


def leftovers(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if path.suffix != ".lock")


def forbid(*_: object, **__: object) -> None:
    raise AssertionError("built again")


def test_cells_are_mapped_uint8_of_the_asked_size(drawn: PhotoSet, cache: Path) -> None:
    small = cells(drawn, cache, 8)
    assert small.shape == (90, 8, 8, 3)
    assert small.dtype == np.uint8
    assert isinstance(small.base, np.memmap)
    full = cells(drawn, cache)
    for number in (0, 17, 89):
        np.testing.assert_array_equal(small[number], resize(np.array(full[number]), (8, 8)))


def test_a_second_call_builds_nothing(drawn: PhotoSet, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = [np.array(cells(drawn, cache, side)) for side in (20, 10)]
    stamps = {path.name: path.stat().st_mtime_ns for path in cache.glob("*.npy")}
    assert len(stamps) == 2
    monkeypatch.setattr(cell_cache, "decode", forbid)
    monkeypatch.setattr(cell_cache, "resize", forbid)
    for before, side in zip(first, (20, 10), strict=True):
        np.testing.assert_array_equal(cells(drawn, cache, side), before)
    assert {path.name: path.stat().st_mtime_ns for path in cache.glob("*.npy")} == stamps


def test_another_resolution_decodes_no_photo_again(
    drawn: PhotoSet, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells(drawn, cache)
    monkeypatch.setattr(cell_cache, "decode", forbid)
    assert cells(drawn, cache, 12).shape == (90, 12, 12, 3)


def test_an_unchanged_set_keeps_its_fingerprints_wherever_it_lies(drawn: PhotoSet, cache: Path, tmp_path: Path) -> None:
    before, whole = pixels(drawn), fingerprint(drawn, cache)
    moved = tmp_path / "elsewhere"
    drawn.root.rename(moved)
    drawn.root = moved
    assert pixels(drawn) == before
    assert fingerprint(drawn, tmp_path / "other cache") == whole


def test_a_changed_photo_changes_the_fingerprints_and_the_cells(drawn: PhotoSet, cache: Path) -> None:
    before, whole, old = pixels(drawn), fingerprint(drawn, cache), np.array(cells(drawn, cache))
    photo = draw_board(WIDTH, HEIGHT, OUTLINE + 1, colours(GRID.cells, seed=99))
    PillowImage.fromarray(photo).save(drawn.photo(2))
    assert pixels(drawn) != before
    assert fingerprint(drawn, cache) != whole
    new = cells(drawn, cache)
    changed = (new != old).reshape(6, -1).any(axis=1)
    assert changed.tolist() == [False, False, True, False, False, False]


def test_moved_corners_change_the_fingerprints_and_the_cells(drawn: PhotoSet, cache: Path) -> None:
    before, whole, old = pixels(drawn), fingerprint(drawn, cache), np.array(cells(drawn, cache))
    drawn.photos[4]["x_tl"] = "20.5"
    drawn.write()
    assert pixels(drawn) != before
    assert fingerprint(drawn, cache) != whole
    assert (cells(drawn, cache) != old).reshape(6, -1).any(axis=1).tolist() == [False] * 4 + [True, False]


@pytest.mark.parametrize(("table", "column", "value"), [("cells", "label", 4), ("photos", "source_id", "phone1")])
def test_labels_and_sources_change_the_data_but_not_its_pixels(
    drawn: PhotoSet, cache: Path, table: str, column: str, value: object
) -> None:
    before, whole = pixels(drawn), fingerprint(drawn, cache, folds=2)
    first, second = (drawn.datamodule(cache, folds=2, fold=fold).load() for fold in (0, 1))
    assert first.fingerprint != second.fingerprint
    assert first.content == second.content
    getattr(drawn, table)[0][column] = value
    drawn.write()
    assert pixels(drawn) == before
    assert fingerprint(drawn, cache, folds=2) != whole
    assert drawn.datamodule(cache, folds=2, fold=1).load().content != first.content


@pytest.mark.parametrize(
    "change", [{"fold": 1}, {"folds": 2}, {"split_seed": 1}, {"calibration_cells": 13}, {"val_folds": 3}]
)
def test_every_setting_of_the_division_is_in_the_fingerprint(
    drawn: PhotoSet, cache: Path, change: dict[str, int]
) -> None:
    assert fingerprint(drawn, cache, **change) != fingerprint(drawn, cache)
    assert drawn.datamodule(cache, **change).load().pixels == pixels(drawn)


def test_another_grid_is_another_cache(drawn: PhotoSet, cache: Path) -> None:
    assert drawn.datamodule(cache, cell_px=24).load().pixels != pixels(drawn)


def interrupt_after(count: int, function: Callable[..., Any]) -> Callable[..., Any]:
    calls = iter(range(count))

    def interrupted(*arguments: Any) -> Any:
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return function(*arguments)

    return interrupted


@pytest.mark.parametrize(("step", "calls"), [("decode", 3), ("resize", 40)])
def test_an_interrupted_build_leaves_nothing_and_is_made_up_for(
    drawn: PhotoSet, cache: Path, monkeypatch: pytest.MonkeyPatch, step: str, calls: int
) -> None:
    undisturbed = np.array(cells(drawn, cache.parent / "another", 10))
    with monkeypatch.context() as patched:
        patched.setattr(cell_cache, step, interrupt_after(calls, getattr(cell_cache, step)))
        with pytest.raises(KeyboardInterrupt):
            cells(drawn, cache, 10)
    full = f"cells-{pixels(drawn)}-20.npy"
    assert leftovers(cache) == ([] if step == "decode" else [full])
    np.testing.assert_array_equal(cells(drawn, cache, 10), undisturbed)


def test_a_part_left_by_a_killed_build_does_no_harm(drawn: PhotoSet, cache: Path) -> None:
    undisturbed = np.array(cells(drawn, cache.parent / "another"))
    cache.mkdir(parents=True)
    (cache / f".cells-{pixels(drawn)}-20.4711.1.npy").write_bytes(b"x" * 10**6)
    np.testing.assert_array_equal(cells(drawn, cache), undisturbed)
    assert leftovers(cache) == [f"cells-{pixels(drawn)}-20.npy"]


def test_a_full_disk_is_a_data_error_that_names_the_cache(
    drawn: PhotoSet, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(np.lib.format, "write_array_header_1_0", full)
        with pytest.raises(DataError, match=rf"{cache}: disk full.*paths\.cache"):
            cells(drawn, cache)
    assert leftovers(cache) == []
    assert len(cells(drawn, cache)) == 90


def test_a_cache_that_cannot_be_made_is_a_data_error_that_names_it(drawn: PhotoSet, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"file/cache: cannot write here .*paths\.cache"):
        cells(drawn, tmp_path / "file" / "cache")


STORED: dict[int, Move] = {
    1: lambda shown: shown,
    2: np.fliplr,
    3: lambda shown: np.rot90(shown, 2),
    4: np.flipud,
    5: lambda shown: np.swapaxes(shown, 0, 1),
    6: lambda shown: np.rot90(shown, 1),
    7: lambda shown: np.swapaxes(np.rot90(shown, 2), 0, 1),
    8: lambda shown: np.rot90(shown, -1),
}
"""How a picture lies in the file, by EXIF orientation, when it is to be seen upright."""


@pytest.mark.parametrize("orientation", STORED)
def test_a_photo_is_turned_as_its_exif_says(tmp_path: Path, orientation: int) -> None:
    shown = draw_board(WIDTH, HEIGHT, OUTLINE, colours(GRID.cells))
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    stored = PillowImage.fromarray(np.ascontiguousarray(STORED[orientation](shown)))
    stored.save(tmp_path / "photo.png", exif=exif)
    np.testing.assert_array_equal(decode(tmp_path / "photo.png"), shown)


def test_a_jpeg_of_a_phone_held_sideways_is_cut_like_the_upright_one(drawn: PhotoSet, cache: Path) -> None:
    old = np.array(cells(drawn, cache))
    exif = PillowImage.Exif()
    exif[0x0112] = 6
    sideways = PillowImage.fromarray(np.ascontiguousarray(np.rot90(decode(drawn.photo(0)))))
    assert sideways.size == (HEIGHT, WIDTH)
    sideways.save(drawn.root / "photos" / "photo0.jpg", exif=exif, quality=100, subsampling=0)
    drawn.photos[0]["photo"] = "photo0.jpg"
    for cell in drawn.cells[:15]:
        cell["photo"] = "photo0.jpg"
    drawn.write()
    difference = cells(drawn, cache)[:15].astype(int) - old[:15]
    assert np.abs(difference[:, 4:-4, 4:-4]).max() <= 8


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK"])
def test_pictures_of_other_modes_are_read_as_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "photo.tif"
    PillowImage.fromarray(np.full((6, 8, 3), 102, np.uint8)).convert(mode).save(path)
    picture = decode(path)
    assert picture.shape == (6, 8, 3)
    assert np.abs(picture.astype(int) - 102).max() <= 1


def test_a_missing_picture_is_a_data_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.png: no such file"):
        decode(tmp_path / "nowhere.png")


def test_in_order_keeps_the_order_and_stays_close_ahead() -> None:
    started: list[int] = []

    def block(item: int) -> Image:
        started.append(item)
        return np.full(1, item, np.uint8)

    for item, result in enumerate(threaded_map(block, range(50), ahead=4)):
        assert result[0] == item
        assert max(started) <= item + 4
    assert sorted(started) == list(range(50))


def test_in_order_raises_in_its_place_what_a_thread_raised() -> None:
    def block(item: int) -> Image:
        if item == 5:
            raise DataError("photo 5")
        return np.full(1, item, np.uint8)

    results = threaded_map(block, range(20))
    assert [int(next(results)[0]) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(DataError, match="photo 5"):
        next(results)
