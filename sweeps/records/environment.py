"""What a record says of the code and the machine that made it."""

import os
import platform
import resource
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from choices import ROOT

PACKAGES = ("torch", "torchvision", "pytorch-lightning", "timm", "albumentations", "opencv-python-headless", "numpy")


def versions() -> dict[str, str]:
    """Python, the packages that results depend on, and the project's commit (with + when files differ from it)."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found | {"gridlite": _commit()}


def _commit() -> str:
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def processor() -> str:
    """The processor's name, as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def host_device() -> str:
    """What this machine is called where files are timed on it."""
    return f"{processor()}, {os.cpu_count()} cores"


FAST_INT8 = {"avx512_vnni": "VNNI", "avx_vnni": "VNNI", "asimddp": "dot products"}
"""Flags of a processor that has instructions for int8, as Linux names them."""


def fast_int8(cpuinfo: str | None = None) -> str | None:
    """By which instructions of its own a processor multiplies int8: `VNNI`, `dot products`, or `none`; None where nobody tells.

    Args:
        cpuinfo: /proc/cpuinfo of another machine; None: this one's.

    """
    if cpuinfo is None:
        try:
            cpuinfo = Path("/proc/cpuinfo").read_text()
        except OSError:
            return None
    flags = {
        flag
        for line in cpuinfo.splitlines()
        if line.partition(":")[0].strip().lower() in ("flags", "features")
        for flag in line.partition(":")[2].split()
    }
    found = {name for flag, name in FAST_INT8.items() if flag in flags}
    return " and ".join(sorted(found)) or "none" if flags else None


def peak_memory_bytes() -> int:
    """Largest resident set of this process so far (of all its jobs, in a multirun)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)
