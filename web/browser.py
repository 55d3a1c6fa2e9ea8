"""Latency of a file in a browser of this machine: the phone app, opened by itself (`latency=browser`)."""

import json
import os
import queue
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from filelock import FileLock

from export.flatbuffer import read_metadata
from export.latency.host import LOCK
from export.latency.result import Entry, LatencyError
from export.runtime import METADATA
from tasks.base import task_named
from web.loose_file import about_file, without_record
from web.phone_app import create_app
from web.runtime import RuntimeMissingError, fetch_runtime, runtime_version

BROWSERS = ("chromium", "google-chrome", "chromium-browser")


class OneFile:
    """A file that lies on no disk, and what the page measures of it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.told: queue.Queue[Entry | tuple[list[str], list[str]]] = queue.Queue()
        """Timings, then what went wrong and what a graphics chip refused, a line each."""
        self.metadata: dict[str, Any] = json.loads(read_metadata(data)[METADATA])

    def about(self) -> dict[str, Any]:
        """What the page shows."""
        named = {"name": "file", "run": "", "data": "", "kind": self.metadata.get("quantization", "")}
        return about_file(self.data, self.metadata) | named | without_record("")

    @property
    def view(self) -> Path:
        """Its task's."""
        return task_named(str(self.metadata["task"])).view

    def keep_timing(self, entry: Entry) -> None:
        """Hands a timing to `measure`."""
        self.told.put(entry)

    def cells(self, first: int, count: int) -> bytes:
        """None: this file is timed only."""
        return b""

    def score(self, where: Entry, grades: Any) -> dict[str, Any]:
        """None: this file is timed only."""
        raise ValueError("this file is timed only")


def measure(data: bytes, *, browser: str | None = None, timeout_s: float = 600.0) -> Iterator[Entry]:
    """Opens the phone app in a headless browser; 10 + 100 runs with 1 to 4 threads, and on the GPU where there is one.

    Args:
        data: a deployable file.
        browser: command of a Chromium, None for the first of BROWSERS that is installed.
        timeout_s: for the whole page.

    Raises LatencyError without a browser or LiteRT.js, or where the page does not finish.

    """
    found = next((path for name in ([browser] if browser else BROWSERS) if (path := shutil.which(name))), None)
    if found is None:
        raise LatencyError(f"latency.browser.browser={browser}: none of {browser or ', '.join(BROWSERS)} is installed")
    try:
        fetch_runtime()
    except RuntimeMissingError as error:
        raise LatencyError(str(error)) from None
    file = OneFile(data)
    until = time.monotonic() + timeout_s
    with FileLock(LOCK, mode=0o666), _served(file) as address, _opened(found, address) as process:
        while True:
            try:
                told = file.told.get(timeout=0.5)
            except queue.Empty:
                if process.poll() is not None:
                    raise LatencyError(f"{found}: ended with {process.returncode} before the page was done") from None
                if time.monotonic() > until:
                    raise LatencyError(f"{found}: the page did not finish within {timeout_s:g} s") from None
                continue
            if isinstance(told, tuple):
                failed, refused = told
                if failed:
                    raise LatencyError(f"{found}: {'; '.join(failed)}")
                for line in refused:
                    print(f"note: {line}", file=sys.stderr)
                return
            yield told


@contextmanager
def _served(file: OneFile) -> Iterator[str]:
    """The page's address while the app runs on a free port of this machine."""
    token = secrets.token_urlsafe(12)
    app = create_app(
        [file], token, version=runtime_version(), when_done=lambda failed, refused: file.told.put((failed, refused))
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [free]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{free.getsockname()[1]}/bench?token={token}&by-itself"
        finally:
            server.should_exit = True
            thread.join(timeout=10)


@contextmanager
def _opened(browser: str, address: str) -> Iterator[subprocess.Popen[bytes]]:
    """A headless browser on the address, with a profile that vanishes."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        flags = ["--headless=new", f"--user-data-dir={profile}", "--no-first-run", "--disable-extensions"]
        if os.geteuid() == 0:
            flags.append("--no-sandbox")  # Chromium refuses to start as root otherwise
        process = subprocess.Popen([browser, *flags, address], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
