"""Pages of others, names with markup in them, and requests that no browser sends, against the served apps."""

import json
import logging
import re
import shutil
import socket
import threading
from contextlib import contextmanager

import httpx
import numpy as np
import pytest

from sweeps.report.report import write_report
from tests.annotation.made import CORNERS, book_of, draw_photos, outlined
from tests.sweeps.made import add_run
from tests.web.served import close_browsers, phone
from web import serving
from web.access import MOST_BYTES
from web.annotation_app import create_annotation_app
from web.annotation_session import AnnotationSession
from web.phone_app import create_app

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
TOKEN = "a-token-of-the-test"
MARKUP = "<img src=x onerror=document.title='run'>"
"""Runs wherever a page takes it for its own source."""


class Named:
    """A served file whose every text is markup."""

    data = b"file"
    view = serving.Path(__file__)

    def about(self):
        return {
            "name": MARKUP, "run": MARKUP, "kind": MARKUP, "size_bytes": 4, "sha256": "0" * 64, "resolution": 4, "labels": [MARKUP, "b"],
            "preprocessing": {"crop": "none", "grid": None}, "initial_weights": MARKUP, "scored_on_phones": False, "size": [4, 4],
            "threshold": None, "range": [None, None], "figure": MARKUP, "share": True, "accuracy": 0.5, "baseline": 0.1, "expected": MARKUP,
            "advised": True, "warning": MARKUP, "graded": True, "cells": 0, "described": {}, "timings": [], "scores": [],
        }  # fmt: skip

    def cells(self, first, count):
        return b""


@contextmanager
def running(app):
    """Its port, served as the commands do."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        server = serving.server_of(app, ["127.0.0.1"])
        thread = threading.Thread(target=server.run, kwargs={"sockets": [free]}, daemon=True)
        thread.start()
        try:
            yield free.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(20)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = draw_photos(tmp_path_factory.mktemp("attacked") / "set", 1)
    (root / "photos" / "photo0.png").rename(root / "photos" / f"{MARKUP}.png")
    (root.parent / "secret").write_text("known to nobody")
    return root


@pytest.fixture(scope="module")
def ports(root):
    book = book_of(root)
    book.say(outlined(f"{MARKUP}.png"))
    desk = AnnotationSession(book, lambda _: np.array(CORNERS.split(), float).reshape(4, 2))
    pages = create_annotation_app(desk, TOKEN), create_app([Named()], TOKEN, version="9")
    with running(pages[0]) as annotate, running(pages[1]) as phone_app:
        yield {"annotate": annotate, "phone": phone_app}
    close_browsers()


def asked(port, line, headers=(), body=b"", host=None):
    """Status and text of a request as it is written: clients tidy paths and names up."""
    given = {"Host": host or f"127.0.0.1:{port}", "Connection": "close", **dict(headers)}
    with socket.create_connection(("127.0.0.1", port), timeout=10) as opened:
        head = f"{line} HTTP/1.1\r\n" + "".join(f"{key}: {value}\r\n" for key, value in given.items())
        try:
            opened.sendall(head.encode() + b"\r\n" + body)
            answer = b"".join(iter(lambda: opened.recv(65536), b""))
        except ConnectionError:  # refused before all of it was read
            return 431, ""
    return int(answer.split()[1]), answer.decode(errors="replace")


APPS = ("annotate", "phone")
OTHERS = ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "192.0.2.7", "[2001:db8::7]", "evil@localhost", "", "[", "localhost:80:80")  # fmt: skip


@pytest.mark.parametrize("app", APPS)
def test_an_app_is_asked_under_its_own_names_alone(ports, app):
    port = ports[app]
    own = (
        "localhost",
        "LOCALHOST",
        "127.0.0.1",
        "[::1]",
        socket.gethostname(),
        f"{socket.gethostname().partition('.')[0]}.local",
    )
    for host in own:
        for shown in (host, f"{host}:{port}", f"{host}:1"):
            assert asked(port, f"GET /?token={TOKEN}", host=shown)[0] == 200, shown
    for host in OTHERS:
        for shown in (host, f"{host}:{port}"):
            status, text = asked(port, f"GET /?token={TOKEN}", host=shown or " ")
            assert 400 <= status < 500, shown
            assert "set-cookie" not in text.lower()
    assert "open one of the addresses that make" in asked(port, f"GET /?token={TOKEN}", host="evil.example")[1]


def said(port):
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        photo = client.get("/api/queue", params={"annotator": "a", "round": 1, "token": TOKEN}).json()[0]["id"]
    body = {"annotator": "a", "round": 1, "changes": [{"field": "comment", "value": "said"}]}
    return f"POST /api/photos/{photo}?token={TOKEN}", json.dumps(body).encode()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
    ],
)
def test_no_other_page_and_no_form_says_anything(ports, root, headers):
    port = ports["annotate"]
    line, body = said(port)
    given = {"Content-Length": len(body), "Content-Type": "application/json"} | headers
    status, text = asked(port, line, given, body)
    assert 400 <= status < 500
    assert json.loads(text.rpartition("\r\n\r\n")[2])["error"]
    assert "said" not in (root / "annotations.csv").read_text()


LEAVING = ("..", "%2e%2e", ".%2e", "..%2f..%2fsecret", "..%5c..%5csecret", "%2fetc%2fpasswd", "%00", "photo%00.png", "..%252f..%252fsecret", "....//....//secret", "a" * 5000, "%ff%fe", "-1", "9" * 400)  # fmt: skip
ROUTES = {
    "annotate": ("/api/photos/{}", "/api/photos/{}/photo.jpg", "/api/photos/{}/phone.jpg", "/api/photos/{}/outline", "/static/{}", "/{}"),
    "phone": ("/api/files/{}/model.tflite", "/api/files/{}/view.js", "/api/files/{}/cells", "/static/{}", "/litert/{}", "/{}"),
}  # fmt: skip


@pytest.mark.parametrize("app", APPS)
def test_no_name_leads_out_of_what_is_served(ports, app):
    for route in ROUTES[app]:
        for name in LEAVING:
            line = f"GET {route.format(name)}?token={TOKEN}&annotator=a&round=1&corners=1&first=0&count=1"
            status, text = asked(ports[app], line)
            assert 400 <= status < 500, line
            assert "root:" not in text
            assert "known to nobody" not in text
            assert "Traceback" not in text


@pytest.mark.parametrize("app", APPS)
def test_requests_that_are_too_large_are_refused_unread(ports, app):
    line = f"POST /api/done?token={TOKEN}"
    assert asked(ports[app], line, {"Content-Length": MOST_BYTES + 1})[0] == 413
    assert asked(ports[app], line, {"Transfer-Encoding": "chunked"}, b"5\r\nabcde\r\n0\r\n\r\n")[0] == 413
    assert asked(ports[app], line, {"Content-Length": "-1"})[0] == 400
    assert asked(ports[app], f"GET /?token={'x' * 200_000}")[0] in (400, 414, 431)
    assert asked(ports[app], f"GET /?token={TOKEN}", {f"X-{number}": "y" * 1000 for number in range(200)})[0] in (
        400,
        431,
    )


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe", b"", b"NaN", b"9" * 10_000, b"null"])
def test_a_body_that_is_no_json_of_ours_is_refused_in_one_line(ports, body):
    line, _ = said(ports["annotate"])
    status, text = asked(
        ports["annotate"], line, {"Content-Length": len(body), "Content-Type": "application/json"}, body
    )
    assert 400 <= status < 500
    error = json.loads(text.rpartition("\r\n\r\n")[2])["error"]
    assert "\n" not in error
    assert len(error) < 500


def test_no_log_of_requests_holds_the_token(ports, caplog, capfd):
    with caplog.at_level(logging.DEBUG, "uvicorn"):
        for app in APPS:
            asked(ports[app], f"GET /?token={TOKEN}")
            asked(ports[app], f"GET /nowhere?token={TOKEN}")
            asked(ports[app], f"nonsense {TOKEN}\x00")
    shown = capfd.readouterr()
    assert TOKEN not in caplog.text + shown.out + shown.err


def test_markup_is_text_wherever_it_is_taken(ports):
    with httpx.Client(base_url=f"http://127.0.0.1:{ports['annotate']}", params={"token": TOKEN}) as client:
        photo = client.get("/api/queue", params={"annotator": "a", "round": 1}).json()[0]["id"]
        for annotator, field, wanted in ((MARKUP, "comment", 422), ("b", "source_id", 200), ("b", "comment", 200)):
            body = {"annotator": annotator, "round": 1, "changes": [{"field": field, "value": MARKUP}]}
            answer = client.post(f"/api/photos/{photo}", json=body)
            assert answer.status_code == wanted
            assert answer.headers["content-type"] == "application/json"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert client.get("/api/queue", params={"annotator": MARKUP, "round": 1}).status_code == 422


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: apt install chromium)")
def test_no_page_takes_a_name_for_its_source(ports):
    with phone(CHROMIUM) as page:
        page.set_default_timeout(15_000)
        runtime = "const no = () => false; export { no as loadLiteRt, no as loadAndCompile, no as Tensor, no as supportsFeature }"
        page.route("**/litert/**", lambda route: route.fulfill(body=runtime, content_type="text/javascript"))
        page.goto(f"http://127.0.0.1:{ports['phone']}/?token={TOKEN}")
        page.get_by_text(MARKUP).first.wait_for(state="attached")
        assert page.evaluate("document.querySelectorAll('[onerror]').length") == 0
        assert page.title() != "run"
        page.goto(f"http://127.0.0.1:{ports['annotate']}/?token={TOKEN}")
        page.wait_for_selector("#door[open]")
        page.fill("#annotator", "anna")
        page.click("#door button")
        page.wait_for_selector("body[data-photo]")
        page.get_by_text(MARKUP).first.wait_for(state="attached")
        assert page.evaluate("document.querySelectorAll('[onerror]').length") == 0
        assert page.title() != "run"


def test_the_report_escapes_what_runs_are_called(tmp_path):
    from sweeps.records.run_record import update_record

    sweep = tmp_path / "grid"
    for accuracy, start in ((0.8, MARKUP), (0.7, "none")):
        folder = add_run(sweep, accuracy, start=start, seed=int(10 * accuracy))
        update_record(
            folder,
            lambda record: (
                record | {"data": record["data"] | {"class_names": [MARKUP, *record["data"]["class_names"][1:]]}}
            ),
        )
    folder.rename(sweep / MARKUP.replace("/", ""))
    add_run(sweep, 0.1, status="failed", error=f"</td><script>{MARKUP}</script>", seed=3)
    page = write_report(sweep).read_text()
    assert "&lt;img src=x" in page
    assert re.search(r"<img[^>]*onerror", page) is None
    assert "</td><script>" not in page
