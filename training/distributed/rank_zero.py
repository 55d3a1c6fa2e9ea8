"""One run in several processes (trainer=ddp): rank 0 keeps the record, the others follow it from job to job.

Here is rank 0's side, `training.distributed.worker` is the others'. On one machine rank 0 starts them itself, per command and not per
job; on several, torchrun or srun starts train.py as often as there are devices.
"""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from choices import ROOT
from jobs.launch_environment import ProcessInfo, launched
from sweeps.records.environment import peak_memory_bytes

if TYPE_CHECKING:
    from torch._C._distributed_c10d import Store

    from jobs.job import Job

PATIENCE = 60.0
"""Seconds that rank 0, where the processes meet, waits for the others to leave."""


LONG = timedelta(days=30)
"""For as long as rank 0 lives the others wait for its next job."""


class RankError(RuntimeError):
    """What went wrong in another process."""


def meeting_store(place: ProcessInfo) -> "Store":
    """Where the processes of a command leave words for each other.

    Nothing but torch is imported for it: a command without a job still meets the others when it ends, to send them home.
    """
    from torch._C._distributed_c10d import FileStore, PrefixStore, TCPStore

    if place.meets_in_a_file:
        file = FileStore(place.address, -1)
        file.set_timeout(LONG)
        return PrefixStore("gridlite", file)
    store = TCPStore(place.address, place.port, is_master=place.hosts, timeout=LONG, wait_for_workers=False)
    return PrefixStore(f"gridlite{place.run}", store)


class WorkerPool:
    """The other processes, as rank 0 sees them."""

    def __init__(self, place: ProcessInfo | None, devices: int) -> None:
        self.folder: Path | None = None
        if place is None:
            self.folder = Path(tempfile.mkdtemp(prefix="gridlite-processes-"))  # this user's alone
            place = ProcessInfo(0, devices, 0, 0, str(self.folder / "store"), 0, hosts=True)
        self.place = place
        self.launched = self.folder is None
        self.store = meeting_store(self.place)
        self.processes: list[tuple[subprocess.Popen[bytes], IO[bytes]]] = []
        self.job = -1
        self.failed = False
        for rank in range(1, 1 if self.launched else devices):
            self._start(rank)

    def _start(self, rank: int) -> None:
        words = [
            sys.executable,
            "-m",
            "training.distributed.worker",
            str(rank),
            str(self.place.world),
            self.place.address,
        ]
        paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        errors = tempfile.TemporaryFile()  # noqa: SIM115  read when the process has ended
        started = subprocess.Popen(
            words, env=os.environ | {"PYTHONPATH": paths}, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=errors,
        )  # fmt: skip
        self.processes.append((started, errors))

    def begin(self, job: str) -> None:
        """Hands out a job and waits until all have its data. Raises RankError when one cannot."""
        self.job += 1
        self.store.set(f"job/{self.job}", job)
        self._wait_for("ready")

    def _wait_for(self, word: str) -> list[str]:
        """The keys under which all others have left a word on the job, once they have."""
        keys = [f"{word}/{self.job}/{rank}" for rank in range(1, self.place.world)]
        while not self.store.check(keys):
            if trouble := self.trouble():
                raise RankError(trouble)
            time.sleep(0.05)
        return keys

    def trouble(self) -> str:
        """What has gone wrong in another process, one line; empty where nothing has."""
        if self.store.check([f"error/{self.job}"]):
            return str(self.store.get(f"error/{self.job}").decode())
        for rank, (process, errors) in enumerate(self.processes, 1):
            if (code := process.poll()) is not None:
                errors.seek(0)
                last = errors.read().decode(errors="replace").strip().rpartition("\n")[2]
                return f"rank {rank} ended with code {code}{': ' if last else ''}{last}"
        return ""

    def peak_memory_bytes(self) -> int:
        """The largest of the other processes, once they are through with the job."""
        return max(int(self.store.get(key)) for key in self._wait_for("peak"))

    def end(self) -> None:
        """Sends them home: at once those that were started here."""
        for process, errors in self.processes:
            process.kill()
            process.wait()
            errors.close()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
        if self.launched:
            self.store.set(f"job/{self.job + 1}", "")
            until = time.monotonic() + PATIENCE
            while self.place.hosts and self.store.add("left", 0) < self.place.world - 1 and time.monotonic() < until:
                time.sleep(0.05)


_pool: WorkerPool | None = None
_largest = 0


def largest_memory_bytes() -> int:
    """Largest resident set so far among this process and those that shared its last run."""
    return max(peak_memory_bytes(), _largest)


def gather_workers(devices: int) -> WorkerPool:
    """The other processes; started where they are not there yet, or are of another number."""
    global _pool  # noqa: PLW0603  one per process, like the processes themselves
    place = launched()
    if _pool is not None and _pool.failed and place is not None:
        print("error: a process of this launch has failed; the same command again goes on", file=sys.stderr)
        sys.exit(1)
    if _pool is not None and (_pool.failed or (place is None and _pool.place.world != devices)):
        _pool.end()
        _pool = None
    if _pool is None:
        _pool = WorkerPool(place, devices)
    return _pool


@atexit.register
def dismiss() -> None:
    """Ends the other processes, also those of a launch that has had no job for them."""
    global _pool  # noqa: PLW0603
    place = launched()
    if _pool is None and place is not None and place.rank == 0:
        _pool = WorkerPool(place, 1)
    if _pool is not None:
        _pool.end()


@contextmanager
def join_workers(job: "Job", fingerprint: str, resume: Path | None) -> Iterator[list[Any] | None]:
    """Has the other processes join in the fit inside; gives the trainer's plugins, None where there is no other.

    Raises RankError with what another process says was wrong with it.
    """
    global _largest  # noqa: PLW0603
    _largest = 0
    trainer = job.cfg.trainer
    if trainer.devices * trainer.num_nodes == 1:
        yield None
        return
    from training.distributed.message import written
    from training.distributed.process_group import group

    pool = gather_workers(trainer.devices)
    try:
        pool.begin(written(job, fingerprint, resume))
        with group(trainer, pool.place, pool.store, pool.job) as plugins, _watched(pool):
            yield plugins
        _largest = pool.peak_memory_bytes()
    except BaseException as error:
        pool.failed = True
        time.sleep(0 if isinstance(error, RankError) else 0.5)  # a process that was killed is gone a moment later
        trouble = pool.trouble()
        if not pool.launched:
            pool.end()
        if trouble and isinstance(error, RuntimeError) and not isinstance(error, RankError):  # of a lost connection
            raise RankError(trouble) from error
        raise


@contextmanager
def _watched(pool: WorkerPool) -> Iterator[None]:
    """Ends the process group when another process has failed: a GPU would wait for it for minutes."""
    over = threading.Event()

    def watch() -> None:
        from torch import distributed

        while not over.wait(0.5):
            if pool.trouble() and distributed.group.WORLD is not None:
                distributed.group.WORLD.abort()
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
