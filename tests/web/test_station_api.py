"""The grading station over HTTP, on a real socket: what it answers, and what it refuses."""

import io
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import cv2
import httpx
import numpy as np
import psutil
import pytest
from hydra import compose, initialize_config_dir
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from choices import CONF, read_choice
from cli.train_schema import register
from datamodules.images.decoding import decode
from station.drift import FIGURES
from station.joining import joined
from station.photo_grader import PhotoGrader
from storage.whole_file import sha256_of
from sweeps.records.run_record import find_runs
from tests.trained import copy_of, grading
from tests.warm import HERE
from tests.web.served import started
from web import serving
from web.station_answers import GradedDevice, GradedPhoto
from web.station_app import create_station_app
from web.station_serve import open_desk

TOKEN = "a-token-of-the-tests"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
LIMIT = 3_000_000
RULES = read_choice("profile", "phone")["rules"]
CORNERS = [10, 10, 202, 10, 202, 330, 10, 330]
"""Of every drawn phone."""
GIVEN = {"corners": ",".join(map(str, CORNERS))}
REAL = HERE.parent / "shared" / "data" / "phone_photos" / "photos"
register()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return copy_of(tmp_path_factory, grading)[0]


@pytest.fixture(scope="module")
def files(place):
    export = find_runs(place / "runs" / "grid")[0] / "export"
    return {"front": export / "float32.tflite", "back": export / "int8.tflite"}


@pytest.fixture(scope="module")
def photos(place):
    return sorted((place / "screens" / "photos").iterdir())


@contextmanager
def running(networks, *words):
    """A client of a server of its own."""
    limits = [f"most_mb={LIMIT / 1e6}", "most_megapixels=4", "most_photos=3"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("station_api", overrides=[*limits, *words])
    desk = open_desk(cfg, {name: str(path) for name, path in networks.items()})
    app = create_station_app(desk, TOKEN, most_bytes=LIMIT, most_photos=cfg.most_photos)
    with socket.create_server(("127.0.0.1", 0)) as free:
        server = serving.server_of(app, ["127.0.0.1"])
        thread = threading.Thread(target=server.run, kwargs={"sockets": [free]}, daemon=True)
        thread.start()
        try:
            with httpx.Client(
                base_url=f"http://127.0.0.1:{free.getsockname()[1]}", headers=BEARER, timeout=60
            ) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join(20)
            desk.workers.close()


@pytest.fixture(scope="module")
def several(files):
    with running(files, "jobs=2") as client:
        yield client


@pytest.fixture(scope="module")
def narrow(files):
    """One process and one more place; windows of five devices, in which alarms are easily raised."""
    watch = ("drift.reference=5", "drift.window=5", "drift.windows=1", "drift.false_alarms=0.9")
    with running({"default": files["front"]}, "jobs=1", "queue=1", *watch) as client:
        yield client


def plain(found):
    """Without the time that it took."""
    return {key: value for key, value in found.items() if key != "seconds"}


@pytest.mark.parametrize("model", ["front", "back"])
def test_answers_are_those_of_the_command(several, files, photos, model):
    by = PhotoGrader(files[model], RULES)
    for path in photos[:2]:
        wanted = plain(by.grade(path.name, decode(path), CORNERS).found)
        whole = several.post(f"/models/{model}/grade", params={"photo": path.name} | GIVEN, content=path.read_bytes())
        form = several.post(f"/models/{model}/grade", files={"photo": (path.name, path.read_bytes())}, data=GIVEN)
        assert whole.status_code == form.status_code == 200, whole.text + form.text
        assert plain(whole.json()) == plain(form.json()) == wanted
        assert GradedPhoto.model_validate_json(whole.content, extra="forbid").cells[0].marked is None


@pytest.mark.skipif(not REAL.is_dir(), reason="needs shared/data/phone_photos")
def test_a_phone_is_found_where_no_corners_are_given(several, files):
    path = REAL / "msd_good_0004.jpg"
    answer = several.post("/models/back/grade", content=path.read_bytes())
    wanted = PhotoGrader(files["back"], RULES, threads=1).grade("photo", decode(path)).found
    assert plain(answer.json()) == plain(wanted)
    assert answer.json()["outline"] == "found"


def test_photos_of_a_device_are_joined(several, files, photos):
    by = PhotoGrader(files["front"], RULES)
    results = [by.grade(path.name, decode(path), CORNERS).found for path in photos[:3]]
    wanted = joined("A 1", results, "half", by.rules, by.labels, by.grid)
    sent = [("photo", (path.name, path.read_bytes())) for path in photos[:3]]
    found = several.post("/models/front/devices/A 1/grade", files=sent, data={"corners": [GIVEN["corners"]] * 3}).json()
    assert (found["device"], found["grade"], found["reason"]) == ("A 1", wanted.grade, wanted.reason)
    assert [cell["grade"] for cell in found["cells"]] == wanted.grades.tolist()
    assert (found["ask"], found["unknown"]) == (None, None)  # of a file that does not say
    assert {(cell["ask"], cell["unknown"]) for cell in found["cells"]} == {(None, None)}
    assert found["agreement"] == pytest.approx(wanted.agreement, abs=1e-4)
    assert found["doubt"] == pytest.approx(wanted.doubt, abs=1e-4)
    assert [plain(one) for one in found["results"]] == [plain(one) for one in results]
    sent[1] = ("photo", ("b.heic", heic()))
    found = several.post("/models/front/devices/A/grade", files=sent, data={"corners": [GIVEN["corners"]] * 3}).json()
    assert found["refused"] == [{"photo": "b.heic", "fault": "no image", "why": "HEIC is not read: save it as JPEG"}]
    assert found["photos"] == [photos[0].name, photos[2].name]
    GradedDevice.model_validate(found, extra="forbid")


def heic():
    return struct.pack(">I", 24) + b"ftypheic" + bytes(12) + bytes(500)


def bomb(side):
    """A PNG of some hundred bytes that says that it has side × side pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")


def grey():
    file = io.BytesIO()
    Image.fromarray(np.full((300, 200, 3), 120, np.uint8)).save(file, "JPEG")
    return file.getvalue()


ODD = {
    "heic": (heic(), 415, "HEIC is not read: save it as JPEG"),
    "half a GIF": (b"GIF89a no picture", 415, "not a readable image"),
    "text": (b"just text", 415, "not a readable image (want JPEG, PNG"),
    "nothing": (b"", 415, "an empty body: want an image"),
    "half a JPEG": (grey()[:400], 415, "not a readable image"),
    "SVG": (b'<svg><image href="file:///etc/passwd"/></svg>', 415, "not a readable image"),
    "large": (bomb(3000), 413, "3000 x 3000 pixels; want at most 4000000"),
    "bomb": (bomb(60_000), 413, "more than 500000000 pixels; want at most 4000000"),
    "no phone": (grey(), 422, "no "),
    "many bytes": (bytes(LIMIT + 1), 413, f"at most {LIMIT} bytes"),
}


@pytest.mark.parametrize("kind", ODD)
def test_what_is_no_photo_of_a_phone_is_refused(several, kind):
    body, status, why = ODD[kind]
    answer = several.post("/models/front/grade", content=body)
    assert answer.status_code == status
    assert why in answer.json()["error"]
    assert "\n" not in answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "words", "status", "why"),
    [
        ("/models/front/grade", {"params": {"corners": "1,2,3"}}, 422, "corners='1,2,3': want eight numbers"),
        ("/models/front/grade", {"params": {"corners": "a,b,c,d,e,f,g,h"}}, 422, "want eight numbers"),
        ("/models/front/grade", {"params": {"corners": "1e99,0,0,0,0,0,0,0"}}, 422, "corners: top left corner"),
        ("/models/front/grade", {"params": {"corners": "10,330,202,330,202,10,10,10"}}, 422, "crossed or mirrored"),
        ("/models/front/grade", {"params": {"photo": "a\nb"}}, 422, "photo"),
        ("/models/side/grade", {}, 404, "'side': no such model; want one of front, back"),
        ("/grade", {}, 404, "several models: want /models/<name>/…, of front, back"),
        ("/models/front/grade", {"files": {"picture": b"x"}}, 422, "'picture': no such field"),
        ("/models/front/grade", {"data": {"photo": "x"}, "files": {"corners": b""}}, 422, "no such field"),
        ("/models/front/grade", {"files": [("photo", b"x"), ("photo", b"y")]}, 413, "2 images; want at most 1"),
        ("/models/front/grade", {"files": [("photo", b"x")] * 9}, 413, "a form of more parts"),
        ("/models/front/devices/A/grade", {"files": [("photo", b"x")] * 4}, 413, "4 images; want at most 3"),
        ("/models/front/devices/A/grade", {"files": [("photo", b"x")] * 2, "data": GIVEN}, 422, "given 1 times for 2"),
        ("/models/front/devices/A/grade", {"files": [("photo", b"x")] * 2}, 415, "none of 2 photos is graded"),
        ("/models/front/grade", {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 415, "without a boundary"),
        ("/models/front/grade", {"content": b"--x\r\nno", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}, 415, "form"),
    ],
)  # fmt: skip
def test_what_is_asked_wrongly_is_refused(several, photos, path, words, status, why):
    body = {} if {"files", "content"} & words.keys() else {"content": photos[0].read_bytes()}
    answer = several.post(path, **body, **words)
    assert answer.status_code == status, answer.text
    assert why in answer.json()["error"]


def test_only_who_has_the_token_is_answered(several, photos):
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
        with httpx.Client(base_url=several.base_url, headers=headers) as bare:
            for path in ("/models", "/metrics", "/drift", "/docs", "/openapi.json"):
                assert bare.get(path).status_code == 401
            assert bare.post("/models/front/grade", content=photos[0].read_bytes()).status_code == 401
            assert bare.get("/healthz").json() == {"status": "ok"}
            assert "set-cookie" not in bare.get("/healthz", params={"token": "wrong"}).headers
            assert bare.get("/healthz", headers={"Host": "evil.example"}).status_code == 421
            assert bare.get("/docs", params={"token": TOKEN}).status_code == 200
            wrong = "Bearer" in str(headers)  # which no cookie makes right
            assert bare.get("/models").status_code == (401 if wrong else 200)
            foreign = bare.post("/models/front/grade", content=b"x", headers={"Origin": "https://evil.example"})
            assert foreign.status_code == (401 if wrong else 403)


def test_models_say_what_they_are(several, files):
    found = {one["name"]: one for one in several.get("/models").json()}
    assert list(found) == ["front", "back"]
    for name, path in files.items():
        assert found[name]["sha256"] == sha256_of(path)
        assert found[name]["labels"] == PhotoGrader(path, RULES).labels
        assert found[name]["grid"] == {"rows": 5, "columns": 3}
        assert [rule["grade"] for rule in found[name]["rules"]] == [rule["grade"] for rule in RULES]
        assert found[name]["damage"] is None


def test_the_page_of_the_api_needs_no_network(several):
    page = several.get("/docs").text
    schema = several.get("/openapi.json").json()
    for path in schema["paths"]:
        assert f"<code>{path}</code>" in page
    assert "/models/{model}/devices/{device}/grade" in schema["paths"]
    answer = schema["paths"]["/grade"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer == {"$ref": "#/components/schemas/GradedPhoto"}
    assert {"share", "length_px", "length", "outlines"} <= schema["components"]["schemas"]["Mark"]["properties"].keys()
    assert "of each patch a closed line of x and y, in pixels of the photo" in page
    links = re.findall(r'(?:href|src)="([^"]*)"', page)
    assert links
    for link in links:
        assert link == "data:," or several.get(link).status_code == 200
    assert "<script" not in page


def test_photos_beyond_the_queue_are_refused_and_others_are_answered_meanwhile(narrow, photos):
    data = photos[0].read_bytes()

    def ask(_):
        return narrow.post("/grade", params=GIVEN, content=data)

    with ThreadPoolExecutor(12) as threads:
        waiting = [threads.submit(ask, number) for number in range(12)]
        began = time.monotonic()
        assert narrow.get("/healthz").status_code == 200
        assert time.monotonic() - began < 2
        answers = [one.result() for one in waiting]
    statuses = [one.status_code for one in answers]
    assert set(statuses) == {200, 503}
    assert statuses.count(200) >= 2
    for one in answers:
        if one.status_code == 503:
            assert one.headers["retry-after"] == "1"
            assert "photos wait already, of 2 at most" in one.json()["error"]


def test_half_open_connections_keep_nobody_out(narrow, photos):
    opened = []
    for number in range(100):
        one = socket.create_connection((narrow.base_url.host, narrow.base_url.port), timeout=10)
        head = f"POST /grade HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {LIMIT}\r\n"
        one.sendall((head if number % 2 else head + "\r\nabc").encode())
        opened.append(one)
    assert narrow.post("/grade", params=GIVEN, content=photos[0].read_bytes()).status_code == 200
    for one in opened:
        one.close()


@pytest.mark.slow
def test_a_process_that_dies_costs_one_photo_at_most(files, photos):
    others = pids_of_workers()
    with running({"default": files["front"]}, "jobs=1") as client:
        for pid in pids_of_workers() - others:
            os.kill(pid, signal.SIGKILL)
        answers = [client.post("/grade", params=GIVEN, content=photos[0].read_bytes()) for _ in range(2)]
        assert answers[1].status_code == 200, answers[1].text
        ours = [psutil.Process(pid) for pid in pids_of_workers() - others]
    assert ours
    assert not psutil.wait_procs(ours, timeout=10)[1]


@pytest.mark.slow
def test_a_file_that_was_replaced_is_not_used(files, photos, tmp_path):
    file, others = tmp_path / "model.tflite", pids_of_workers()
    shutil.copy(files["front"], file)
    with running({"default": file}, "jobs=1") as client:
        data = photos[0].read_bytes()
        before = client.post("/grade", params=GIVEN, content=data)
        assert before.status_code == 200
        shutil.copy(files["back"], file)
        assert plain(client.post("/grade", params=GIVEN, content=data).json()) == plain(before.json())
        for pid in pids_of_workers() - others:
            os.kill(pid, signal.SIGKILL)
        answers = [client.post("/grade", params=GIVEN, content=data) for _ in range(2)]
        assert answers[1].status_code == 503
        assert "a model's file was changed since this server began" in answers[1].json()["error"]


def pids_of_workers():
    return {one.pid for one in workers_of(psutil.Process())}


def workers_of(process):
    return [one for one in process.children(recursive=True) if "spawn_main" in " ".join(one.cmdline())]


def test_metrics_count_what_was_graded(several, narrow, photos):
    def read():
        text = narrow.get("/metrics").text
        found = {}
        for family in text_string_to_metric_families(text):
            for one in family.samples:
                found[one.name, tuple(sorted(one.labels.items()))] = one.value
        return found

    before = read()
    for path in photos[:3]:
        assert narrow.post("/grade", params=GIVEN, content=path.read_bytes()).status_code == 200
    narrow.post("/grade", content=b"text")
    after = read()

    def more(name, **labels):
        key = name, tuple(sorted(labels.items()))
        return after[key] - before.get(key, 0)

    assert more("gridlite_photos_total", model="default", result="graded") == 3
    assert more("gridlite_photos_total", model="default", result="no image") == 1
    assert more("gridlite_requests_total", path="/grade", status="200") == 3
    assert more("gridlite_requests_total", path="/grade", status="415") == 1
    for figure in FIGURES:
        assert more(f"gridlite_{figure}_count", model="default") == 3
    cells = [key for key in after if key[0] == "gridlite_cells_total"]
    assert sum(after[key] - before.get(key, 0) for key in cells) == 45
    assert after["gridlite_photos_waiting", ()] == 0


@pytest.mark.slow
def test_a_camera_that_changes_is_said(files, photos, capfd):
    watch = ("drift.reference=6", "drift.window=6", "drift.windows=1", "drift.false_alarms=0.05")
    with running({"default": files["front"]}, "jobs=1", *watch) as client:
        for gain in (1.0, 1.0, 3.0):  # reference, the same again, then brighter
            for path in photos:
                file = io.BytesIO()
                Image.fromarray((decode(path) * gain).clip(0, 255).astype(np.uint8)).save(file, "PNG")
                assert client.post("/grade", params=GIVEN, content=file.getvalue()).status_code == 200
            state = client.get("/drift").json()["default"]
            assert ("brightness" in state["changed"]) is (gain == 3.0)
        assert (state["windows"], state["alarms"]) == (2, 1)
        assert 'gridlite_drift_changed{figure="brightness",model="default"} 1.0' in client.get("/metrics").text
    assert "drift: default, window 2: brightness 0." in capfd.readouterr().err


def shown_phone():
    """A dark phone on grey cloth with a bright display, at the corners that the page of documentation names."""
    quad = np.array([[120, 80], [900, 95], [880, 1700], [100, 1690]], np.int32)
    photo = np.random.default_rng(0).integers(150, 170, (1800, 1000, 3), np.uint8)
    cv2.fillConvexPoly(photo, quad, (25, 25, 28))
    inner = (quad.mean(axis=0) + 0.9 * (quad - quad.mean(axis=0))).astype(np.int32)
    cv2.fillConvexPoly(photo, inner, (60, 90, 140))
    return cv2.imencode(".jpg", photo)[1].tobytes()


def test_the_lines_of_the_documentation_work(narrow, files, tmp_path):
    page = (HERE / "docs" / "station.md").read_text()
    lines = [line for line in page.splitlines() if line.startswith("curl ")]
    assert len(lines) == 5
    for name in ("photo", "front", "back"):
        (tmp_path / f"{name}.jpg").write_bytes(shown_phone())
    env = os.environ | {"STATION": str(narrow.base_url).rstrip("/"), "STATION_TOKEN": TOKEN}
    said = [
        json.loads(
            subprocess.run(f"{line} -sS", shell=True, cwd=tmp_path, env=env, capture_output=True, check=True).stdout
        )
        for line in lines
    ]
    one, given, device, models, health = said
    assert (one["photo"], one["outline"], given["outline"]) == ("photo.jpg", "found", "given")
    assert given["corners"] == [[120, 80], [900, 95], [880, 1700], [100, 1690]]
    assert (device["device"], device["photos"]) == ("A17", ["front.jpg", "back.jpg"])
    assert models[0]["sha256"] == sha256_of(files["front"])
    assert health == {"status": "ok"}


@pytest.mark.slow
def test_a_photo_that_takes_too_long_is_given_up(files, photos):
    with running({"default": files["front"]}, "jobs=1", "seconds=0.01") as client:
        for _ in range(2):
            answer = client.post("/grade", params=GIVEN, content=photos[0].read_bytes())
            assert answer.status_code in (200, 503, 504)
        big = io.BytesIO()
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (1900, 2000, 3), np.uint8)).save(big, "JPEG")
        answer = client.post("/grade", content=big.getvalue())
        assert (answer.status_code, answer.json()["error"]) == (504, "not graded within 0.01 s")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_and_stops_within_seconds(files, photos, number):
    words = ("serve", f"run={files['front']}", "port=0", "jobs=2", f"token={TOKEN}")
    with started(*words, command=("-m", "station")) as (address, process):
        assert TOKEN not in address
        base = address.removesuffix("/docs")
        children = workers_of(psutil.Process(process.pid))
        assert len(children) == 2
        data = photos[0].read_bytes()

        def ask(_):
            try:
                return httpx.post(f"{base}/grade", params=GIVEN, content=data, headers=BEARER, timeout=10).status_code
            except httpx.TransportError:  # it listens no more
                return 0

        assert ask(0) == 200
        with ThreadPoolExecutor(8) as threads:
            asked = [threads.submit(ask, one) for one in range(60)]
            while sum(one.done() for one in asked) < 8:
                time.sleep(0.01)
            began = time.monotonic()
            os.kill(process.pid, number)
            assert process.wait(timeout=10) == 128 + number
            assert time.monotonic() - began < 3
            statuses = [one.result() for one in asked]
        assert set(statuses) <= {0, 200, 503}
        assert 200 in statuses
        _, alive = psutil.wait_procs(children, timeout=5)
        assert not alive


@pytest.mark.slow
def test_without_a_token_one_is_made_and_printed(files):
    with started("serve", f"models={{front: {files['front']}}}", "port=0", "jobs=1", command=("-m", "station")) as (
        address,
        _,
    ):
        found = re.search(r"token=([\w-]{20,})$", address)
        assert found
        base = address.partition("/docs")[0]
        said = httpx.get(f"{base}/models", headers={"Authorization": f"Bearer {found[1]}"}).json()
        assert [one["name"] for one in said] == ["front"]
        assert json.dumps(said)
