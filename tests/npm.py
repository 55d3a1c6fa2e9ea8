"""Packages of npm for a browser, without npm or Node.js: fetched once, under .cache, and held to a digest."""

import base64
import hashlib
import io
import os
import shutil
import tarfile
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from filelock import FileLock

from choices import ROOT

REGISTRY = "https://registry.npmjs.org"
"""Where neither environment nor .npmrc name one."""


def registry() -> str:
    """The address that npm itself would ask."""
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        if os.environ.get(name):
            return os.environ[name].rstrip("/")
    own = Path.home() / ".npmrc"
    lines = own.read_text().splitlines() if own.is_file() else []
    named = [line.partition("=")[2].strip() for line in lines if line.partition("=")[0].strip() == "registry"]
    return (named[-1] if named else REGISTRY).rstrip("/")


def npm_package(name: str, version: str, integrity: str) -> Path:
    """The folder of a package; skips, with the reason, where it cannot be had.

    Args:
        name, version: as npm has them.
        integrity: `sha512-…` of its archive, as in a lock file. Another archive fails the test.

    """
    base = name.rpartition("/")[2]
    folder = ROOT / ".cache" / "npm" / f"{base}-{version}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / f"{folder.name}.lock"):
        if not folder.exists():
            try:
                with urllib.request.urlopen(f"{registry()}/{name}/-/{base}-{version}.tgz", timeout=60) as answer:
                    archive = answer.read()
            except (urllib.error.URLError, TimeoutError) as error:
                pytest.skip(f"npm's {name} cannot be had: {error}")
            digest = base64.b64encode(hashlib.sha512(archive).digest()).decode()
            assert integrity == f"sha512-{digest}", f"{name} {version} is not the archive that was looked at"
            unfinished = folder.with_name(f"{folder.name}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
                packed.extractall(unfinished, filter="data")
            (unfinished / "package").rename(folder)
            unfinished.rmdir()
    return folder
