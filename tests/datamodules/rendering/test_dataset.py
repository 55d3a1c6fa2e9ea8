"""The rendered folder: same bytes for any number of workers, right tables, no leftovers of an interruption."""

import csv
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from datamodules.rendering import Look, contact_sheet, dataset, render_dataset
from datamodules.rendering.camera import frame
from datamodules.rendering.planning import DevicePlan, plan_devices
from datamodules.rendering.sheet import CELL, rectified

CORNER_COLUMNS = [f"{axis}_{corner}" for corner in ("tl", "tr", "br", "bl") for axis in "xy"]


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def picture_of(path: Path) -> NDArray[np.uint8]:
    picture = cv2.imread(str(path))
    assert picture is not None, path
    return np.asarray(picture, np.uint8)


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two devices, three photos, rendered by one worker."""
    root = tmp_path_factory.mktemp("rendered") / "tiny"
    render_dataset(root, devices=2, photos=3, seed=3, workers=1)
    return root


def test_bytes_do_not_depend_on_workers_or_global_state(tiny: Path, tmp_path: Path) -> None:
    np.random.seed(12345)
    cv2.setRNGSeed(99)
    render_dataset(tmp_path / "again", devices=2, photos=3, seed=3, workers=2)
    assert contents(tmp_path / "again") == contents(tiny)


def test_tables_agree_with_the_pictures(tiny: Path) -> None:
    photos = table(tiny / "photos.csv")
    assert list(photos[0]) == ["photo", "source_id", "kind", "width", "height", *CORNER_COLUMNS]
    assert sorted(p["photo"] for p in photos) == sorted(p.name for p in (tiny / "photos").iterdir())
    for row in photos:
        picture = picture_of(tiny / "photos" / row["photo"])
        assert picture.shape[:2] == (int(row["height"]), int(row["width"]))
        assert row["kind"] in ("lit", "dark")
    assert len({p["source_id"] for p in photos}) == 2


def test_cells_are_the_planned_grades(tiny: Path) -> None:
    cells = table(tiny / "cells.csv")
    assert list(cells[0]) == ["photo", "row", "col", "label"]
    planned = {
        (f"dev{p.index:02d}_{n}.jpg", str(r), str(c)): str(p.grades[r, c])
        for p in plan_devices(2, 3, 3)
        for n in range(len(p.dark))
        for r in range(5)
        for c in range(3)
    }
    assert {(x["photo"], x["row"], x["col"]): x["label"] for x in cells} == planned
    assert len(cells) == 45


def test_corners_lie_on_the_phone_outline(tiny: Path) -> None:
    """A lit panel, straightened by the corners, is brightest in the middle column and dark along the rim."""
    lit = [row for row in table(tiny / "photos.csv") if row["kind"] == "lit"]
    assert lit
    for row in lit:
        corners = np.array([float(row[c]) for c in CORNER_COLUMNS], np.float32).reshape(4, 2)
        front = rectified(picture_of(tiny / "photos" / row["photo"]), corners).mean(axis=2)
        assert front.shape == (5 * CELL, 3 * CELL)
        inner = np.median(front[300:-300, 100:-100])
        assert inner > 150
        for rim in (front[300:-300, 14:22], front[300:-300, -22:-14]):
            assert np.median(rim) < inner - 50


@pytest.mark.parametrize("aspect", [1.55, 1.78, 2.2])
def test_corners_lie_inside_the_picture_and_keep_their_order(aspect: float) -> None:
    for seed in range(100):
        size, corners = frame(np.random.default_rng(seed), aspect)
        assert corners.min() >= 2
        assert corners[:, 0].max() <= size[1] - 3
        assert corners[:, 1].max() <= size[0] - 3
        assert cv2.contourArea(corners, oriented=True) > 0.25 * size[0] * size[1]  # clockwise: not mirrored


def test_label_noise_moves_its_share_to_neighbours() -> None:
    plans = plan_devices(4, 12, 0)
    header, rows = dataset.cell_rows(plans, seed=0, label_noise=0.25)
    assert header[-2:] == ["label", "true_label"]
    given, true = np.array([[int(r[-2]), int(r[-1])] for r in rows]).T
    assert (given != true).sum() == round(0.25 * len(rows))
    assert np.abs(given - true).max() == 1
    assert given.min() >= 0
    assert given.max() <= 4
    assert dataset.cell_rows(plans, seed=0, label_noise=0.25)[1] == rows


def test_an_interrupted_render_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = dataset.render_device

    def interrupted(plan: DevicePlan, seed: int, folder: Path, look: Look) -> list[list[str]]:
        if plan.index == 1:
            raise KeyboardInterrupt
        return first(plan, seed, folder, look)

    monkeypatch.setattr(dataset, "render_device", interrupted)
    with pytest.raises(KeyboardInterrupt):
        render_dataset(tmp_path / "set", devices=2, photos=2, workers=1)
    assert list(tmp_path.iterdir()) == []


def test_leftovers_of_a_killed_render_are_removed_but_not_a_running_one(tmp_path: Path) -> None:
    dead, running = tmp_path / ".set.rendering-999999999", tmp_path / f".set.rendering-{os.getppid()}"
    dead.mkdir()
    running.mkdir()
    with dataset.published(tmp_path / "set"):
        assert not dead.exists()
        assert running.exists()


def test_an_existing_folder_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "keep.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="is there already"):
        render_dataset(tmp_path, devices=1, photos=1)
    assert (tmp_path / "keep.txt").read_text() == "mine"


@pytest.mark.parametrize("wrong", [{"label_noise": 1.5}, {"workers": 0}])
def test_impossible_settings_are_refused(tmp_path: Path, wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        render_dataset(tmp_path / "set", devices=1, photos=1, **wrong)  # type: ignore[arg-type]


def test_contact_sheet_shows_cells_of_any_folder(tiny: Path, tmp_path: Path) -> None:
    contact_sheet(tiny, tmp_path / "out" / "sheet.png", per_class=3)
    sheet = picture_of(tmp_path / "out" / "sheet.png")
    wider = tmp_path / "wider.png"
    contact_sheet(tiny, wider, per_class=5)
    assert picture_of(wider).shape[1] - sheet.shape[1] == 2 * 156
    assert sheet[:, :150].std() > 5  # the class names are written
