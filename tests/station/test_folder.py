"""A folder of photos: grades by device, tables, contact sheet, and what is refused."""

import csv
import json
import os
import re
import shutil
import signal
import time
from itertools import pairwise

import cv2
import numpy as np
import psutil
import pytest
from filelock import FileLock
from PIL import Image

from choices import read_choice
from datamodules.base.errors import DataError
from datamodules.images.decoding import decode, size_of
from export.asking import with_promise
from export.formats.tflite import TFLite
from export.runtime import read_file
from metrics.cost import Cost, CostError
from station import progress
from station.device_grade import GradingError
from station.devices import Listed, devices_of, grouped, pattern_of, read_devices
from station.folder_grading import grade_folder, lines
from station.order import Order
from sweeps.records.run_record import find_runs
from tasks.grading import grader_of
from tests.drawn import draw_screens
from tests.export.made import converted
from tests.export.test_distance import measuring
from tests.trained import copy_of, grading
from tests.warm import HERE, Warm, run_warm

RULES = read_choice("profile", "phone")["rules"]
ODD = "fotos [alt]/größe =1.png"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    place = copy_of(tmp_path_factory, grading)[0]
    return find_runs(place / "runs" / "grid")[0] / "export" / "float32.tflite"


def listed(root):
    with (root / "photos.csv").open(newline="") as lines:
        return list(csv.reader(lines))


def write(root, rows):
    with (root / "photos.csv").open("w", newline="") as lines:
        csv.writer(lines).writerows(rows)


def turned_about(corners, width, height):
    """Corners of the upright phone in the photo that was turned by half a circle."""
    return (np.array([width, height]) - np.array(corners, float).reshape(4, 2)).ravel().tolist()


def folder_of_all_kinds(root):
    """Three phones; the first one also upside down, the second also as a JPEG that its EXIF turns; and what is refused."""
    draw_screens(root, sources=3)
    photos = root / "photos"
    header, *rows = listed(root)
    first = cv2.imread(str(photos / "screen0.png"))
    height, width = first.shape[:2]
    cv2.imwrite(str(photos / "screen0b.png"), first[::-1, ::-1])
    rows.append(["screen0b.png", "phone0", *turned_about(rows[0][2:], width, height)])
    second = Image.open(photos / "screen1.png").rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    second.save(photos / "screen1 exif.jpg", quality=100, subsampling=0, exif=exif)
    rows.append(["screen1 exif.jpg", "phone1", *rows[1][2:]])
    (photos / ODD).parent.mkdir()
    shutil.copy(photos / "screen2.png", photos / ODD)
    rows.append([ODD, "=phone2", *rows[2][2:]])
    cv2.imwrite(str(photos / "small.png"), cv2.resize(first, None, fx=0.2, fy=0.2, interpolation=cv2.INTER_AREA))
    rows.append(["small.png", "phone0", *(round(0.2 * float(one), 1) for one in rows[0][2:])])
    rows.append(["gone.png", "phone0", *rows[0][2:]])
    write(root, [header, *rows])
    (photos / "broken.jpg").write_bytes((photos / "screen1 exif.jpg").read_bytes()[:500])
    cv2.imwrite(str(photos / "empty.png"), np.full((300, 200, 3), 120, np.uint8))
    (photos / "live.heic").write_bytes(b"x")
    (root.parent / "secret.png").write_bytes((photos / "screen0.png").read_bytes())
    (photos / "link.png").symlink_to(root.parent / "secret.png")
    (photos / "notes.txt").write_text("no photo")
    return root


WHY = {
    "broken.jpg": "not a readable image",
    "empty.png": "no ",
    "gone.png": "photos.csv lists it; there is no such file",
    "link.png": "a link to somewhere outside the folder",
    "live.heic": "HEIC is not read: save it as JPEG",
    "small.png": "too small: a cell of the phone is 13 px in the photo; want at least 16",
}


@pytest.fixture(scope="module")
def done(file, tmp_path_factory):
    place = tmp_path_factory.mktemp("möbel & co")
    folder_of_all_kinds(place / "new phones")
    said = run_warm(
        "-m", "station", "grade", f"photos={place}/new phones", f"run={file}", f"output={place}/graded", "jobs=1"
    )
    return place, said


def table(place, name):
    with (place / "graded" / name).open(newline="") as lines:
        return list(csv.DictReader(lines))


def order(place, file, **more):
    return Order(
        **{"photos": place / "new phones", "output": place / "graded", "network": file, "rules": RULES, "jobs": 1}
        | more
    )


def test_every_photo_is_graded_or_refused_with_a_reason(done):
    place, said = done
    assert said.returncode == 0, said.stderr
    refused = {row["photo"]: row["why"] for row in table(place, "refused.csv")}
    assert refused.keys() == WHY.keys()
    assert all(refused[name].startswith(why) for name, why in WHY.items())
    assert f"6 photos refused: {place}/graded/refused.csv" in said.stdout
    assert "6 photos of 4 devices graded, " in said.stdout
    assert f"contact sheet: {place}/graded/index.html" in said.stdout
    lines = [json.loads(line) for line in (place / "graded" / "results.jsonl").read_text().splitlines()]
    assert [line["photo"] for line in lines] == sorted(line["photo"] for line in lines)
    assert sum("refused" in line for line in lines) == 3  # those that were opened


def test_photos_of_one_device_are_joined_whatever_way_they_lie(done):
    devices = {row["device"]: row for row in table(done[0], "devices.csv")}
    assert {name: row["photos"] for name, row in devices.items()} == {
        "phone0": "2", "phone1": "2", "phone2": "1", "'=phone2": "1"
    }  # fmt: skip
    assert [devices[name]["agreement"] for name in ("phone0", "phone1", "phone2")] == ["1.0", "1.0", ""]
    for row in devices.values():
        assert row["grade"] in [rule["grade"] for rule in RULES]
        assert " in " in row["reason"]
        assert 0 < float(row["lowest"]) <= float(row["confidence"]) <= 1
        assert 0 <= float(row["doubt"]) <= 1


def test_cells_have_a_line_each_with_the_devices_label(done):
    cells = table(done[0], "cells.csv")
    assert len(cells) == 6 * 15
    assert {row["photo"] for row in cells} >= {ODD, "screen1 exif.jpg"}
    for row in cells:
        shares = [float(value) for name, value in row.items() if name.startswith("p_")]
        assert sum(shares) == pytest.approx(1, abs=1e-3)
        assert row["label"] == row["device_label"]  # whose photos agree
    assert [(row["row"], row["col"]) for row in cells[:4]] == [("0", "0"), ("0", "1"), ("0", "2"), ("1", "0")]


def test_the_contact_sheet_shows_the_least_sure_first_and_its_pictures_are_there(done):
    place, _ = done
    page = (place / "graded" / "index.html").read_text()
    doubts = {row["device"].lstrip("'"): float(row["doubt"]) for row in table(place, "devices.csv")}
    shown = [part.partition('"')[0] for part in page.split('data-name="')[1:]]
    assert sorted(shown) == sorted(doubts)
    assert all(doubts[one] >= doubts[other] for one, other in pairwise(shown))
    assert "pictures/fotos%20%5Balt%5D/gr%C3%B6%C3%9Fe%20%3D1.jpg" in page
    for name in ("screen0", "screen1 exif", "fotos [alt]/größe =1"):
        assert (place / "graded" / "pictures" / f"{name}.jpg").is_file()
        assert size_of(place / "graded" / "thumbnails" / f"{name}.jpg") == (216, 360)
    assert "http" not in page
    assert "6 refused" in page


@pytest.fixture(scope="module")
def sure(file):
    """The bytes of a file that knows damage from none: the small network that comes along, with the metadata of cells of 64 px."""
    by = grader_of(HERE / "zoo" / "mobilenet_0.25")
    about = read_file(file)[1] | {"resolution": by.resolution, "size": list(by.size)}
    return TFLite().finish(converted(by.module, by.resolution)[1], json.dumps(about).encode())


def test_cells_that_a_file_is_not_sure_of_are_left_to_a_person(done, sure, tmp_path):
    """By a threshold between its own probabilities: in tables and on the contact sheet; without one the columns are empty."""
    shutil.copytree(done[0] / "new phones", tmp_path / "new phones", symlinks=True)
    silent, asking = tmp_path / "silent.tflite", tmp_path / "asking.tflite"
    silent.write_bytes(sure)
    assert grade_folder(order(tmp_path, silent, least_cell_px=16)).promise is None
    rows = table(tmp_path, "cells.csv")
    assert {row["ask"] for row in rows} == {row["device_ask"] for row in rows} == {""}
    assert "look at" not in (tmp_path / "graded" / "index.html").read_text()
    shares = sorted(float(row["p_no_damage"]) for row in rows if row["label"] == "no damage")
    middle = shares[len(shares) // 2] + 1e-5
    asking.write_bytes(with_promise("asking.tflite", sure, {"most_missed": 0.2, "threshold": middle, "how": "split"}))
    found = grade_folder(order(tmp_path, asking, least_cell_px=16))
    rows = table(tmp_path, "cells.csv")
    for row in rows:
        assert row["ask"] == str(int(row["label"] == "no damage" and float(row["p_no_damage"]) <= middle))
    assert len(shares) / 3 < sum(row["ask"] == "1" for row in rows) < len(shares)
    devices = table(tmp_path, "devices.csv")
    assert sum(int(row["ask"]) for row in devices) == found.to_look_at[0] > 0
    page = (tmp_path / "graded" / "index.html").read_text()
    assert "for a person to look at: at most 20 % of a damaged phone" in page
    shown = [int(part.split()[0]) for part in page.split('class="ask-line">')[1:]]
    assert shown == sorted(shown, reverse=True)
    assert sum(shown) == page.count('title="for a person to look at"') == found.to_look_at[0]
    assert any("to look at (at most 20 %" in line for line in lines(found, tmp_path / "graded"))


def test_cells_that_look_like_nothing_in_training_are_marked(done, file, tmp_path):
    """By a threshold between the file's own distances: in tables, on the contact sheet and in its order; a usual file says nothing."""
    shutil.copytree(done[0] / "new phones", tmp_path / "new phones", symlinks=True)
    assert {row["unknown"] + row["device_unknown"] + row["distance"] for row in table(done[0], "cells.csv")} == {""}
    assert {row["unknown"] for row in table(done[0], "devices.csv")} == {""}
    by = grader_of(HERE / "zoo" / "mobilenet_0.25")
    _, data = measuring(by.module, by.resolution)
    about = read_file(file)[1] | {"resolution": by.resolution, "size": list(by.size)}
    strange = tmp_path / "strange.tflite"

    def graded(threshold):
        said = {"unknown": {"false_alarms": 0.05, "threshold": threshold}}
        strange.write_bytes(TFLite().finish(data, json.dumps(about | said).encode()))
        return grade_folder(order(tmp_path, strange, least_cell_px=16)), table(tmp_path, "cells.csv")

    found, rows = graded(0.0)
    assert {row["unknown"] for row in rows} == {"1"}
    distances = sorted(float(row["distance"]) for row in rows)
    middle = distances[len(distances) // 2] + 0.0005
    found, rows = graded(middle)
    for row in rows:
        assert row["unknown"] == str(int(float(row["distance"]) > middle))
    devices = table(tmp_path, "devices.csv")
    assert sum(int(row["unknown"]) for row in devices) == found.strange[0] > 0
    page = (tmp_path / "graded" / "index.html").read_text()
    assert page.count('title="like nothing in training"') == found.strange[0]
    assert "like nothing in training, as 5 % of known cells are" in page
    shown = [int(part.split()[0]) for part in page.split('class="ask-line">')[1:]]
    assert shown == sorted(shown, reverse=True)
    assert any(line.endswith("like nothing in training (unknown)") for line in lines(found, tmp_path / "graded"))


def test_by_what_mistakes_cost_cells_get_the_grade_of_least_cost(done, sure, tmp_path):
    """Where missing is dear more cells are damaged, for the network's own probabilities; where false alarms are, a promise holds still."""
    shutil.copytree(done[0] / "new phones", tmp_path / "new phones", symlinks=True)
    file = tmp_path / "asking.tflite"
    file.write_bytes(with_promise(file.name, sure, {"most_missed": 0.2, "threshold": 0.5, "how": "split"}))
    own = grade_folder(order(tmp_path, file, least_cell_px=16))
    before = table(tmp_path, "cells.csv")
    for cost, sign in (({"missed_damage": 10, "false_alarm": 1}, 1), ({"missed_damage": 1, "false_alarm": 30}, -1)):
        found = grade_folder(order(tmp_path, file, least_cell_px=16, cost=cost))
        after = table(tmp_path, "cells.csv")
        matrix, labels = Cost.read(cost).matrix(5), read_file(file)[1]["labels"]
        steps = []
        for row, old in zip(after, before, strict=True):
            shares = np.array([float(value) for name, value in row.items() if name.startswith("p_")])
            assert row["label"] == labels[int((shares @ matrix).argmin())]
            steps.append(labels.index(row["label"]) - labels.index(old["label"]))
            passes = row["label"] == labels[0] and row["ask"] == "0"
            assert not passes or (old["label"] == labels[0] and old["ask"] == "0")
        assert found.moved == (sum(step > 0 for step in steps), sum(step < 0 for step in steps), len(steps))
        assert found.moved[0 if sign > 0 else 1] > 0
        assert found.new == own.new
        assert any(
            line.startswith(f"by what mistakes cost {found.moved[0]} of 90 cells") for line in lines(found, tmp_path)
        )
    assert json.loads((tmp_path / "graded" / "settings.json").read_text())["cost"][1] == [1, 0, 0, 0, 0]
    with pytest.raises(CostError, match="2 x 2; want 5 x 5"):
        grade_folder(order(tmp_path, file, cost=[[0, 1], [1, 0]]))


def test_what_is_graded_stays_and_what_changed_is_graded_again(done, file):
    place, _ = done
    output = place / "graded"
    before = (output / "results.jsonl").read_bytes()
    assert grade_folder(order(place, file)).new == 0
    assert (output / "results.jsonl").read_bytes() == before
    os.utime(place / "new phones" / "photos" / "screen2.png", ns=(1, 10**18))
    (output / "pictures" / "screen0b.jpg").unlink()
    (output / "results.jsonl").write_bytes(before + b'{"photo": "screen1.png", "made_of"')  # as kill -9 leaves it
    assert grade_folder(order(place, file)).new == 2
    assert (output / "pictures" / "screen0b.jpg").is_file()
    log = (output / "results.jsonl").read_text().splitlines()
    other = [*RULES[:1], {"grade": "fine", "cells": 0, "of": []}]
    again = grade_folder(order(place, file, rules=other))
    assert again.new == 9
    assert {one.grade for one in again.devices} <= {"replace the screen", "fine"}
    good = [line for line in log if "refused" not in line]
    damaged = [good[0].replace('"row":0', '"row":7'), "[1]", good[1].replace('"look":"', '"look":"A'), *good[2:]]
    (output / "results.jsonl").write_text("\n".join([*damaged, ""]))
    assert grade_folder(order(place, file)).new == 2 + 3


@pytest.mark.slow
def test_a_photo_that_left_takes_its_pictures_with_it(done, file, tmp_path):
    shutil.copytree(done[0] / "new phones", tmp_path / "new phones", symlinks=True)
    (tmp_path / "new phones" / "photos.csv").unlink()
    photos = tmp_path / "new phones" / "photos"
    for path in list(photos.iterdir()):
        if path.name != "empty.png" and not path.is_dir():
            path.unlink()
    shutil.rmtree(photos / "fotos [alt]")
    output = tmp_path / "graded"
    (output / "pictures").mkdir(parents=True)
    (output / "settings.json").write_text(json.dumps({"photos": str(photos.resolve())}))
    (output / "pictures" / "stranger.jpg").write_bytes(b"")
    assert grade_folder(order(tmp_path, file)).devices == []
    assert not (output / "pictures" / "stranger.jpg").exists()
    said = run_warm("-m", "station", "grade", f"photos={tmp_path}/new phones", f"run={file}", f"output={output}")
    assert said.returncode == 1
    assert said.stderr.splitlines()[-1].startswith(
        f"error: photos={tmp_path}/new phones: none of 1 photos can be graded"
    )


NAMES = ["screen0.png", "screen0b.png", "screen1.png", "new/screen2.png", "other.png", "a/x.png", "b/x.png"]


def test_a_table_or_a_pattern_says_which_photos_show_one_device(tmp_path):
    found, notes = devices_of(NAMES, Listed(), None, pattern_of(r"(?:new/)?(?P<device>screen\d).*"))
    assert grouped(found)["screen0"] == ["screen0.png", "screen0b.png"]
    assert (found["new/screen2.png"], found["other.png"]) == ("screen2", "other.png")
    assert notes[-1] == "device_pattern says nothing of other.png and 2 more: taken as devices of their own"
    table = tmp_path / "d.csv"
    table.write_text("photo,device\nscreen0.png,A\nscreen1.png,A\nscreen2.png,B\nelsewhere.png,C\nx.png,D\na/x.png,E\n")
    found, notes = devices_of(NAMES, Listed({"other.png": "Z"}), table, None)
    assert grouped(found)["A"] == ["screen0.png", "screen1.png"]
    assert (found["new/screen2.png"], found["a/x.png"]) == ("B", "E")
    assert (found["other.png"], found["b/x.png"]) == ("other.png", "b/x.png")  # x.png may be either
    assert notes[0] == f"devices by {table}: 6 of 7 photos"
    alone, notes = devices_of(NAMES, Listed(), None, None)
    assert alone == {name: name for name in NAMES}
    assert notes[0].startswith("each photo is taken as a device of its own; devices=<csv> or device_pattern=")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("photo,phone\na,b\n", "no column device"),
        ("photo,device\nscreen0.png,\n", "line 2: photo screen0.png has no device"),
        ("photo,device\nscreen0.png,A\nscreen0.png,B\n", "line 3: photo screen0.png is of B; a line above has it of A"),
    ],
)
def test_a_table_of_devices_that_is_wrong_is_named(tmp_path, text, message):
    (tmp_path / "d.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_devices(tmp_path / "d.csv")


def test_outputs_that_are_something_else_are_refused(done, file, tmp_path):
    place, _ = done
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "devices.csv").write_text("my own")
    for output, message in (
        (tmp_path / "mine", "holds other things"),
        (place / "new phones" / "photos", "is the folder of photos"),
    ):
        with pytest.raises(DataError, match=message):
            grade_folder(order(place, file, output=output))
    draw_screens(tmp_path / "others", sources=1)
    with pytest.raises(DataError, match=f"holds the grades of {place}"):
        grade_folder(order(place, file, photos=tmp_path / "others"))
    with FileLock(place / "graded" / ".lock"), pytest.raises(DataError, match="another command is grading into it"):
        grade_folder(order(place, file))
    with pytest.raises(DataError, match="no such folder"):
        grade_folder(order(place, file, photos=tmp_path / "nowhere"))
    (tmp_path / "bare").mkdir()
    with pytest.raises(DataError, match="no photo in it; want"):
        grade_folder(order(place, file, photos=tmp_path / "bare"))
    with pytest.raises(GradingError, match="none of them holds for every device"):
        grade_folder(order(place, file, rules=RULES[:2]))


def test_into_a_pipe_a_line_says_now_and_then_how_far_it_is(monkeypatch, capsys):
    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    with progress.Progress(12, 2) as shown:
        shown.one(refused=False)
        shown.one(refused=True)
    first, second = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"photo 3 of 12, some \d+ s left", first)
    assert re.fullmatch(r"photo 4 of 12, 1 refused, some \d+ s left", second)


def many(place, count):
    draw_screens(place / "new phones", sources=count)
    return place


def said_of(output):
    """Results without the time that they took, and all tables."""
    lines = [json.loads(line) for line in (output / "results.jsonl").read_text().splitlines()]
    tables = [(output / f"{name}.csv").read_text() for name in ("devices", "cells", "refused")]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines], tables


@pytest.mark.slow
def test_processes_side_by_side_say_the_same_as_one(file, tmp_path):
    place = many(tmp_path, 12)
    (place / "new phones" / "photos" / "zero.jpg").touch()
    for count in (1, 3):
        assert grade_folder(order(place, file, jobs=count, output=place / str(count))).new == 13
    assert said_of(place / "1") == said_of(place / "3")
    for path in (place / "1" / "pictures").iterdir():
        np.testing.assert_array_equal(decode(path), decode(place / "3" / "pictures" / path.name))


def words(place, file, output, jobs=2):
    return ["-m", "station", "grade", f"photos={place}/new phones", f"run={file}", f"output={output}", f"jobs={jobs}"]


def lines_of(output):
    path = output / "results.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def wait_for_lines(output, count, running):
    end = time.monotonic() + 60
    while lines_of(output) < count:
        assert time.monotonic() < end
        assert psutil.pid_exists(running.pid)
        time.sleep(0.005)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_command_that_was_stopped_goes_on(file, tmp_path, number):
    place = many(tmp_path, 30)
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    grade_folder(order(place, file, output=whole))
    running = Warm(*words(place, file, stopped))
    wait_for_lines(stopped, 5, running)
    children = psutil.Process(running.pid).children(recursive=True)
    os.kill(running.pid, number)
    ended = running.wait()
    if number == signal.SIGINT:
        assert ended.returncode == 130
        assert ended.stderr.splitlines()[-1] == "stopped"
    assert "Traceback" not in ended.stderr
    kept = lines_of(stopped)
    assert 5 <= kept < 30
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
    done = run_warm(*words(place, file, stopped))
    assert done.returncode == 0, done.stderr
    assert f"note: {kept} of 30 photos are graded already" in done.stderr
    assert said_of(stopped) == said_of(whole)


@pytest.mark.slow
def test_a_process_that_dies_costs_no_photo(file, tmp_path):
    place = many(tmp_path, 30)
    whole, hit = tmp_path / "whole", tmp_path / "hit"
    grade_folder(order(place, file, output=whole))
    running = Warm(*words(place, file, hit))
    wait_for_lines(hit, 5, running)
    workers = [one for one in psutil.Process(running.pid).children() if "spawn_main" in " ".join(one.cmdline())]
    assert workers
    workers[0].kill()
    done = running.wait()
    assert done.returncode == 0, done.stderr
    assert said_of(hit) == said_of(whole)
