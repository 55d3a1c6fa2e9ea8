"""The pages' runtime: LiteRT.js from npm, pinned by the lock file, fetched the first time it is needed."""

import json
import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent / "phone"


class RuntimeMissingError(RuntimeError):
    """LiteRT.js could not be fetched; the message is one line."""


CORE = HERE / "node_modules" / "@litertjs" / "core"


def runtime_version() -> str:
    """Of the LiteRT.js that the lock file asks for."""
    locked = json.loads((HERE / "package-lock.json").read_text())
    return str(locked["packages"]["node_modules/@litertjs/core"]["version"])


def fetch_runtime() -> None:
    """`npm ci`, unless that version is there. Raises RuntimeMissingError without npm or a network."""
    about = CORE / "package.json"
    whole = (HERE / "node_modules" / ".package-lock.json").is_file()  # npm writes it last
    if whole and about.is_file() and json.loads(about.read_text())["version"] == runtime_version():
        return
    if shutil.which("npm") is None:
        raise RuntimeMissingError("npm: not found: the phone app's runtime comes from it; install Node.js 18 or newer")
    print("fetching LiteRT.js for the phone app (once)", flush=True)
    done = subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=HERE, capture_output=True, text=True,
        env=os.environ | {"npm_config_update_notifier": "false"}, check=False,
    )  # fmt: skip
    if done.returncode:
        shutil.rmtree(HERE / "node_modules", ignore_errors=True)
        lines = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        raise RuntimeMissingError(f"npm ci in {HERE}: {lines[0] if lines else done.stderr.strip()}")
