"""What the station over HTTP keeps of its answers, what people say to them, and how it comes back into training."""

import csv
import os
import subprocess
import sys

import pytest
from PIL import Image

from choices import ROOT
from tests.web.test_station_api import GIVEN, files, photos, place, running  # noqa: F401  fixtures
from web.kept_answers import KeptAnswers


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def keeping(files, folder):  # noqa: F811
    with running(files, "jobs=1", f"keep={folder}") as client:
        yield client


def sent(client, path, model="front", **params):
    return client.post(f"/models/{model}/grade", params=GIVEN | params, content=path.read_bytes()).json()


def say(client, model="front", **told):
    return client.post(f"/models/{model}/corrections", json={"annotator": "Ada"} | told)


def test_a_correction_comes_back_into_the_annotated_folder(keeping, folder, photos, tmp_path):  # noqa: F811
    form = {"files": [("photo", (path.name, path.read_bytes())) for path in photos[:2]], "data": {"corners": [GIVEN["corners"]] * 2}}  # fmt: skip
    first, second = keeping.post("/models/front/devices/A 7/grade", **form).json()["results"]
    assert first["kept"] != second["kept"]
    assert sent(keeping, photos[0])["kept"] == first["kept"]  # the same picture once
    labels = list(first["cells"][0]["probabilities"])
    other = next(label for label in labels if label != first["cells"][4]["label"])
    answer = say(keeping, photo=first["kept"], cells=[{"row": 1, "col": 1, "label": other}], confirmed=True)
    assert (answer.status_code, answer.json()) == (200, {"photo": first["kept"], "differ": 1})
    (graded,) = folder.glob("front-*")
    words = [f"graded={graded}", f"data={tmp_path / 'annotated'}", "most=0"]
    done = subprocess.run(
        [sys.executable, "-m", "pipelines", "collect", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    with (tmp_path / "annotated" / "annotations.csv").open() as table:
        rows = list(csv.DictReader(table))
    said = {
        name: {(row["row"], row["col"]): row for row in rows if row["field"] == name} for name in ("label", "proposed")
    }
    assert said["label"].keys() == said["proposed"].keys()
    assert len(said["label"]) == len(first["cells"])
    assert {row["annotator"] for row in said["label"].values()} == {"Ada"}
    changed = [
        at for at, row in said["label"].items() if row["value"] != said["proposed"][at]["value"].partition(" ")[0]
    ]
    assert changed == [("1", "1")]
    assert said["label"]["1", "1"]["value"] == str(labels.index(other))
    (copied,) = (path for path in (tmp_path / "annotated").rglob("*") if path.suffix in (".png", ".jpg"))
    assert copied.read_bytes() == photos[0].read_bytes()
    assert any(row["value"] == "A 7" for row in rows)


@pytest.mark.parametrize(
    ("told", "status", "words"),
    [
        ({"photo": "0" * 16}, 404, "no photo that is kept"),
        ({"photo": "../../etc/passwd"}, 422, "photo"),
        ({"cells": [{"row": 9, "col": 0, "label": "no damage"}]}, 422, "row 9, col 0: no cell"),
        ({"cells": [{"row": 0, "col": 0, "label": "broken"}]}, 422, "label 'broken': want one of no damage"),
        ({"annotator": " "}, 422, "want a name"),
        ({"annotator": "A\nda"}, 422, "want a name"),
        ({"cell": []}, 422, "cell"),
    ],
)
def test_what_fits_no_answer_is_refused_and_nothing_written(keeping, folder, photos, told, status, words):  # noqa: F811
    kept = sent(keeping, photos[2])["kept"]
    before = {path: path.read_bytes() for path in folder.rglob("*.json")}
    answer = say(keeping, **({"photo": kept} | told))
    assert answer.status_code == status
    assert words in answer.text
    assert {path: path.read_bytes() for path in folder.rglob("*.json")} == before


def test_without_keep_there_is_nothing_to_correct(files, photos):  # noqa: F811
    with running({"front": files["front"]}, "jobs=1") as client:
        assert "kept" not in sent(client, photos[0])
        answer = say(client, photo="0" * 16)
        assert (answer.status_code, answer.json()["error"]) == (404, "this station keeps no answers; begin it with keep=<folder>")  # fmt: skip


def answer_of(label):
    cell = {"row": 0, "col": 0, "label": label, "probabilities": {"fine": 0.4, "broken": 0.6}}
    return {"photo": "a.png", "file": "int8.tflite", "corners": [[0, 0], [1, 0], [1, 1], [0, 1]], "cells": [cell]}


def test_the_oldest_go_but_not_what_was_corrected(tmp_path):
    from web.kept_answers import Said

    pictures = []
    for shade in range(4):
        Image.new("RGB", (8, 8), (shade, 0, 0)).save(tmp_path / "one.png")
        pictures.append((tmp_path / "one.png").read_bytes())
    room = sum(map(len, pictures[:2]))
    kept = KeptAnswers(tmp_path / "kept", room)
    names = [kept.keep("m", data, answer_of("fine"), None) for data in pictures[:2]]
    kept.say("m", Said(photo=names[0], annotator="Ada", cells=[], confirmed=True), ["fine", "broken"])
    names.append(kept.keep("m", pictures[2], answer_of("fine"), None))
    there = {path.stem for path in (tmp_path / "kept" / "m").glob("*.json")}
    assert there == {names[0], names[2]} == {path.stem for path in (tmp_path / "kept" / "m").glob("*.png")}
    again = KeptAnswers(tmp_path / "kept", room)  # what lies there counts after a new start
    os.utime(tmp_path / "kept" / "m" / f"{names[2]}.json", (0, 0))
    again.say("m", Said(photo=names[2], annotator="Ada", confirmed=True), ["fine", "broken"])
    assert again.keep("m", pictures[3], answer_of("fine"), None) is None
