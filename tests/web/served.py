"""The app as `make phone` starts it, and a real browser the size of a phone."""

import base64
import functools
import hashlib
import http.server
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from choices import ROOT
from web.runtime import RuntimeMissingError, fetch_runtime

HERE = ROOT


def needs_runtime() -> None:
    """Skips where LiteRT.js is not there and cannot be fetched."""
    try:
        fetch_runtime()
    except RuntimeMissingError as error:
        pytest.skip(f"needs LiteRT.js: {error}")


@contextmanager
def served(*words: str, command: tuple[str, ...] = ("-m", "web")) -> Iterator[str]:
    """The address that a started app prints."""
    with started(*words, command=command) as (address, _):
        yield address


@contextmanager
def started(*words: str, command: tuple[str, ...]) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address that a started app prints, and its process: on a free port, for other tests run beside it."""
    port = [] if any(word.startswith("port=") for word in words) else ["port=0"]
    process = subprocess.Popen(
        [sys.executable, *command, *words, *port], cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if "ctrl-c" in line:
                break
        found = re.search(r"open (\S+)", "".join(said))
        assert found, "".join(said) + (process.stderr.read() if process.stderr else "")
        yield found[1], process
    finally:
        process.terminate()
        process.communicate(timeout=30)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def served_folder(folder: Path, head: str = "") -> Iterator[str]:
    """The address of an empty page with this head, beside which a folder lies."""
    (folder / "index.html").write_text(f"<!doctype html>{head}")
    handler = functools.partial(_Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/index.html"
        finally:
            server.shutdown()


FLAGS = ("--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


@contextmanager
def phone(browser: str, *, trusted: Path | None = None, more: tuple[str, ...] = (), **settings: Any) -> Iterator[Any]:
    """A page of 412 × 915 points, unless the settings say otherwise, in headless Chromium, with a camera that shows a
    moving disc.

    Args:
        browser: the command.
        trusted: a certificate whose key counts as trusted, as after its authority was installed.
        more: flags of the browser.
        settings: of the browser's context.

    """
    flags = [*FLAGS, *more]
    if trusted is not None:
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
        from cryptography.x509 import load_pem_x509_certificates

        key = load_pem_x509_certificates(trusted.read_bytes())[0].public_key()
        known = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
        flags.append(f"--ignore-certificate-errors-spki-list={base64.b64encode(known).decode()}")
    context = _browser(browser, tuple(flags)).new_context(
        **{"viewport": {"width": 412, "height": 915}, "has_touch": True} | settings
    )
    try:
        page = context.new_page()
        page.set_default_timeout(60_000)
        yield page
    finally:
        context.close()


_open: dict[tuple[str, ...], Any] = {}


def _browser(command: str, flags: tuple[str, ...]) -> Any:
    """Chromium, started once for a file of tests: a context of its own is as good as a browser of its own."""
    from playwright.sync_api import sync_playwright

    if not _open:
        _open[()] = sync_playwright().start()
    key = (command, *flags)
    if key not in _open or not _open[key].is_connected():
        _open[key] = _open[()].chromium.launch(executable_path=command, args=list(flags))
    return _open[key]


def close_browsers() -> None:
    """Ends what `phone` has started: Playwright keeps an event loop, which other tests must not find."""
    tools = _open.pop((), None)
    for one in _open.values():
        one.close()
    _open.clear()
    if tools is not None:
        tools.stop()
