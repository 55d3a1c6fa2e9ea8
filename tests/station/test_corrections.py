"""Corrections on a contact sheet, and their way into an annotated folder."""

import csv
import json
import shutil

import pytest

from annotation.log import AnnotationError
from annotation.photos import Photos
from annotation.store import Book
from choices import read_choice
from datamodules.base.errors import DataError
from pipelines.collect import collect
from pipelines.retrain import proposed
from station.captures import Captures
from station.folder_grading import grade_folder
from station.graded_folder import GradedFolder, chosen_photos, read_corrections
from station.order import Order
from sweeps.records.run_record import find_runs
from tests.drawn import draw_screens
from tests.trained import copy_of, grading
from tests.warm import run_warm
from tests.web.served import close_browsers, phone

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
PROFILE = read_choice("profile", "phone")
NAMES = PROFILE["class_names"]


@pytest.fixture(scope="module", autouse=True)
def _closed():
    yield
    close_browsers()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return find_runs(copy_of(tmp_path_factory, grading)[0] / "runs" / "grid")[0]


@pytest.fixture(scope="module")
def graded(run, tmp_path_factory):
    place = tmp_path_factory.mktemp("station")
    draw_screens(place / "new", sources=4)
    network = run / "export" / "float32.tflite"
    grade_folder(Order(place / "new", place / "graded", network, PROFILE["rules"], "half", jobs=1))
    return place / "graded"


def saved(graded, path, photos=(), **more):
    """A file as the sheet saves it."""
    by = GradedFolder(graded).settings.by
    made = {"graded_by": by, "annotator": "Ada", "time": "2026-11-30T02:43:30.445Z", "photos": list(photos)} | more
    path.write_text(json.dumps(made))
    return path


def other(label):
    return NAMES[(NAMES.index(label) + 1) % len(NAMES)]


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: apt install chromium)")
def test_a_person_corrects_cells_where_they_are_shown(graded, tmp_path):
    before = GradedFolder(graded).results
    with phone(CHROMIUM, accept_downloads=True) as page:
        wrong = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto((graded / "index.html").as_uri())
        assert page.locator("#corrections").is_hidden()
        page.click("#correct")
        card = page.locator(".card").first
        name = card.locator("a[data-photo]").first.get_attribute("data-photo")
        cell = card.locator(".edit button").nth(4)
        box, picture = cell.bounding_box(), card.locator("img").first.bounding_box()
        assert box["x"] == pytest.approx(picture["x"] + picture["width"] / 3, abs=2)
        assert box["y"] == pytest.approx(picture["y"] + picture["height"] / 5, abs=2)
        cell.click()
        was = before[name]["cells"][4]["label"]
        page.locator("#menu").get_by_text(other(was), exact=True).click()
        assert page.locator("#corrections button").is_disabled()
        page.fill("#who", "Ada")
        card.locator(".confirm").click()
        page.reload()  # nothing is lost
        assert page.locator("#corrections span").inner_text() == "1 cell corrected, 1 photo confirmed"
        with page.expect_download() as download:
            page.click("#corrections button")
        download.value.save_as(tmp_path / "corrections.json")
        assert page.evaluate("document.documentElement.scrollWidth") <= 412
    assert not wrong
    found = read_corrections(tmp_path / "corrections.json", GradedFolder(graded))
    (one,) = found.photos
    assert (found.annotator, one.photo, one.confirmed) == ("Ada", name, True)
    assert [(cell.row, cell.col, cell.label, cell.before) for cell in one.cells] == [(1, 1, other(was), was)]


def test_corrected_photos_and_the_doubtful_come_into_the_annotated_folder(graded, run, tmp_path):
    folder = GradedFolder(graded)
    first, second, third = (names[0] for names in list(folder.photos_of.values())[:3])
    before = folder.results[second]["cells"]
    file = saved(graded, tmp_path / "made.json", [
        {"photo": second, "confirmed": True, "cells": [{"row": 0, "col": 2, "label": other(before[2]["label"]), "before": before[2]["label"]}]},
        {"photo": third, "confirmed": False, "cells": [{"row": 4, "col": 0, "label": NAMES[1], "before": NAMES[0]}]},
    ])  # fmt: skip
    data = tmp_path / "phones"
    said = run_warm("-m", "pipelines", "collect", f"graded={graded}", f"data={data}", f"corrections={file}", "most=1")
    assert said.returncode == 0, said.stderr
    assert f"3 photos of {graded} copied to {data}" in said.stdout
    assert "2 cells corrected, 14 confirmed" in said.stdout
    assert f"2 photos to grade: make annotate DATA={data} RUN=" in said.stdout
    book = Book(Photos(data), NAMES, folder.grid, writes=False)
    one = book.state[second]
    assert one.columns["source_id"] == next(name for name, own in folder.photos_of.items() if second in own)
    assert one.corners == pytest.approx([value for point in folder.results[second]["corners"] for value in point])
    wanted = [NAMES.index(other(cell["label"]) if at == 2 else cell["label"]) for at, cell in enumerate(before)]
    assert [one.label((at // 3, at % 3)) for at in range(15)] == [str(grade) for grade in wanted]
    assert one.proposed[0, 2] == {("Ada", 1): f"{NAMES.index(before[2]['label'])} {run.name}/float32"}
    assert {cell for cell in book.cells if book.state[third].label(cell)} == {(4, 0)}
    assert not any(book.state[first].label(cell) for cell in book.cells)
    with (data / "annotations.csv").open(newline="") as lines:
        assert {row["time"] for row in csv.DictReader(lines) if row["annotator"] == "Ada"} == {
            "2026-11-30T02:43:30.445Z"
        }
    profile = json.loads((data / "profile.json").read_text())
    assert (profile["device"], profile["rules"]) == ("phone", PROFILE["rules"])
    log = (data / "annotations.csv").read_bytes()
    collect(folder, data, [read_corrections(file, folder)], 1)
    assert (data / "annotations.csv").read_bytes() == log  # what has been said is not said again
    samples_of = type("Samples", (), {"class_names": NAMES, "preprocessing": {"grid": vars(folder.grid)}})
    assert len(proposed(run, data, samples_of)) == 16
    assert not len(proposed(run.parent, data, samples_of))


def test_another_photo_of_the_same_name_stays_another(graded, tmp_path):
    folder, data = GradedFolder(graded), tmp_path / "phones"
    name = next(iter(folder.results))
    draw_screens(data, sources=1, seed=9)
    (data / "photos" / "screen0.png").rename(data / "photos" / name)
    for table in ("photos.csv", "cells.csv"):
        text = (data / table).read_text()
        (data / table).write_text(text.replace("screen0.png", name))
    before = (data / "photos" / name).read_bytes()
    collect(folder, data, [], 99)
    assert (data / "photos" / name).read_bytes() == before
    assert (data / "photos" / "new" / name).read_bytes() == (folder.base / name).read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"graded_by": "0" * 16}, "on the grades of another network"),
        ({"annotator": ""}, "annotator: "),
        ({"photos": [{"photo": "../x.png", "confirmed": True, "cells": []}]}, "has no grades of it"),
        ({"photos": [{"photo": "screen0.png", "confirmed": True, "cells": [{"row": 9, "col": 0, "label": NAMES[0], "before": ""}]}]}, "row 9, col 0"),
        ({"photos": [{"photo": "screen0.png", "confirmed": True, "cells": [{"row": 0, "col": 0, "label": "dent", "before": ""}]}]}, "'dent'"),
        ({"more": 1}, "more: "),
    ],
)  # fmt: skip
def test_a_file_that_does_not_belong_is_named(graded, tmp_path, change, message):
    file = saved(graded, tmp_path / "made.json", **change)
    with pytest.raises(DataError, match=message) as refusal:
        read_corrections(file, GradedFolder(graded))
    assert str(file) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_what_cannot_be_collected_is_said_and_nothing_is_copied(graded, tmp_path):
    for folder, message in ((tmp_path, "no folder that"), (tmp_path / "none", "no folder that")):
        with pytest.raises(DataError, match=message):
            GradedFolder(folder)
    folder = GradedFolder(graded)
    with pytest.raises(DataError, match="nothing to collect"):
        collect(folder, tmp_path / "phones", [], 0)
    assert chosen_photos(folder, [], 99)
    other_grid = tmp_path / "other"
    (other_grid / "photos").mkdir(parents=True)
    shutil.copy(folder.base / "screen0.png", other_grid / "photos" / "mine.png")
    (other_grid / "profile.json").write_text(json.dumps({"columns": 4, "rows": 4, "class_names": NAMES}))
    with pytest.raises(AnnotationError, match="4 columns x 4 rows"):
        collect(folder, other_grid, [], 1)
    assert [one.name for one in (other_grid / "photos").iterdir()] == ["mine.png"]


def capture(graded, folder, name, corrected):
    """A photo and what the phone page saves of it."""
    folder.mkdir(exist_ok=True)
    source = GradedFolder(graded)
    shutil.copy(source.base / name, folder / name)
    cells = [
        {"row": cell["row"], "col": cell["col"], "label": corrected.get(at, cell["label"]), "grade": 0, "ask": None,
         "corrected": at in corrected, "probabilities": cell["probabilities"]}
        for at, cell in enumerate(source.results[name]["cells"])
    ]  # fmt: skip
    told = {
        "photo": f"C:\\fakepath\\{name}".replace("\\", "/"),
        "file": "job/int8",
        "corners": source.results[name]["corners"],
        "cells": cells,
    }
    (folder / f"{name}.json").write_text(json.dumps(told | {"grade": "worn", "seconds": 0.2}))


def test_what_the_phone_page_saved_is_collected(graded, tmp_path):
    folder, data = tmp_path / "captures", tmp_path / "phones"
    capture(graded, folder, "screen0.png", {3: NAMES[4]})
    capture(graded, folder, "screen1.png", {})
    said = run_warm("-m", "pipelines", "collect", f"graded={folder}", f"data={data}")
    assert said.returncode == 1
    assert "want annotator=<name>" in said.stderr
    said = run_warm("-m", "pipelines", "collect", f"graded={folder}", f"data={data}", "annotator=Ada")
    assert said.returncode == 0, said.stderr
    assert "1 cell corrected, 0 confirmed" in said.stdout
    book = Book(Photos(data), NAMES, GradedFolder(graded).grid, writes=False)
    assert {
        cell: book.state["screen0.png"].label(cell) for cell in book.cells if book.state["screen0.png"].label(cell)
    } == {(1, 0): "4"}
    assert book.state["screen0.png"].proposed[1, 0][("Ada", 1)].endswith(" job/int8")
    assert book.state["screen1.png"].corners is not None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"photo": "other.png"}, "is of other.png, which is not beside it"),
        ({"photo": "../new/screen1.png"}, "is of screen1.png, which is not beside it"),
        ({"corners": [[0, 0]]}, "corners: "),
        ({"cells": []}, "cells: "),
    ],
)
def test_a_capture_that_cannot_be_read_is_named(graded, tmp_path, change, message):
    capture(graded, tmp_path / "captures", "screen0.png", {3: NAMES[4]})
    file = tmp_path / "captures" / "screen0.png.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(DataError, match=message) as refusal:
        Captures(tmp_path / "captures")
    assert str(file) in str(refusal.value)


@pytest.mark.parametrize("name", ["../outside.png", "/etc/outside.png", "passwd"])
def test_a_result_that_leads_out_of_its_folder_is_refused(graded, tmp_path, name):
    folder = shutil.copytree(graded, tmp_path / "graded")
    for table in ("results.jsonl", "cells.csv"):
        text = (folder / table).read_text()
        (folder / table).write_text(text.replace("screen0.png", name))
    with pytest.raises(DataError, match=r"results\.jsonl: photo '.*no name of a photo within its folder"):
        GradedFolder(folder)
