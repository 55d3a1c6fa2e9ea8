"""Releases of TFLite runtimes, each with a Python of its own under `.cache/runtimes`, made with `uv` when it is first needed."""

import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from choices import ROOT

CACHE = ROOT / ".cache" / "runtimes"


class MissingError(RuntimeError):
    """A runtime that cannot be had here; one line."""


@dataclass(frozen=True)
class Runtime:
    """A release of a TFLite runtime."""

    name: str
    python: str
    requirements: tuple[str, ...]

    def interpreter(self, cache: Path = CACHE) -> Path:
        """Its Python, in an environment of its own that is made at the first call. Raises MissingError."""
        return _environment(self, cache)


RUNTIMES = (
    Runtime("tflite-runtime-2.14", "3.11", ("tflite-runtime==2.14.0", "numpy<2")),
    Runtime("tensorflow-2.12", "3.11", ("tensorflow-cpu==2.12.0",)),
    Runtime("ai-edge-litert-1.0.1", "3.11", ("ai-edge-litert==1.0.1", "numpy<2")),
    Runtime("ai-edge-litert-2.1.2", "3.11", ("ai-edge-litert==2.1.2",)),
    Runtime("ai-edge-litert-2.3.0", "3.11", ("ai-edge-litert==2.3.0",)),
)


@cache
def _environment(runtime: Runtime, cache: Path) -> Path:
    folder = cache / runtime.name
    python = folder / "bin" / "python"
    ready = folder / "ready"
    if not ready.exists():
        _uv("venv", "--clear", "--python", _python(runtime.python), str(folder))
        _uv("pip", "install", "--python", str(python), *runtime.requirements)
        ready.touch()
    return python


def _python(version: str) -> str:
    """A path of that Python where pyenv has one, else its version, which uv then looks for."""
    found = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    return str(found[-1]) if found else version


def _uv(*words: str) -> None:
    beside = Path(sys.executable).parent / "uv"
    try:
        done = subprocess.run(
            [str(beside) if beside.exists() else "uv", "--quiet", *words], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise MissingError("uv: not found: install it beside gridlite's Python") from None
    if done.returncode:
        raise MissingError(f"uv {' '.join(words)}: {' '.join(done.stderr.split())[-300:]}")
