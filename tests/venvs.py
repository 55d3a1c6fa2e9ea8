"""Environments of their own for what cannot be installed beside us; made once, under .cache."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from choices import ROOT


def venv_python(name: str, *packages: str, python: str = "3.12") -> Path:
    """The interpreter of an environment with these packages; skips, with the reason, where they cannot be had."""
    digest = hashlib.sha256(" ".join((python, *packages)).encode()).hexdigest()[:8]
    folder = ROOT / ".cache" / "venvs" / f"{name}-{digest}"
    found, whole = folder / "bin" / "python", folder / "whole"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not whole.exists():
            uv = Path(sys.executable).with_name("uv")
            for words in (["venv", "--quiet", "--clear", "--python", python, folder],
                          ["pip", "install", "--quiet", "--python", found, *packages]):  # fmt: skip
                done = subprocess.run([uv, *words], capture_output=True, text=True, check=False, timeout=900)
                if done.returncode:
                    pytest.skip(
                        f"{' '.join(packages)} cannot be installed for Python {python}: {done.stderr.strip()[-300:]}"
                    )
            whole.touch()
    return found
