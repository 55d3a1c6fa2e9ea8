"""A folder remembers the grid and the grades that it is annotated in."""

import json
from dataclasses import replace

import pytest

from annotation.log import AnnotationError
from annotation.photos import Photos
from annotation.profile import Device
from annotation.store import Book
from datamodules.screens.device_rules import Rule
from datamodules.screens.grid import Grid
from tests.annotation.made import GRID, NAMES, all_cells, book_of, draw_photos, graded, outlined
from tests.annotation.test_commands import CLASSES, annotation


@pytest.fixture
def root(tmp_path):
    root = draw_photos(tmp_path / "set", 1)
    book_of(root).say([*outlined("photo0.png"), *graded("photo0.png", all_cells("1"))])
    return root


def kept(root):
    return {path.name: path.read_bytes() for path in root.glob("*.*")}


@pytest.mark.parametrize("writes", [True, False])
@pytest.mark.parametrize("profiled", [True, False])
@pytest.mark.parametrize(
    ("grid", "names", "wanted"),
    [
        (
            Grid(4, 6, 40),
            NAMES,
            "3 columns x 5 rows, these settings say 4 x 6; want datamodule.columns=3 datamodule.rows=5",
        ),
        (Grid(5, 3, 40), NAMES, "these settings say 5"),
        (Grid(2, 2, 40), NAMES, "these settings say 2"),
        (GRID, (*NAMES[:-1], "gone"), "these settings say none, minor, major, crack, gone"),
        (GRID, NAMES[:1], "these settings say "),
    ],
)
def test_other_settings_are_refused_and_nothing_is_rewritten(root, grid, names, wanted, writes, profiled):
    if not profiled:
        (root / "profile.json").unlink()
        if len(names) == len(NAMES) and grid == GRID:
            pytest.skip("names are said nowhere else")
    before = kept(root)
    with pytest.raises(AnnotationError) as refusal:
        Book(Photos(root), names, grid, writes=writes)
    assert profiled <= (wanted in str(refusal.value))
    assert "these settings say" in str(refusal.value)
    assert str(root) in str(refusal.value)
    assert kept(root) == before


def test_the_same_settings_go_on_at_any_size_of_cells(root):
    assert Book(Photos(root), NAMES, Grid(3, 5, 300)).state["photo0.png"].label((0, 0)) == "1"
    assert json.loads((root / "profile.json").read_text())["class_names"] == list(NAMES)


def test_who_only_looks_writes_no_profile(tmp_path):
    root = draw_photos(tmp_path / "set", 1)
    book_of(root)
    assert not (root / "profile.json").exists()


@pytest.mark.parametrize("text", ["", "[]", '{"version": 9}', '{"columns": 0, "rows": 5, "class_names": ["a"]}'])
def test_a_broken_profile_is_named(root, text):
    (root / "profile.json").write_text(text)
    with pytest.raises(AnnotationError, match=r"profile\.json: .*want version, device, columns") as refusal:
        book_of(root)
    assert "\n" not in str(refusal.value)


def test_commands_refuse_another_grid(root, tmp_path):
    for words in (("export", "--to", tmp_path / "o.csv"), ("agreement",)):
        done = annotation(
            words[0], "--data", root, *words[1:], *CLASSES, "datamodule.columns=4", "datamodule.rows=6", check=2
        )
        assert "profile.json: the folder is annotated in 3 columns x 5 rows" in done.stderr
        assert done.stderr.count("\n") == 1
    assert not (tmp_path / "o.csv").exists()


def profile_of(root):
    return json.loads((root / "profile.json").read_text())


def test_a_folder_keeps_the_device_and_its_rules_and_another_profile_is_named(tmp_path):
    root = draw_photos(tmp_path / "set", 1)
    (tmp_path / "labels.csv").write_text("photo,row,col,label\nphoto0.png,0,0,1\n")
    corners = ",".join(f"{corner}_{axis}" for corner in ("tl", "tr", "br", "bl") for axis in "xy")
    (root / "photos.csv").write_text(f"photo,source_id,{corners}\nphoto0.png,shop,10,10,90,10,90,150,10,150\n")
    words = ("import", "--data", root, "--from", tmp_path / "labels.csv")
    annotation(*words, "profile=pass_fail")
    kept = profile_of(root)
    assert (kept["version"], kept["device"], kept["class_names"]) == (2, "phone", ["pass", "fail"])
    assert [rule["grade"] for rule in kept["rules"]] == ["fail", "pass"]
    done = annotation("agreement", "--data", root, check=2)
    assert "want profile=pass_fail, or 'datamodule.class_names=[pass,fail]'" in done.stderr
    done = annotation("agreement", "--data", root, "profile=tablets", check=2)
    assert "profile" in done.stderr
    assert "tablet" in done.stderr


def test_a_profile_that_was_asked_for_replaces_the_rules_and_nothing_else_does(root):
    assert profile_of(root)["rules"] is None
    kind = Device("bench phone", (Rule("good", 0, ()),))
    Book(Photos(root), NAMES, GRID, kind)
    assert profile_of(root)["rules"] is None
    Book(Photos(root), NAMES, GRID, kind, redefine=True, writes=False)
    assert profile_of(root)["rules"] is None
    Book(Photos(root), NAMES, GRID, kind, redefine=True)
    assert profile_of(root)["rules"] == [{"grade": "good", "cells": 0, "of": []}]
    assert profile_of(root)["device"] == "bench phone"
    assert "screen_mm" not in profile_of(root)
    Book(Photos(root), NAMES, GRID, replace(kind, screen_mm=(65.0, 140.0)), redefine=True)
    assert profile_of(root)["screen_mm"] == [65.0, 140.0]


def test_a_folder_of_the_first_version_goes_on(root):
    kept = profile_of(root)
    first = {"version": 1} | {key: kept[key] for key in ("columns", "rows", "cell_shape", "class_names")}
    (root / "profile.json").write_text(json.dumps(first))
    assert book_of(root).state["photo0.png"].label((0, 0)) == "1"
    assert profile_of(root) == first
