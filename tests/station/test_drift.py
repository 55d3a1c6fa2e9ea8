"""Whether camera and stock have changed: how often it is said where nothing has, and that it is said where something has."""

import json
import math
import re

import cv2
import numpy as np
import pytest
from scipy.stats import binom

from choices import read_choice
from datamodules.base.errors import DataError
from station.drift import FIGURES, GRADE, LEAST, TESTS, Seen, Watch, compare, shot_of
from station.folder_grading import grade_folder, lines
from station.order import Order
from station.reference import read_reference
from sweeps.records.run_record import find_runs
from tests.drawn import draw_screens
from tests.trained import copy_of, grading

RULES = read_choice("profile", "phone")["rules"]
GRADES = ["like new", "worn", "cracked"]


def devices(rng, count, shift=0.0, chances=(0.6, 0.3, 0.1)):
    figures = rng.normal(0, 1, (count, len(FIGURES)))
    figures[:, FIGURES.index("sharpness")] += shift
    return [Seen(*map(float, row), str(rng.choice(GRADES, p=chances))) for row in figures]


def test_false_alarms_are_as_rare_as_is_said():
    rng = np.random.default_rng(0)
    trials, rate = 150, 0.2
    alarms = sum(any(one.changed for one in compare(devices(rng, 12), devices(rng, 9), rate)) for _ in range(trials))
    assert 0 < alarms <= binom.ppf(0.999, trials, rate)


def test_what_has_changed_is_named_and_nothing_else():
    rng = np.random.default_rng(1)
    before = devices(rng, 40)
    found = compare(before, devices(rng, 40, shift=-2.0))
    assert [one.figure for one in found if one.changed] == ["sharpness"]
    assert [one.figure for one in found] == [*FIGURES, GRADE]
    found = compare(before, devices(rng, 40, chances=(0.1, 0.3, 0.6)))
    assert [(one.figure, one.was, one.now) for one in found if one.changed] == [(GRADE, "like new", "cracked")]


def test_p_of_whole_separation_is_that_of_counting():
    """All of one side below all of the other: two orders out of all ways to choose the one."""
    low, high = ([Seen(x, x, x, x, x, "worn") for x in range(start, start + 6)] for start in (0, 10))
    found = {one.figure: one.p for one in compare(low, high, 0.5)}
    assert found["brightness"] == pytest.approx(2 / math.comb(12, 6))
    assert found[GRADE] == 1


def test_each_test_has_its_share_of_the_false_alarms():
    rng = np.random.default_rng(2)
    before, now = devices(rng, 30), devices(rng, 30, shift=2.0)
    p = {one.figure: one.p for one in compare(before, now)}["sharpness"]
    for windows, changed in ((1, True), (10_000, False)):
        assert 0.01 / TESTS / 10_000 < p < 0.01 / TESTS
        found = {one.figure: one.changed for one in compare(before, now, 0.01, windows)}
        assert found["sharpness"] is changed


def test_too_few_devices_are_not_compared():
    rng = np.random.default_rng(0)
    assert compare(devices(rng, LEAST - 1), devices(rng, 50)) == []
    assert compare(devices(rng, 6), devices(rng, 6)) == []  # 2 / 924 is no smaller than 0.01 / 6
    assert compare(devices(rng, 6), devices(rng, 7))
    with pytest.raises(ValueError, match="windows of 5 devices against 20 could never be called changed with"):
        Watch(None, 20, 5, 100, 0.01)


def test_a_watch_takes_the_first_for_its_reference_and_goes_on_in_windows():
    rng = np.random.default_rng(3)
    watch = Watch(None, 30, 20, 100, 0.01)
    assert not any(watch.add(one) for one in devices(rng, 30 + 19))
    assert watch.state()["window"] == {"devices": 19, "of": 20}
    assert watch.add(devices(rng, 1)[0]) == []
    assert (watch.done, watch.alarms) == (1, 0)
    said = [watch.add(one) for one in devices(rng, 20, shift=-3.0)]
    assert not any(said[:-1])
    assert [one.figure for one in said[-1]] == ["sharpness"]
    assert watch.state()["changed"] == ["sharpness"]
    assert json.dumps(watch.state())


def test_brightness_and_sharpness_are_of_the_phone_and_the_surround_is_not():
    rng = np.random.default_rng(0)
    photo = np.full((140, 100, 3), 204, np.uint8)
    phone = photo[20:120, 20:80] = rng.integers(0, 100, (100, 60, 3), np.uint8)
    corners = np.array([[20, 20], [80, 20], [80, 120], [20, 120]], float)

    def shot(phone, photo=photo):
        return shot_of(phone, photo, corners)

    plain, light = shot(phone), shot(phone + np.uint8(51), photo // 2)
    assert light["brightness"] == pytest.approx(plain["brightness"] + 0.2, abs=1e-3)
    assert light["sharpness"] == pytest.approx(plain["sharpness"], abs=1e-3)
    assert (plain["surround"], light["surround"]) == (0.8, 0.4)
    softer = [shot(cv2.GaussianBlur(phone, (0, 0), sigma))["sharpness"] for sigma in (1, 2)]
    assert plain["sharpness"] > softer[0] > softer[1]
    assert shot(phone * 0)["sharpness"] == -3
    filled = np.array([[0, 0], [60, 0], [60, 100], [0, 100]], float)
    assert shot_of(phone, phone, filled)["surround"] == pytest.approx(
        np.median(cv2.cvtColor(phone, cv2.COLOR_RGB2GRAY)) / 255, abs=1e-4
    )


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    place = copy_of(tmp_path_factory, grading)[0]
    return find_runs(place / "runs" / "grid")[0] / "export" / "float32.tflite"


@pytest.fixture(scope="module")
def earlier(file, tmp_path_factory):
    place = tmp_path_factory.mktemp("weeks")
    draw_screens(place / "first", sources=6)
    grade_folder(Order(place / "first", place / "graded", file, RULES, jobs=1))
    return place / "graded"


def against(earlier, file, place, change=lambda picture: picture):
    """What is printed of seven other phones, whose pictures were changed."""
    draw_screens(place / "now", sources=7, seed=9)
    for path in (place / "now" / "photos").iterdir():
        cv2.imwrite(str(path), change(cv2.imread(str(path))))
    order = Order(place / "now", place / "graded", file, RULES, jobs=1, reference=earlier)
    return "\n".join(lines(grade_folder(order), order.output))


def test_a_folder_is_held_against_an_earlier_one(earlier, file, tmp_path):
    assert f"camera and stock have not changed that could be told against {earlier}, 7 devices against 6" in against(
        earlier, file, tmp_path / "same"
    )
    said = against(earlier, file, tmp_path / "soft", lambda picture: cv2.GaussianBlur(picture, (0, 0), 2))
    assert re.search(r"^changed against .*: sharpness \S+, was \S+ \(p 0\.00\d+\)", said, re.MULTILINE)


def test_a_reference_that_cannot_be_is_named(earlier, file, tmp_path):
    by = json.loads((earlier / "settings.json").read_text())["by"]
    assert len(read_reference(earlier, by)) == 6
    with pytest.raises(DataError, match="no folder that `python -m station grade photos=` has written"):
        read_reference(tmp_path, by)
    with pytest.raises(DataError, match="was graded by another network, other rules or an earlier gridlite"):
        read_reference(earlier, "0" * 16)
    (tmp_path / "settings.json").write_text(json.dumps({"by": by}))
    header, *rows = (earlier / "devices.csv").read_text().splitlines()
    (tmp_path / "devices.csv").write_text("\n".join([header, *rows[:2]]))
    with pytest.raises(DataError, match="holds 2 devices; want 5 at least"):
        read_reference(tmp_path, by)
    (tmp_path / "devices.csv").write_text("\n".join([header, rows[0].rpartition(",")[0] + ",soft"]))
    with pytest.raises(DataError, match="line 2: sharpness='soft': want a number"):
        read_reference(tmp_path, by)
