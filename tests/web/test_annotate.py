"""The annotation desk as a person uses it, in real headless Chromium, and what its app refuses."""

import csv
import re
import shutil
import socket
import threading
import time
from contextlib import contextmanager
from itertools import pairwise

import cv2
import httpx
import numpy as np
import pytest
import uvicorn
from fastapi.testclient import TestClient
from PIL import Image

from annotation.log import Log
from annotation.pre_annotations import doubt
from datamodules.screens.grid import Grid
from datamodules.screens.outline import OutlineError
from datamodules.screens.photo_folder import read_photo_folder
from sweeps.records.run_record import find_runs
from tests.annotation.made import CORNERS, GRID, book_of, draw_photos, graded, outlined
from tests.commands.test_train import SMALL, record_of, run
from tests.warm import run_warm
from tests.web.served import HERE, phone, started
from web.annotation_app import create_annotation_app
from web.annotation_session import AnnotationSession

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
REAL = HERE.parent / "shared" / "data" / "phone_photos"
TOKEN = "secret"
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: apt install chromium)")
CLASSES = "datamodule.class_names=[none,minor,major,crack,broken]"
QUAD = np.array(CORNERS.split(), float).reshape(4, 2)


def nothing_found(_):
    raise OutlineError("no phone found: 0 % of the picture looks like one")


@pytest.fixture
def root(tmp_path):
    return draw_photos(tmp_path / "set")


@pytest.fixture
def client(root):
    return client_of(root)


def client_of(root, find=lambda _: QUAD):
    app = create_annotation_app(AnnotationSession(book_of(root), find), TOKEN)
    client = TestClient(app, base_url="http://localhost", raise_server_exceptions=False)
    assert client.get("/", params={"token": TOKEN}).status_code == 200
    return client


def made(client, number=0):
    """The id of a photo."""
    queue = client.get("/api/queue", params={"annotator": "x", "round": 1}).json()
    return queue[number]["id"]


def post(client, changes, number=0, annotator="anna", turn=1):
    return client.post(
        f"/api/photos/{made(client, number)}", json={"annotator": annotator, "round": turn, "changes": changes}
    )


def photo(client, number=0, annotator="anna", turn=1):
    return client.get(f"/api/photos/{made(client, number)}", params={"annotator": annotator, "round": turn}).json()


def test_strangers_are_told_where_to_look(root):
    app = create_annotation_app(AnnotationSession(book_of(root), nothing_found), TOKEN)
    client = TestClient(app, base_url="http://localhost")
    for address in ("/", "/api/folder", "/api/photos/0", "/api/photos/0/photo.jpg", "/static/annotate.js"):
        answer = client.get(address)
        assert answer.status_code == 401
        assert "make annotate" in answer.text


def test_a_folders_own_rubric_is_served(root) -> None:
    client = client_of(root)
    assert client.get("/api/folder").json()["rubric"] == []
    assert client.get("/api/rubric/0").status_code == 404
    (root / "rubric").mkdir()
    Image.new("RGB", (30, 10), "red").save(root / "rubric" / "1.png")
    (root / "rubric" / "0.txt").write_text("dust is no damage")
    client = client_of(root)
    first, second, *others = client.get("/api/folder").json()["rubric"]
    assert (first, second) == ({"words": "dust is no damage", "picture": False}, {"words": "", "picture": True})
    assert len(others) == 3
    found = client.get("/api/rubric/1")
    assert (found.headers["content-type"], found.content) == ("image/png", (root / "rubric" / "1.png").read_bytes())
    assert [client.get(f"/api/rubric/{grade}").status_code for grade in (0, 4, 5)] == [404] * 3
    assert client.get("/api/rubric/-1").status_code == 422


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"field": "label", "value": "9", "row": 0, "col": 0}, "label=9: want 0, 1, 2, 3, 4 or unusable"),
        ({"field": "label", "value": "1", "row": 7, "col": 0}, "the grid has 5 rows of 3"),
        ({"field": "corners", "value": "1 2 3"}, "corners"),
        ({"field": "photo", "value": "x"}, "changes.0.field"),
        ({"field": "unusable", "value": "banana"}, "unusable=banana: want 1, or nothing"),
        ({"field": "comment", "value": "a\x00b"}, "want a text without control characters"),
        ({"field": "source_id", "value": "a\nb"}, "want a text without control characters"),
        ({"field": "comment", "value": "x" * 3000}, "changes.0.value"),
        ({"field": "comment", "value": "x", "more": 1}, "changes.0.more"),
    ],
)
def test_nonsense_is_refused_with_one_line_and_nothing_is_kept(client, root, change, wanted):
    answer = post(
        client, [{"field": "comment", "value": "fine"}, change] if "field" in wanted or "more" in wanted else [change]
    )
    assert answer.status_code == 422
    assert wanted.split(".")[-1] in answer.json()["error"]
    assert "\n" not in answer.json()["error"]
    assert not (root / "annotations.csv").exists()


@pytest.mark.parametrize(
    "path", ["/api/photos/../../secret", "/api/photos/..%2F..%2Fsecret/photo.jpg", "/api/photos/000000000000", "/static/../../../pyproject.toml",
             "/static/..%2F..%2F..%2Fpyproject.toml", "//etc/passwd", "/static//etc/passwd"],
)  # fmt: skip
def test_what_is_outside_the_folder_cannot_be_asked_for(root, tmp_path, path):
    (root.parent / "secret").write_text("known to nobody")
    with here(root) as address:
        host, _, query = address.removeprefix("http://").partition("/")
        with socket.create_connection(
            tuple(host.split(":"))
        ) as line:  # clients tidy such paths up before they send them
            line.sendall(
                f"GET {path}{query}&annotator=a&round=1 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
            )
            answer = b"".join(iter(lambda: line.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"known to nobody" not in answer
    assert b"[project]" not in answer
    assert b"root:" not in answer


@pytest.mark.parametrize(
    "corners", ["1 2 3", "a b c d e f g h", "nan 1 2 3 4 5 6 7", "140 10 20 10 140 210 20 210", "1e9 0 0 0 0 0 0 0"]
)
def test_corners_that_are_no_outline_give_no_phone(client, corners):
    answer = client.get(f"/api/photos/{made(client)}/phone.jpg", params={"corners": corners})
    assert answer.status_code == 422
    assert "corner" in answer.json()["error"] or "outline" in answer.json()["error"]


def test_annotators_and_rounds_are_blind_to_each_other(client):
    assert post(client, [{"field": "label", "value": "3", "row": 0, "col": 0}]).status_code == 200
    assert photo(client)["labels"][0] == "3"
    for annotator, turn in (("bob", 1), ("anna", 2)):
        assert set(photo(client, annotator=annotator, turn=turn)["labels"]) == {""}
        queue = client.get("/api/queue", params={"annotator": annotator, "round": turn}).json()
        assert sum(one["graded"] for one in queue) == 0


def test_the_second_round_comes_in_another_order_that_stays(tmp_path):
    client = client_of(draw_photos(tmp_path / "set", 12))
    orders = {}
    for key in (("anna", 1), ("anna", 2), ("anna", 3), ("bob", 2), ("anna", 2)):
        queue = client.get("/api/queue", params={"annotator": key[0], "round": key[1]}).json()
        order = tuple(one["name"] for one in queue)
        assert orders.setdefault(key, order) == order
    assert len(set(orders.values())) == 4
    assert len({tuple(sorted(order)) for order in orders.values()}) == 1


def test_an_outline_that_is_not_found_is_said_and_can_be_set(root):
    client = client_of(root, nothing_found)
    assert photo(client)["corners"] is None
    assert "no phone found" in photo(client)["why"]
    post(client, [{"field": "corners", "value": CORNERS}])
    assert photo(client)["corners"] == QUAD.tolist()
    assert photo(client)["set"]


def test_nobody_is_called_as_what_was_imported(client):
    answer = post(client, [{"field": "comment", "value": "x"}], annotator="imported")
    assert answer.status_code == 422
    assert "take another name" in answer.json()["error"]


def test_a_truncated_photo_is_shown_as_such_and_harms_no_other(root):
    (root / "photos" / "photo0.png").unlink()
    whole = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 255, (220, 160, 3), dtype=np.uint8))[1].tobytes()
    (root / "photos" / "photo0.jpg").write_bytes(whole[: len(whole) // 2])
    book_of(root).say(outlined("photo0.jpg"))
    client = client_of(root)
    assert photo(client, 1)["suggested"] == "device-2"
    assert client.get(f"/api/photos/{made(client)}/photo.jpg").status_code == 422
    assert photo(client)["device"] == "d1"


def test_a_photo_keeps_its_id_when_others_are_added(root):
    client = client_of(root)
    before = made(client, 1)
    shutil.copy(root / "photos" / "photo0.png", root / "photos" / "a.png")
    names = [one["name"] for one in client.get("/api/queue", params={"annotator": "x", "round": 1}).json()]
    assert names == ["a.png", "photo0.png", "photo1.png", "photo2.png"]
    assert made(client, 2) == before


def test_disagreements_come_with_their_votes_and_settled_ones_last(root):
    book = book_of(root)
    book.say([*outlined("photo0.png"), *graded("photo0.png", {(0, 0): "1", (1, 1): "2", (2, 2): "3"})])
    book.say(graded("photo0.png", {(0, 0): "4", (1, 1): "2", (2, 2): "unusable"}, who="bob"))
    client = client_of(root)
    found = client.get("/api/review/disagreements").json()
    assert [(one["row"], one["col"], one["label"]) for one in found] == [(0, 0, ""), (2, 2, "")]
    assert found[0]["votes"] == [["anna", 1, "1"], ["bob", 1, "4"]]
    post(client, [{"field": "settled", "value": "4", "row": 0, "col": 0}], annotator="both")
    found = client.get("/api/review/disagreements").json()
    assert [(one["row"], one["settled"]) for one in found] == [(2, ""), (0, "4")]
    assert client.get("/api/review/doubtful").json() == []


@contextmanager
def desk(root, tmp_path, *words, port=None):
    if port is None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
    words = (f"data={root}", f"port={port}", f"paths.cache={tmp_path}/cache", *words)
    with started(*words, command=("-m", "annotation", "serve")) as found:
        yield found


@contextmanager
def here(root, find=lambda _: QUAD):
    """The app's address, served by this very process: starting another takes seconds."""
    app = create_annotation_app(AnnotationSession(book_of(root), find), TOKEN)
    with socket.create_server(("127.0.0.1", 0)) as free:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [free]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{free.getsockname()[1]}/?token={TOKEN}"
        finally:
            server.should_exit = True
            thread.join(timeout=20)


@contextmanager
def person(address, name="anna", turn=1, **settings):
    with phone(CHROMIUM, **{"viewport": {"width": 1280, "height": 860}, "has_touch": False} | settings) as page:
        problems = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
        page.goto(address)
        enter(page, name, turn)
        yield page
        page.wait_for_selector("#saved:text-is('saved')")
        assert problems == []


def enter(page, name, turn=1):
    page.wait_for_selector("#door[open]")
    page.fill("#annotator", name)
    page.fill("#round", str(turn))
    page.click("#door button")
    page.wait_for_selector("body[data-photo]")


def opened(page, name):
    page.wait_for_selector(f"body[data-photo='{name}']")


def saved(page):
    page.wait_for_selector("#saved:text-is('saved')")


def settled(page):
    """Where the photo lies once pictures that load beside it move it no more."""
    before, box = None, page.locator("#outline").bounding_box()
    while box != before:
        page.wait_for_timeout(100)
        before, box = box, page.locator("#outline").bounding_box()
    return box


def drag(page, corner, x, y):
    """The handle of a corner to a place in the photo, in its pixels."""
    box = settled(page)
    width, height = (float(one) for one in page.get_attribute("#outline", "viewBox").split()[2:])
    handle = page.locator(".handle").nth(corner).bounding_box()
    page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + x / width * box["width"] + 9, box["y"] + y / height * box["height"])
    page.mouse.move(box["x"] + x / width * box["width"], box["y"] + y / height * box["height"])
    page.mouse.up()


def said_of(root, field, annotator="anna"):
    return [one for one in Log(root).read() if one.field == field and one.annotator == annotator]


@needs_browser
def test_a_person_drags_corners_grades_takes_back_and_goes_on(root, tmp_path):
    with here(root) as address, person(address) as page:
        opened(page, "photo0.png")
        assert "Outline found by itself" in page.inner_text("#hint")
        for corner, (x, y) in enumerate(QUAD):
            drag(page, corner, x, y)
        page.wait_for_selector("#flat[src*='phone.jpg']")
        page.fill("#device", "shop-7")
        page.fill("#comment", "one chip, left")
        page.keyboard.press("Enter")
        page.click("#cells button:nth-child(2)")
        page.click("#palette button:nth-child(4)")  # crack
        page.keyboard.press("2")
        page.keyboard.press("z")  # takes the 2 back
        page.keyboard.press("x")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("4")
        page.keyboard.press("f")
        page.wait_for_selector("#strip button:first-child.done")
        page.keyboard.press("Enter")
        opened(page, "photo1.png")
        assert page.inner_text("#count") == "1 of 3 photos done"
        page.check("#unusable")
        saved(page)
        folder = read_photo_folder(root, GRID, 5)
        first = folder.photos[0]
        np.testing.assert_allclose(first.corners, QUAD, atol=1.0)
        assert (first.name, first.source_id) == ("photo0.png", "shop-7")
        with (root / "photos.csv").open() as file:
            assert next(csv.DictReader(file))["comment"] == "one chip, left"
        wanted = [0] * 15
        wanted[1], wanted[2], wanted[4] = 3, -1, 0
        at = next(number for number, value in enumerate(folder.labels[0]) if value == 4)
        wanted[at] = 4
        assert folder.labels[0].tolist() == wanted
        page.reload()
        enter(page, "anna")
        opened(page, "photo2.png")  # the first that is neither done nor left out


LATE = """(() => {
  const sure = window.fetch;
  const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });
  let read;
  const asked = new Promise((done) => { read = done; });
  window.fetch = async (address, options) => {
    if (options?.method === 'POST') { await Promise.race([asked, pause(500)]); return sure(address, options); }
    const answer = await sure(address, options);
    if (/photos\\/[^/]+\\?annotator/.test(address)) { read(); await pause(300); }
    return answer;
  };
})()"""  # what the app says of a photo arrives once changes that left after the question have landed


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize("closed_long_ago", [False, True])
def test_a_killed_app_and_a_closed_browser_lose_nothing(root, tmp_path, closed_long_ago):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    book_of(root).say(outlined("photo0.png", who="x"))
    profile = {"viewport": {"width": 1280, "height": 860}, "has_touch": False}
    with phone(CHROMIUM, **profile) as page:
        with desk(root, tmp_path, CLASSES, port=port) as (address, process):
            page.goto(address)
            enter(page, "anna")
            page.keyboard.press("1")
            saved(page)
            process.kill()
            process.wait()
        page.keyboard.press("2")
        page.keyboard.press("3")
        page.wait_for_selector("#saved.error")
        assert "not saved" in page.inner_text("#saved")
        state = page.context.storage_state(path=str(tmp_path / "state.json"))
        assert any("gridlite-unsaved" in item["name"] for one in state["origins"] for item in one["localStorage"])
    assert [one.value for one in said_of(root, "label")] == ["1"]
    if closed_long_ago:
        kept = tmp_path / "state.json"
        kept.write_text(re.sub(r'(\\"at\\":)\d+', r"\g<1>0", kept.read_text()))
        assert r"\"at\":0," in kept.read_text()
    with (
        desk(root, tmp_path, CLASSES, port=port) as (address, _),
        phone(CHROMIUM, **profile, storage_state=str(tmp_path / "state.json")) as page,
    ):
        page.add_init_script(LATE)
        page.goto(address)
        enter(page, "anna")
        page.wait_for_selector(
            "#cells button:nth-child(3) span:text-is('3')"
        )  # once the closed tab has been silent for 4 s
        saved(page)
    assert [(one.value, one.cell) for one in said_of(root, "label")] == [("1", (0, 0)), ("2", (0, 1)), ("3", (0, 2))]


@pytest.mark.slow
@needs_browser
def test_two_people_at_once_and_the_review_of_what_they_disagree_on(root, tmp_path):
    for number in range(3):
        book_of(root).say(outlined(f"photo{number}.png", f"d{number}", who="x"))
    with here(root) as address, person(address, "anna") as page:
        second = page.context.browser.new_context(viewport={"width": 1280, "height": 860}).new_page()
        second.set_default_timeout(60_000)
        second.goto(address)
        enter(second, "bob")
        for number in range(3):
            for one, keys in ((page, "012340123401234"), (second, "012340123401233")):
                opened(one, f"photo{number}.png")
                one.keyboard.type(keys)
                one.keyboard.press("Enter")
        page.wait_for_selector("#message:has-text('last photo')")
        saved(page)
        saved(second)
        page.goto(address.replace("/?", "/review?"))
        page.wait_for_selector("body[data-ready=disagreements]")
        assert page.inner_text("#count") == "1 of 3, 0 settled"
        page.keyboard.press("4")
        page.wait_for_selector("body[data-case='disagreements 1']")
        page.click("#palette button:nth-child(4)")
        page.wait_for_selector("body[data-case='disagreements 2']")
        page.click("[data-what=agreement]")
        page.wait_for_selector("#figures table")
        assert "alpha" in page.inner_text("#figures")
        assert "93.3 %" in page.inner_text("#figures")
    assert len(said_of(root, "label", "anna")) == len(said_of(root, "label", "bob")) == 45
    labels = read_photo_folder(root, GRID, 5).labels
    assert labels[:, :14].tolist() == [[0, 1, 2, 3, 4] * 2 + [0, 1, 2, 3]] * 3
    assert labels[:, 14].tolist() == [4, 3, -1]


@needs_browser
def test_undo_reaches_back_to_the_photo_before_and_turning_takes_everybodys_grades_along(root, tmp_path):
    for number in range(3):
        book_of(root).say(outlined(f"photo{number}.png", f"d{number}", who="x"))
    book_of(root).say(graded("photo0.png", {(0, 0): "4", (4, 1): "1"}, who="bob"))
    with here(root) as address, person(address) as page:
        opened(page, "photo0.png")
        page.keyboard.type("32")
        page.keyboard.press("Enter")
        opened(page, "photo1.png")
        page.keyboard.type("1zz")
        opened(page, "photo0.png")
        page.wait_for_selector("#cells button:nth-child(2) span[hidden]", state="attached")
        page.keyboard.press("t")
        page.wait_for_selector("#cells button:nth-child(15) span:text-is('3')")
        saved(page)
    with book_of(root).reading() as state:
        one = state["photo0.png"]
        assert {cell: dict(given) for cell, given in one.votes.items() if given} == {
            (4, 2): {("bob", 1): "4", ("anna", 1): "3"}, (0, 1): {("bob", 1): "1"}}  # fmt: skip
        assert one.corners == (140, 210, 20, 210, 20, 10, 140, 10)
        assert not any(state["photo1.png"].votes.values())


@pytest.mark.slow
@needs_browser
def test_another_annotator_at_the_same_desk_starts_blind(root, tmp_path):
    book_of(root).say(outlined("photo0.png", who="x"))
    with here(root) as address, person(address) as page:
        opened(page, "photo0.png")
        page.keyboard.type("33")
        page.click("#who")
        page.fill("#annotator", "bob")
        page.click("#door button")
        page.wait_for_selector("#who:has-text('bob')")
        opened(page, "photo0.png")
        assert page.locator("#cells span:not([hidden])").count() == 0
        page.keyboard.type("1")
        saved(page)
    assert [one.value for one in said_of(root, "label", "anna")] == ["3", "3"]
    assert [one.value for one in said_of(root, "label", "bob")] == ["1"]


@pytest.mark.slow
@needs_browser
def test_an_outline_that_somebody_has_set_meanwhile_stays(root, tmp_path):
    with here(root) as address, person(address) as page:
        opened(page, "photo0.png")  # its outline has been found, nobody has set it
        book_of(root).say([*outlined("photo0.png", "shop", who="bob"), *graded("photo0.png", {(0, 0): "1"}, who="bob")])
        page.keyboard.type("3")
        saved(page)
    with book_of(root).reading() as state:
        assert state["photo0.png"].corners == tuple(map(float, CORNERS.split()))
        assert state["photo0.png"].columns["source_id"] == "shop"


@needs_browser
def test_by_finger_on_a_phone(root, tmp_path):
    book_of(root).say(outlined("photo0.png", who="x"))
    with (
        here(root) as address,
        person(address, viewport={"width": 412, "height": 915}, has_touch=True) as page,
    ):
        opened(page, "photo0.png")
        page.tap("#cells button:nth-child(5)")
        page.tap("#palette button:nth-child(3)")
        saved(page)
        assert [(one.value, one.cell) for one in said_of(root, "label")] == [("2", (1, 1))]
        assert page.evaluate("document.documentElement.scrollWidth") <= 412


@needs_browser
def test_keys_typed_while_a_photo_loads_are_meant_for_it(root, tmp_path):
    for number in range(3):
        book_of(root).say(outlined(f"photo{number}.png", f"d{number}", who="x"))
    with here(root) as address, person(address) as page:
        second = made_of(address, 1)
        page.route(f"**/api/photos/{second}?*", lambda route: (time.sleep(1.0), route.continue_()))
        opened(page, "photo0.png")
        page.keyboard.type("3")
        page.keyboard.press("Enter")
        page.keyboard.type("44")
        opened(page, "photo1.png")
        page.wait_for_selector("#cells button:nth-child(2) span:text-is('4')")
        saved(page)
    assert [(one.photo, one.value, one.cell) for one in said_of(root, "label")] == [
        ("photo0.png", "3", (0, 0)), ("photo1.png", "4", (0, 0)), ("photo1.png", "4", (0, 1))]  # fmt: skip


@needs_browser
@pytest.mark.slow
@pytest.mark.skipif(not REAL.exists(), reason="needs the real photos of ../shared/data")
def test_every_real_photo_is_opened_graded_again_and_trained_on(tmp_path):
    root = tmp_path / "photos"
    root.mkdir()
    (root / "photos").symlink_to(REAL / "photos")
    truth = read_photo_folder(REAL, Grid(), 5)
    known = dict(zip([one.name for one in truth.photos], truth.labels, strict=True))
    shutil.copy(REAL / "photos.csv", root)  # the outlines; the grades are typed again
    with desk(root, tmp_path) as (address, _), person(address) as page:
        began, ten = time.perf_counter(), 0.0
        for number, name in enumerate(sorted(known)):
            opened(page, name)
            page.keyboard.type("".join(map(str, known[name])))
            if number == 9:
                ten = time.perf_counter() - began
            if number < len(known) - 1:
                page.keyboard.press("Enter")
        page.wait_for_selector(f"#count:text-is('{len(known)} of {len(known)} photos done')")
        saved(page)
        print(f"ten photos by keyboard: {ten:.1f} s, all {len(known)}: {time.perf_counter() - began:.1f} s")
    again = read_photo_folder(root, Grid(), 5)
    assert {one.name: labels.tolist() for one, labels in zip(again.photos, again.labels, strict=True)} == {
        name: labels.tolist() for name, labels in known.items()
    }
    assert {one.name: one.source_id for one in again.photos} == {one.name: one.source_id for one in truth.photos}
    run(
        tmp_path, "datamodule=phone_photos", f"datamodule.root={root}", "backbone=mobilenet", "width=0.25",
        "resolution=32", "backbone.weights=none", "trainer.max_epochs=1", "sweep_name=again", "datamodule.cell_px=64", check=0,
    )  # fmt: skip
    (folder,) = find_runs(tmp_path / "runs" / "again")
    assert record_of(folder)["status"] == "done"


@pytest.mark.slow
def test_a_port_in_use_and_a_folder_that_is_none_are_one_line(root, tmp_path):
    import subprocess
    import sys

    with socket.create_server(("127.0.0.1", 0)) as taken:
        words = [f"data={root}", f"port={taken.getsockname()[1]}", f"paths.cache={tmp_path}/cache"]
        for given, wanted in ((words, "another program uses it"), ([f"data={tmp_path}/no"], "no: no such folder"),
                              ([], "data= is missing")):  # fmt: skip
            done = subprocess.run(
                [sys.executable, "-m", "annotation", "serve", *given],
                cwd=HERE,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert done.returncode in (1, 2)
            assert re.fullmatch(rf"error: .*{wanted}.*\n", done.stderr), done.stderr


def test_pages_answer_the_address_that_is_printed(root, tmp_path):
    with here(root) as address, httpx.Client(follow_redirects=True) as client:
        assert client.get(address).status_code == 200
        assert client.get(address.replace("/?", "/review?")).status_code == 200
        assert client.get(address.partition("?")[0] + "api/folder").json()["grid"] == {"rows": 5, "columns": 3}


@needs_browser
@pytest.mark.slow
def test_a_trained_run_proposes_and_the_least_sure_photo_comes_first(place, tmp_path):
    run(place, *SMALL, "trainer.max_epochs=1", "sweep_name=proposing", check=0)
    (folder,) = find_runs(place / "runs" / "proposing")
    root = tmp_path / "again"
    shutil.copytree(place / "screens" / "photos", root / "photos")
    shutil.copy(place / "screens" / "photos.csv", root)
    with desk(root, tmp_path, f"run={folder}", "datamodule.cell_px=64") as (address, _), person(address) as page:
        shown = page.evaluate("document.body.dataset.photo")
        queue = httpx_queue(address)
        assert queue[0] == shown
        guesses = page.locator("#cells span.guess").all_inner_texts()
        assert len(guesses) == 15
        assert all(re.fullmatch(r"[0-4]\? \d+ %", text) for text in guesses)
        page.keyboard.press("1")
        page.keyboard.press("a")
        page.wait_for_selector("#strip button:first-child.done")
        saved(page)
    given = {one.cell: one.value for one in said_of(root, "label")}
    assert given[0, 0] == "1"
    assert [given[row, col] for row in range(5) for col in range(3)][1:] == [text[0] for text in guesses[1:]]
    shown_beside = {one.cell: one.value for one in said_of(root, "proposed")}
    assert [shown_beside[cell] for cell in given] == [f"{text[0]} {folder.name}" for text in guesses]
    predicted = read_predictions(place, folder)
    doubts = {name: doubt(chances) for name, chances in predicted.items()}
    assert set(queue) == set(doubts)
    assert all(doubts[one] >= doubts[other] - 2e-4 for one, other in pairwise(queue))  # the desk keeps four digits


def made_of(address, number):
    with httpx.Client(follow_redirects=True) as client:
        client.get(address)
        queue = client.get(address.partition("?")[0] + "api/queue", params={"annotator": "x", "round": 1}).json()
        return queue[number]["id"]


def httpx_queue(address):
    with httpx.Client(follow_redirects=True) as client:
        client.get(address)
        answer = client.get(address.partition("?")[0] + "api/queue", params={"annotator": "anna", "round": 1})
        return [one["name"] for one in answer.json()]


def read_predictions(place, folder):
    """Photo → probabilities `(15, 5)`, by predict.py."""
    out = place / "predicted.csv"
    run_warm("predict.py", f"run={folder}", f"input={place}/screens", f"output={out}", env={})
    found: dict[str, list[list[float]]] = {}
    with out.open() as file:
        for row in csv.DictReader(file):
            found.setdefault(row["file"], []).append([float(row[key]) for key in row if key.startswith("p_")])
    return {name: np.array(chances) for name, chances in found.items()}
