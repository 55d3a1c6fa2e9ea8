"""How many jobs this machine runs at once, and how its memory is handed out."""

import shutil
import subprocess

import psutil

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
"""Environment variables that tell libraries how many threads they may use."""
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
