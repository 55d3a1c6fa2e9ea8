"""How many jobs this machine runs at once, and how its memory is handed out."""

import ctypes
import shutil
import subprocess

import psutil

CPU_JOB_GIB = 1.5
"""What a job on a CPU takes of main memory: torch and the libraries 0.6, a small network's batch and the rest."""


def jobs_at_once(gpu_job_gib: float) -> int:
    """A job per core, fewer where memory ends first; with a GPU as many as its free memory holds, a core for each at least.

    Args:
        gpu_job_gib: GPU memory of one job, GiB.

    """
    free = psutil.virtual_memory().available / 2**30
    jobs = min(cores(), int(free / CPU_JOB_GIB))
    gpus = free_gpu_gib()
    if gpus:
        jobs = min(jobs, int(gpus[0] / gpu_job_gib))  # Lightning's `auto` takes the first
    return max(1, jobs)


def keep_freed_memory() -> bool:
    """Has the C library keep what is freed instead of giving it back to the kernel; returns whether it is one that can (glibc).

    A training frees the same tensors at each step and asks for them anew at the next; given back, every page of them is
    cleared and mapped again. `benchmarks/allocation.py` measures what that costs, and that the most memory grows by some 3 %;
    it is given back when the process ends.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return all(bool(mallopt(key, value)) for key, value in MALLOPT.values())


MALLOPT = {"M_MMAP_MAX": (-4, 0), "M_TRIM_THRESHOLD": (-1, 2**31 - 1), "M_TOP_PAD": (-2, 64 * 2**20)}
"""From malloc.h, mallopt(3): nothing in a mapping of its own, nothing trimmed, grown by 64 MiB."""


def cores() -> int:
    """Those that this process may use."""
    return len(psutil.Process().cpu_affinity()) if hasattr(psutil.Process, "cpu_affinity") else psutil.cpu_count() or 1


def free_gpu_gib() -> list[float]:
    """Free memory of each NVIDIA GPU, as nvidia-smi says; empty where there is none."""
    if shutil.which("nvidia-smi") is None:
        return []
    query = ["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
    answer = subprocess.run(query, capture_output=True, text=True, check=False)
    lines = answer.stdout.split() if answer.returncode == 0 else []
    return [float(line) / 1024 for line in lines if line.replace(".", "").isdigit()]
