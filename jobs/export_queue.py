"""ExportQueue beside the trainings of a grid: a finished job asks, one process converts, and times all files at the end.

Jobs note what they want in a file that the command names in the environment, from whatever process a launcher ran them
in; a thread of the command hands each wish to `python -m export.worker` while the next job trains.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from tqdm import tqdm

from choices import ROOT
from sweeps.records.journal import mark_job_failed
from sweeps.records.run_record import KILLED, RecordError, failure_recorded, is_live

VARIABLE = "_GRIDLITE_EXPORTS_FILE"
"""Names the file of wishes to the processes of a grid."""
LOCAL = ("BasicLauncher", "JoblibLauncher", "SideBySide")
"""Launchers whose jobs run on this machine."""
WAIT_S = 0.2
STOPPED = (130, 143, -signal.SIGINT, -signal.SIGTERM)
"""Exit codes after Ctrl-C and SIGTERM."""


def queue_active(cfg: DictConfig) -> bool:
    """Whether somebody takes this job's wishes."""
    return bool(os.environ.get(VARIABLE)) and bool(cfg.export.background)


def enqueue(folder: Path, cfg: DictConfig) -> None:
    """Asks for the files of a run, whose lock the job holds no more; one that is not done by then gets none."""
    kept = OmegaConf.masked_copy(cfg, ["export", "format", "quantization", "latency", "check", "paths", "overwrite"])
    root = cfg.datamodule.get("root")
    line = {"folder": str(folder), "root": root, "cfg": OmegaConf.to_container(kept, resolve=True)}
    with Path(os.environ[VARIABLE]).open("a") as file:
        file.write(json.dumps(line) + "\n")


def supports_queue(hydra: DictConfig) -> bool:
    """Whether a grid's jobs run here, and nothing but its closing table reads their files."""
    return str(hydra.launcher._target_).endswith(LOCAL) and "basic_sweeper" in hydra.sweeper._target_


class ExportQueue:
    """What a command does with its jobs' wishes."""

    def __init__(self) -> None:
        handle, name = tempfile.mkstemp(prefix="gridlite-exports-")
        os.close(handle)
        self.file = Path(name)
        os.environ[VARIABLE] = name
        self.taken, self.through = 0, threading.Event()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def finish(self) -> None:
        """Returns once every wish is fulfilled, or has its error in its run's record, and the files are timed."""
        os.environ.pop(VARIABLE, None)
        self.through.set()
        self.thread.join()
        self.file.unlink(missing_ok=True)

    def _serve(self) -> None:
        worker: Worker | None = None
        timed: list[str] = []
        waiting: list[str] = []
        while True:
            last = self.through.is_set()  # asked first: what was wished before it is in the file
            new = self.file.read_text().split("\n")[self.taken : -1]
            self.taken += len(new)
            busy = [] if last else [line for line in waiting + new if is_live(Path(json.loads(line)["folder"]))]
            ready = [line for line in waiting + new if line not in busy]
            waiting = busy
            for line in tqdm(ready, unit="run", desc="exporting", leave=False, disable=None if last else True):
                worker = worker or Worker()
                if worker.does("convert", line):
                    timed.append(line)
                else:
                    worker = None
            if last:
                break
            self.through.wait(WAIT_S)
        for line in tqdm(timed, unit="run", desc="timing", leave=False, disable=None):
            worker = worker or Worker()
            if not worker.does("time", line):
                worker = None
        if worker is not None:
            worker.close()


class Worker:
    """The process that converts; its libraries are imported once."""

    def __init__(self) -> None:
        found = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        quiet = os.environ | {VARIABLE: "", "TQDM_DISABLE": "1", "PYTHONPATH": found}
        command = [sys.executable, "-m", "export.worker", str(os.getpid())]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, env=quiet, **pipes)

    def does(self, what: str, line: str) -> bool:
        """Has one wish fulfilled and shows what the worker says; False where the worker died over it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        folder = json.loads(line)["folder"]
        with suppress(BrokenPipeError):
            print(f"{what} {line}", file=self.process.stdin, flush=True)
            for answer in self.process.stdout:
                if answer == "\n":
                    return True
                if answer.startswith("error:"):
                    mark_job_failed(Path(folder).name)
                tqdm.write(answer.rstrip(), file=sys.stderr if answer.startswith("error:") else sys.stdout)
        code = self.process.wait()
        if code in STOPPED:  # Ctrl-C reaches it as well; the grid says so
            return False
        said = f"{folder}: {KILLED if code == -signal.SIGKILL else f'the exporting process ended with code {code}'}"
        mark_job_failed(Path(folder).name)
        tqdm.write(f"error: {said}", file=sys.stderr)
        with suppress(RecordError), failure_recorded(Path(folder), {}):
            raise RecordError(said)
        return False

    def close(self) -> None:
        """Waits until what was asked for is made; nothing can be asked for afterwards."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()
