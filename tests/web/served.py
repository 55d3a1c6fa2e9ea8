"""The app as `make phone` starts it, and a real browser the size of a phone."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent.parent.parent


@contextmanager
def served(*words: str) -> Iterator[str]:
    """The address that a started app prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "web", *words], cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
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
        yield found[1]
    finally:
        process.terminate()
        process.communicate(timeout=30)


@contextmanager
def phone(browser: str, *, bypass_csp: bool = False) -> Iterator[Any]:
    """A page of 412 × 915 points in headless Chromium, with a camera that shows a moving disc."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as tools:
        flags = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
        started = tools.chromium.launch(executable_path=browser, args=flags)
        context = started.new_context(viewport={"width": 412, "height": 915}, has_touch=True, bypass_csp=bypass_csp)
        page = context.new_page()
        page.set_default_timeout(60_000)
        yield page
        started.close()
