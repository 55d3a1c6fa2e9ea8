"""What the app hands out and takes, and what it refuses."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient

from choices import ROOT, read_choice
from sweeps.records.run_record import read_record, update_record
from tests.sweeps.made import add_run
from web.access import COOKIE, MOST_BYTES
from web.addresses import listen
from web.phone_app import create_app
from web.served_files import ServedFile

TOKEN = "a-token"
WHERE = {
    "sha256": hashlib.sha256(b"float32" * 100).hexdigest(),
    "device": "Test phone",
    "os": "Android 14",
    "browser": "Chrome 1",
    "delegate": "wasm",
    "threads": 2,
}
TIMING = WHERE | {"warmup_runs": 10, "times_ms": [2.0, 4.0, 3.0], "initialisation_ms": 5.0}


class Drawn:
    """Ten val cells and one train cell, without a data set."""

    def __init__(self):
        self.table = pd.DataFrame(
            {
                "sample": [f"s{n}" for n in range(11)],
                "part": ["train"] + ["val"] * 10,
                "label": [0] + [0, 1, 2, 3, 4] * 2,
            }
        )

    def images(self, side):
        return np.arange(11 * side * side * 3, dtype=np.uint8).reshape(11, side, side, 3)


TIMING_OF_INT8 = TIMING | {"sha256": hashlib.sha256(b"int8" * 100).hexdigest()}


@pytest.fixture
def folder(tmp_path):
    folder = add_run(tmp_path / "runs" / "study", 0.8)
    (folder / "export").mkdir()
    for kind in ("float32", "int8"):
        (folder / "export" / f"{kind}.tflite").write_bytes(kind.encode() * 100)

    def more(record):
        record["config"] = {"resolution": 4, "task": read_choice("task", "grading"), "encoding": {}}
        record["data"]["preprocessing"] = {"crop": "none", "grid": None}
        for kind, entry in record["exports"].items():
            entry["sha256"] = hashlib.sha256(kind.encode() * 100).hexdigest()
        return record

    update_record(folder, more)
    graded = [
        {"file": kind, "part": "val", "sample": f"s{n}", "grade": (n - 1) % 5}
        for kind in ("float32", "int8")
        for n in range(1, 11)
    ]
    pd.DataFrame(graded).to_parquet(folder / "export" / "predictions.parquet")
    return folder


@pytest.fixture
def stranger(folder):
    served_files = [ServedFile(folder, kind, lambda record: Drawn()) for kind in ("float32", "int8")]
    return TestClient(
        create_app(served_files, TOKEN, version="9.9"), base_url="http://localhost", raise_server_exceptions=False
    )


@pytest.fixture
def client(stranger):
    stranger.cookies.set(COOKIE.format(scheme="http", port=""), TOKEN)
    return stranger


@pytest.mark.parametrize(
    "path", ["/", "/bench", "/live", "/api/files", "/api/files/0/model.tflite", "/static/style.css", "/nowhere"]
)
def test_nothing_without_the_token(stranger, path):
    for given in ({}, {"token": "another"}, {"token": ""}):
        answer = stranger.get(path, params=given)
        assert answer.status_code == 401
        assert "token" in answer.json()["error"]


def test_the_address_with_the_token_opens_the_rest(stranger):
    answer = stranger.get("/", params={"token": TOKEN})
    assert answer.status_code == 200
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert stranger.get("/api/files").status_code == 200


def test_files_are_listed_and_given(client, folder):
    first, second = client.get("/api/files").json()
    assert (first["id"], first["kind"], second["kind"]) == (0, "float32", "int8")
    assert first["accuracy"] == 0.8
    assert first["cells"] == 35
    assert first["labels"][0] == "no damage"
    assert client.get("/api/files/1/model.tflite").content == b"int8" * 100


def test_cells_come_in_pieces(client):
    whole = np.frombuffer(client.get("/api/files/0/cells", params={"count": 256}).content, np.uint8)
    np.testing.assert_array_equal(whole.reshape(-1, 4, 4, 3), Drawn().images(4)[1:])
    piece = client.get("/api/files/0/cells", params={"first": 8, "count": 64}).content
    assert len(piece) == 2 * 48


def test_a_timing_reaches_the_record_once_per_setting(client, folder):
    for times in ([2.0, 4.0, 3.0], [1.0]):
        assert client.post("/api/files/1/latency", json=TIMING_OF_INT8 | {"times_ms": times}).status_code == 200
    client.post("/api/files/1/latency", json=TIMING_OF_INT8 | {"threads": 1})
    entries = [one for one in read_record(folder)["exports"]["int8"]["latency"] if one["device"] == "Test phone"]
    assert [(one["threads"], one["runs"], one["latency_ms_p50"]) for one in entries] == [(2, 1, 1.0), (1, 3, 3.0)]
    assert entries[0]["runtime"] == "LiteRT.js 9.9, Chrome 1"
    assert len(read_record(folder)["exports"]["float32"]["latency"]) == 1


def test_scores_are_held_against_labels_and_the_host(client, folder):
    right = [0, 1, 2, 3, 4] * 2
    told = client.post("/api/files/0/score", json=WHERE | {"grades": [*right[:8], 0, 0]}).json()
    assert (told["val/accuracy"], told["agreement"], told["cells"]) == (0.8, 0.8, 10)
    client.post("/api/files/0/score", json=WHERE | {"grades": right})
    (kept,) = read_record(folder)["exports"]["float32"]["scores"]
    assert (kept["device"], kept["val/accuracy"]) == ("Test phone", 1.0)


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/api/files/2/latency", TIMING, 404, "there are 2 files, not 2"),
        ("/api/files/-1/latency", TIMING, 404, "there are 2 files, not -1"),
        ("/api/files/x/latency", TIMING, 422, "number: Input should be a valid integer"),
        ("/api/files/0/latency", TIMING | {"times_ms": []}, 422, "times_ms: List should have at least 1 item"),
        ("/api/files/0/latency", TIMING | {"times_ms": [-1.0]}, 422, "times_ms.0: Input should be greater than 0"),
        ("/api/files/0/latency", TIMING | {"delegate": "npu"}, 422, "delegate: String should match"),
        ("/api/files/0/latency", TIMING | {"device": "<b>"}, 422, "device: String should match"),
        ("/api/files/0/latency", TIMING | {"more": 1}, 422, "more: Extra inputs are not permitted"),
        ("/api/files/0/latency", {}, 422, "device: Field required"),
        ("/api/files/0/score", WHERE | {"grades": [0, 1]}, 422, "2 grades for 10 val cells"),
        ("/api/files/0/latency", TIMING | {"sha256": "1" * 64}, 409, "has been exported again since the page was opened"),
        ("/api/files/0/score", WHERE | {"grades": [10**30]}, 422, "grades.0: Input should be less than or equal to 1000"),
        ("/api/files/0/score", WHERE | {"grades": [9] * 10}, 422, "grades from 9 to 9, there are 5 classes"),
        ("/api/files/0/cells", None, 405, "Method Not Allowed"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_and_changes_nothing(client, folder, path, body, status, message):
    before = (folder / "record.json").read_bytes()
    answer = client.post(path, json=body)
    assert answer.status_code == status
    assert message in answer.json()["error"]
    assert (folder / "record.json").read_bytes() == before


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff\xfe", b"NaN", b'{"times_ms": [NaN]}', b""])
def test_malformed_json_is_refused(client, content):
    answer = client.post("/api/files/0/latency", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["error"]


def test_large_requests_are_refused_before_they_are_read(client):
    answer = client.post("/api/files/0/score", content=b"1" * (MOST_BYTES + 1))
    assert answer.status_code == 413
    assert client.post("/api/files/0/score", content=(b"1" for _ in range(3))).status_code == 413


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/litert/%2e%2e/%2e%2e/package.json",
             "/static//etc/passwd", "/api/files/0/model.tflite/../../../record.json"],
)  # fmt: skip
def test_nothing_beside_the_pages_is_served(client, path):
    answer = client.get(path)
    assert answer.status_code in (404, 405)
    assert "record_version" not in answer.text
    assert "FastAPI" not in answer.text


def test_the_pages_agree_on_the_only_script_within_them(client):
    policy = client.get("/bench").headers["content-security-policy"]
    assert "unsafe-inline" not in policy
    maps = {line for name in ("bench", "live", "grade")
            for line in (ROOT / "web" / "pages" / f"{name}.html").read_text().splitlines() if "importmap" in line}  # fmt: skip
    assert len(maps) == 1
    json.loads(maps.pop().partition(">")[2].removesuffix("</script>"))


def test_a_port_that_is_taken_is_named():
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ValueError, match=f"port={port}: another program uses it, choose another port"):
            listen("127.0.0.1", port)
    with pytest.raises(ValueError, match=r"host=nowhere\.invalid port=8765: "):
        listen("nowhere.invalid", 8765)


def test_another_file_than_the_page_knows_is_not_given(client):
    (first, _) = client.get("/api/files").json()
    assert client.get(f"/api/files/0/model.tflite?sha256={first['sha256']}").status_code == 200
    answer = client.get(f"/api/files/0/model.tflite?sha256={'f' * 64}")
    assert answer.status_code == 409
    assert "exported again" in answer.json()["error"]


def test_a_person_without_the_token_reads_a_page(stranger):
    answer = stranger.get("/live", headers={"accept": "text/html,*/*"})
    assert answer.status_code == 401
    assert "scan its code" in answer.text


def test_a_run_that_vanished_is_said_and_the_rest_goes_on(client, folder):
    (folder / "export" / "predictions.parquet").unlink()
    about = client.get("/api/files").json()[0]
    told = {"device": "d", "os": "o", "browser": "b", "sha256": about["sha256"], "delegate": "wasm", "threads": 1}
    answer = client.post("/api/files/0/score", json=told | {"grades": [0] * about["cells"]})
    assert answer.status_code == 422
    assert answer.json()["error"].count("\n") == 0
    (folder / "export" / "float32.tflite").unlink()
    answer = client.get("/api/files/0/model.tflite")
    assert answer.status_code == 409
    assert "float32.tflite" in answer.json()["error"]
    assert client.get("/bench").status_code == 200


def test_a_page_of_another_address_is_sent_away_and_none_may_frame_this_one(client):
    answer = client.post("/api/files/1/latency", json=TIMING_OF_INT8, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    own = {"Origin": str(client.base_url)}
    assert client.post("/api/files/1/latency", json=TIMING_OF_INT8, headers=own).status_code == 200
