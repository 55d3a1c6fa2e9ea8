"""Damage painted on photos: where it is, what it leaves alone, and that the labels say what was painted."""

import csv
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from datamodules.rendering import Look
from datamodules.rendering.geometry import Damage, Stroke
from datamodules.rendering.painted import RealPhoto, both, paint_dataset, plan_copies
from datamodules.rendering.painting import front_aspect, paint, seen_cells, soil
from datamodules.rendering.pairs import pair_sheet
from datamodules.rendering.planning import stream
from datamodules.screens.grid import Grid, cut_cells
from datamodules.screens.photo_folder import read_photo_folder

CORNERS = np.array([[60.0, 40.0], [360.0, 40.0], [360.0, 640.0], [60.0, 640.0]])
ACROSS = Damage(scratches=(Stroke(np.array([[0.2, 2.5], [2.8, 2.5]]), 3.0, 1.0),))
STAR = Damage(
    cracks=tuple(
        Stroke(np.array([[1.5, 2.5], [1.5 + 1.4 * np.cos(a), 2.5 + 2.4 * np.sin(a)]]), 2.0, 1.0)
        for a in np.linspace(0, 6, 12)
    )
)
PLAIN = Look()


def photo(level: int) -> np.ndarray:
    """A phone's front of one grey on a desk with some grain."""
    picture = np.random.default_rng(0).integers(90, 110, (700, 420, 3)).astype(np.uint8)
    picture[40:640, 60:360] = level
    return picture


def painted(level: int, damage: Damage, seed: int = 0, look: Look = PLAIN) -> tuple[np.ndarray, np.ndarray]:
    before = photo(level)
    return before, paint(stream(seed, 0), before, CORNERS, damage, look)


def test_without_damage_the_photo_stays_as_it_is():
    before, after = painted(30, Damage())
    np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize("damage", [ACROSS, STAR], ids=["scratch", "cracks"])
def test_what_lies_beside_the_phone_stays_as_it_is(damage):
    before, after = painted(30, damage)
    beside = np.ones(before.shape[:2], bool)
    beside[36:644, 56:364] = False
    np.testing.assert_array_equal(after[beside], before[beside])
    assert (after != before).any()


@pytest.mark.parametrize(("level", "brighter"), [(20, True), (235, False)])
@pytest.mark.parametrize("damage", [ACROSS, STAR], ids=["scratch", "cracks"])
def test_lines_shine_on_dark_glass_and_darken_lit_glass(damage, level, brighter):
    """The same picture seen over ten headings of the light, for a line along the light hardly shows."""
    change = np.zeros((700, 420))
    for seed in range(10):
        before, after = painted(level, damage, seed)
        change += after.mean(axis=2) - before.mean(axis=2)
    most = np.abs(change).max()
    assert most > 100
    assert abs(change.max() if brighter else change.min()) == most


def test_a_scratch_changes_its_cells_alone():
    before, after = painted(20, ACROSS)
    grid = Grid(3, 5, 60)
    there, here = (cut_cells(one, CORNERS, grid).astype(int) for one in (before, after))
    change = np.abs(here - there).max(axis=(1, 2, 3)).reshape(5, 3)
    assert (change[2] > 20).all()
    assert change[[0, 1, 3, 4]].max() <= 2


def test_less_contrast_and_lines_alone_show_less():
    """Shards lie between the lines: without them most of the glass stays as it is."""
    before = photo(90)
    cv2.circle(before, (210, 340), 120, (30, 120, 60), -1)
    looks = {"plain": PLAIN, "lines": Look(shards=False), "faint lines": Look(damage=0.3, shards=False)}
    changed = {
        name: np.abs(paint(stream(1, 0), before, CORNERS, STAR, look).astype(int) - before).mean()
        for name, look in looks.items()
    }
    assert changed["lines"] < changed["plain"]
    assert changed["faint lines"] < 0.75 * changed["lines"]  # a display gamma lifts what is faint


def test_aspect_of_a_front_that_lies_on_its_side():
    lying = np.roll(CORNERS[:, ::-1], 1, axis=0)
    assert front_aspect(CORNERS) == pytest.approx(2.0)
    assert front_aspect(lying) == pytest.approx(0.5)  # by the order of its corners alone


def test_graver_damage_counts_and_what_nobody_can_tell_has_no_grade():
    real = np.repeat(np.arange(-1, 5), 5)
    added = np.tile(np.arange(5), 6)
    assert both(real, added).reshape(6, 5).tolist() == [
        [-1, -1, -1, -1, 4],
        [0, 1, 2, 3, 4],
        [1, -1, 2, 3, 4],
        [2, 2, 2, 3, 4],
        [3, 3, 3, -1, 4],
        [4, 4, 4, 4, 4],
    ]


def test_what_was_painted_and_cannot_be_seen_has_no_grade():
    """A scratch across a row of cells: on dark glass it is seen, on a white rim that takes all light it is lost."""
    before, after = painted(20, ACROSS)
    assert seen_cells(before, after, CORNERS).tolist() == [[row == 2] * 3 for row in range(5)]
    faint = Look(damage=0.1)
    before, after = painted(255, ACROSS, look=faint)
    assert not seen_cells(before, after, CORNERS).any()
    assert both(np.array([0, 2, 1]), np.array([1, 1, 2]), np.array([False, False, False])).tolist() == [-1, 2, -1]


@pytest.mark.slow
def test_dirt_lies_on_the_glass_alone_and_is_fainter_than_cracks():
    before = photo(25)
    beside = np.ones(before.shape[:2], bool)
    beside[36:644, 56:364] = False
    soiled = [soil(stream(seed, 9), before, CORNERS) for seed in range(12)]
    for one in soiled:
        np.testing.assert_array_equal(one[beside], before[beside])
    change = [np.abs(one.astype(int) - before).mean() for one in soiled]
    cracked = [np.abs(painted(25, STAR, seed)[1].astype(int) - before).mean() for seed in range(12)]
    assert min(change) > 0
    assert np.median(change) < np.median(cracked)
    assert len({one.tobytes() for one in soiled}) == 12


@pytest.mark.parametrize(
    ("kinds", "wanted"),
    [
        (("scratches", "cracks"), (0.54, 0.115, 0.115, 0.115, 0.115)),
        pytest.param(("scratches",), (0.77, 0.115, 0.115, 0, 0), marks=pytest.mark.slow),
        pytest.param(("cracks",), (0.77, 0, 0, 0.115, 0.115), marks=pytest.mark.slow),
    ],
)
def test_as_much_of_each_grade_is_planned_as_of_the_others(kinds, wanted):
    plans = plan_copies([2.0, 1.6, 2.2] * 10, 1.0, 0, kinds)
    cells = np.bincount(np.concatenate([plan.grades.ravel() for plan in plans]), minlength=5)
    np.testing.assert_allclose(cells / cells.sum(), wanted, atol=0.03)
    np.testing.assert_array_equal(cells == 0, np.array(wanted) == 0)


def test_a_share_of_the_copies_stays_whole(photos, tmp_path):
    for damaged, copies in ((0.0, 1), (0.5, 4)):
        root = tmp_path / f"set{damaged:g}"
        paint_dataset(root, photos[:2], copies=copies, damaged=damaged, seed=0, look=PLAIN, workers=1)
        labels = read_photo_folder(root, Grid(3, 5, 60), 5).labels
        whole = (labels == 0).all(axis=1)
        assert whole.sum() == round((1 - damaged) * 2 * copies)
        for file, number in zip(sorted((root / "photos").iterdir()), range(2 * copies), strict=True):
            before = cv2.imread(str(photos[0 if number < copies else 1].path))
            assert np.abs(cv2.imread(str(file)).astype(int) - before).max() > 8  # dirt, or damage


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> list[RealPhoto]:
    """Two photos of clean phones, one of them in a folder of its own, and one with a cell that is scratched."""
    place = tmp_path_factory.mktemp("clean")
    (place / "desk").mkdir()
    found = []
    for number, name in enumerate(("a.png", "desk/b.png", "c.png")):
        cv2.imwrite(str(place / name), photo(25 + number))
        grades = np.zeros((5, 3), np.int64)
        grades[0, 0] = 2 * (number == 2)
        found.append(RealPhoto(place / name, name, f"phone{number}", "clean", CORNERS, grades))
    return found


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


@pytest.mark.slow
def test_bytes_depend_on_the_seed_and_not_on_workers(photos, tmp_path):
    for name, seed, workers in (("one", 0, 1), ("two", 0, 2), ("other", 1, 1)):
        paint_dataset(tmp_path / name, photos, copies=2, damaged=1.0, seed=seed, look=PLAIN, workers=workers)
    one, two, other = (contents(tmp_path / name) for name in ("one", "two", "other"))
    assert one == two
    assert one.keys() == other.keys()
    assert one != other


def test_a_painted_folder_is_read_as_any_and_its_labels_are_what_was_painted(photos, tmp_path):
    paint_dataset(tmp_path / "set", photos, copies=2, damaged=1.0, seed=0, look=PLAIN, workers=1)
    folder = read_photo_folder(tmp_path / "set", Grid(3, 5, 60), 5)
    assert [one.name for one in folder.photos] == [
        "a_p0.jpg", "desk__b_p0.jpg", "c_p0.jpg", "a_p1.jpg", "desk__b_p1.jpg", "c_p1.jpg",
    ]  # fmt: skip
    assert [one.source_id for one in folder.photos] == ["phone0", "phone1", "phone2"] * 2
    plans = plan_copies([2.0] * 6, 1.0, 0)
    for number, (labels, plan) in enumerate(zip(folder.labels, plans, strict=True)):
        real = photos[number % 3].grades
        told = both(real, plan.grades).ravel()
        kept = labels >= 0
        assert labels[kept].tolist() == told[kept].tolist()
        assert (plan.grades.ravel()[~kept] > 0).all()
        assert kept.mean() > 0.6
    with (tmp_path / "set" / "photos.csv").open(newline="") as file:
        assert {row["kind"] for row in csv.DictReader(file)} == {"clean"}


def test_cells_that_keep_their_grade_look_nearly_as_before_and_cracked_ones_do_not(photos, tmp_path):
    paint_dataset(tmp_path / "set", photos, copies=4, damaged=1.0, seed=1, look=PLAIN, workers=1)
    grid = Grid(3, 5, 60)
    folder = read_photo_folder(tmp_path / "set", grid, 5)
    change: dict[int, list[float]] = {}
    for number, (file, labels) in enumerate(zip(folder.files, folder.labels, strict=True)):
        before, after = (
            cut_cells(np.asarray(cv2.imread(str(path)), np.uint8), CORNERS, grid)
            for path in (photos[number % 3].path, file)
        )
        for label, move in zip(labels, np.abs(after.astype(int) - before).mean(axis=(1, 2, 3)), strict=True):
            change.setdefault(int(label), []).append(float(move))
    assert np.median(change[0]) < 3  # of 255: dirt, and what JPEG does
    assert np.median(change[4]) > 3 * np.median(change[0])


@pytest.mark.slow
def test_a_large_photo_is_painted_smaller_and_shows_the_same(tmp_path):
    """Six times the pixels a side: the copy's front is 2,000 pixels high, and as much of its cells has changed."""
    changed = {}
    for factor in (2, 6):
        before = cv2.resize(photo(60), None, fx=factor, fy=factor)
        cv2.imwrite(str(tmp_path / f"{factor}.png"), before)
        grades = np.zeros((5, 3), np.int64)
        real = RealPhoto(tmp_path / f"{factor}.png", "x.png", "phone", "", CORNERS * factor, grades)
        root = tmp_path / f"set{factor}"
        paint_dataset(root, [real], copies=1, damaged=1.0, seed=1, look=Look(damage=2), workers=1)
        (one,) = read_photo_folder(root, Grid(3, 5, 60), 5).photos
        after = cv2.imread(str(root / "photos" / "x_p0.jpg"))
        assert (after.shape[1], after.shape[0]) == one.size
        assert np.linalg.norm(one.corners[3] - one.corners[0]) == pytest.approx(min(600 * factor, 2000), abs=2)
        there, here = cut_cells(before, CORNERS * factor, Grid(3, 5, 60)), cut_cells(after, one.corners, Grid(3, 5, 60))
        changed[factor] = np.abs(here.astype(int) - there).mean()
    assert changed[6] == pytest.approx(changed[2], rel=0.3)


@pytest.mark.slow
def test_a_sheet_of_rendered_phones_where_there_are_no_photos(tmp_path):
    pair_sheet(tmp_path / "sheet.png", count=1, height=200)
    assert cv2.imread(str(tmp_path / "sheet.png")).shape[0] == 2 * 200 + 3 * 12


@pytest.mark.slow
def test_a_sheet_shows_each_phone_before_and_after(photos, tmp_path):
    root = tmp_path / "set"
    paint_dataset(root, photos, copies=1, damaged=1.0, seed=0, look=PLAIN, workers=1)
    pair_sheet(tmp_path / "sheet.png", root, height=300)
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet.shape == (2 * 300 + 3 * 12, 3 * (150 + 12) + 12, 3)
    above, below = sheet[12:312].astype(int), sheet[324:624].astype(int)
    change = [np.abs(above - below)[:, 12 + 162 * column : 162 + 162 * column].max() for column in range(3)]
    assert min(change) > 10  # without paint the two are the same pixels
    done = subprocess.run(
        [sys.executable, "-m", "datamodules.rendering", "--painted", "--root", str(tmp_path / "nowhere")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "nowhere: no such folder" in done.stderr
    assert "Traceback" not in done.stderr
