"""Several runs and files in one phone app: what is known of each, and what a file without a run is refused."""

import shutil

import pytest
from fastapi.testclient import TestClient
from omegaconf import OmegaConf

from export.flatbuffer import FileError
from export.runtime import read_file
from sweeps.records.run_record import RecordError, find_runs
from tests.trained import copy_of, grading
from web.access import COOKIE
from web.chosen_files import chosen_files, runs_and_files
from web.phone_app import create_app

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
TOKEN = "a-token"
WHERE = {"device": "Test phone", "os": "Android 14", "browser": "Chrome 1", "delegate": "wasm", "threads": 1}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return copy_of(tmp_path_factory, grading)[0]


@pytest.fixture(scope="module")
def folder(place):
    (folder,) = find_runs(place / "runs" / "grid")
    return folder


@pytest.fixture(scope="module")
def loose(folder, place):
    """A file that was taken out of its run."""
    return shutil.copy(folder / "export" / "float32.tflite", place / "backs.tflite")


def settings(run, **more):
    given = {
        "run": run,
        "pareto_of": None,
        "files": None,
        "root": None,
        "datamodule": None,
        "paths": {"runs": "runs", "cache": "c"},
    }
    return OmegaConf.create(given | more)


def asked(*files):
    app = create_app(files, TOKEN, version="9.9")
    client = TestClient(app, base_url="http://localhost", raise_server_exceptions=False)
    client.cookies.set(COOKIE.format(scheme="http", port=""), TOKEN)
    return client


def test_of_several_runs_the_recommended_file_is_served_and_a_file_by_its_metadata(folder, loose):
    client = asked(*chosen_files(settings([str(folder), str(loose)])))
    of_run, of_file = client.get("/api/files").json()
    assert of_run["advised"] is True
    assert (of_run["unrecorded"], of_run["data"]) == ("", "screens")
    known = read_file(loose)[1]
    assert of_file["data"] == "backs"
    assert of_file["kind"] == "float32"
    assert [of_file[key] for key in ("labels", "resolution", "size")] == [
        known[key] for key in ("labels", "resolution", "size")
    ]
    assert of_file["preprocessing"] == of_run["preprocessing"]
    assert of_file["rules"] == known["profile"]["rules"]
    assert of_file["accuracy"] is None
    assert "no record" in of_file["unrecorded"]
    assert client.get("/api/files/1/model.tflite").content == loose.read_bytes()
    assert client.get("/api/files/1/view.js").text == client.get("/api/files/0/view.js").text


def test_named_kinds_are_served_of_each_run(folder, loose):
    files = chosen_files(settings([str(folder), str(loose)], files=["float32", "int8"]))
    assert [file.about()["kind"] for file in files] == ["float32", "int8", "float32"]


def test_without_a_record_nothing_is_kept_or_scored(loose):
    client = asked(*chosen_files(settings(str(loose))))
    (about,) = client.get("/api/files").json()
    told = WHERE | {"sha256": about["sha256"]}
    timing = told | {"warmup_runs": 10, "times_ms": [2.0], "initialisation_ms": 5.0}
    for path, body, status in (("latency", timing, 409), ("score", told | {"grades": [0]}, 422)):
        answer = client.post(f"/api/files/0/{path}", json=body)
        assert answer.status_code == status
        assert answer.json()["error"] == "backs.tflite: it belongs to no run: there is no record that would keep it"
    assert client.get("/api/files/0/cells").status_code == 409


def test_given_rules_go_before_those_of_a_file(loose, capsys):
    rules = [{"grade": "scrap", "cells": 1, "of": ["major cracks"]}, {"grade": "sell", "cells": 0, "of": []}]
    (file,) = chosen_files(settings(str(loose), datamodule={"rules": rules}))
    assert [one["grade"] for one in file.about()["rules"]] == ["scrap", "sell"]
    (file,) = chosen_files(settings(str(loose), datamodule={"rules": [{"grade": "x", "cells": 1, "of": ["dents"]}]}))
    assert file.about()["rules"] == []
    assert "backs.tflite: no grade of the device, its cells only" in capsys.readouterr().err


@pytest.mark.parametrize("run", [[], ["a.tflite", 5], [""], {"a": "b"}])
def test_what_is_no_run_and_no_file_is_refused(run, capsys):
    with pytest.raises(SystemExit) as stopped:
        runs_and_files(settings(run).run)
    assert stopped.value.code == 2
    assert "want a run's folder or a .tflite file, or a list of them" in capsys.readouterr().err


def test_what_cannot_be_served_is_named(folder, place):
    with pytest.raises(FileError, match=r"nothing\.tflite: cannot be read"):
        chosen_files(settings([str(folder), "nothing.tflite"]))
    record = place / "runs" / "grid" / folder.name / "record.json"
    with pytest.raises(RecordError, match=r"record\.json: the phone page runs \.tflite files alone"):
        chosen_files(settings([str(folder), str(record)]))
    with pytest.raises(RecordError, match=r"files=int4: .* has dynamic, float16, float32, int8"):
        chosen_files(settings([str(folder), str(folder / "export" / "int8.tflite")], files=["int4"]))
