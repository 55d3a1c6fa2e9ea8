"""Where in its photo a cell that was graded wrongly lies."""

import numpy as np
import pytest
from PIL import Image

from datamodules.phone_photos import PhonePhotos
from datamodules.screens.grid import cut_cells
from tasks.evaluation import SIDE, draw_in_photos
from tests.drawn import draw_screens, settings_of


@pytest.fixture
def cells(tmp_path):
    return PhonePhotos(str(draw_screens(tmp_path / "drawn")), **settings_of(tmp_path / "cache")).load()


def test_a_cell_is_found_in_its_photo(cells) -> None:
    grid = cells.folder.grid
    for at in (0, 22, len(cells.table) - 1):
        found = cells.in_photo(cells.table["sample"][at])
        (left, top), _, (right, bottom), _ = found.corners.round().astype(int)
        photo = at // grid.cells
        whole = cut_cells(found.pixels, cells.folder.photos[photo].corners, grid)[at % grid.cells]
        assert (right - left, bottom - top) == (64, 64)
        assert np.abs(found.pixels[top:bottom, left:right].astype(int) - whole).max() <= 2


def test_each_is_outlined_in_a_picture_of_its_photo(cells, tmp_path) -> None:
    path = tmp_path / "mistakes_in_photos.jpg"
    names = list(cells.table["sample"][[0, 44]])
    draw_in_photos(names, cells, path)
    with Image.open(path) as drawn:
        row = np.asarray(drawn.convert("RGB")).astype(int)
    assert row.shape == (SIDE, 2 * SIDE, 3)
    red = (row[..., 0] > 150) & (row[..., 1] < 110)
    first, last = (np.argwhere(red[:, SIDE * at : SIDE * (at + 1)]).mean(axis=0) for at in range(2))
    assert (first < SIDE / 2).all()  # row 0, col 0
    assert (last > SIDE / 2).all()  # row 4, col 2
    draw_in_photos([], cells, path)
    assert not path.exists()
