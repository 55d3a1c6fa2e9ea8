"""How many jobs a machine takes."""

import platform
import subprocess
import sys

import psutil
import pytest

from cli import machine


@pytest.mark.parametrize(
    ("cores", "free_gib", "gpus", "jobs"),
    [
        (2, 24, [], 2),
        (16, 9.5, [], 6),  # memory ends first
        (1, 0.3, [], 1),
        (16, 100, [139.0], 16),
        (64, 900, [139.0, 10.0], 34),  # on the first GPU, at 4 GiB each
        (16, 100, [3.0], 1),
    ],
)
def test_jobs_fill_cores_memory_and_gpu(monkeypatch, cores, free_gib, gpus, jobs):
    free = psutil.virtual_memory()._replace(available=int(free_gib * 2**30))
    monkeypatch.setattr(machine, "cores", lambda: cores)
    monkeypatch.setattr(machine.psutil, "virtual_memory", lambda: free)
    monkeypatch.setattr(machine, "free_gpu_gib", lambda: gpus)
    assert machine.jobs_at_once(4) == jobs


def test_what_nvidia_smi_says_is_read(monkeypatch, tmp_path):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\nprintf '142643\\n1024\\n'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert machine.free_gpu_gib() == [pytest.approx(139.3, abs=0.01), 1.0]
    tool.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed'\nexit 9\n")
    assert machine.free_gpu_gib() == []


FREED_AGAIN_AND_AGAIN = """
import resource, sys
import numpy as np
from training.memory import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
np.ones(5_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    np.ones(5_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library keeps memory in its own way")
def test_freed_memory_is_not_cleared_and_mapped_again():
    def faults(way):
        words = [sys.executable, "-c", FREED_AGAIN_AND_AGAIN, way]
        return int(subprocess.run(words, capture_output=True, text=True, check=True).stdout)

    assert faults("kept") < 0.1 * faults("given back")
