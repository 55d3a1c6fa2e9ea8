"""The process that makes untrained files and times them: what it imports takes seconds, and stays out of this one."""

import atexit
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from choices import ROOT

_running: "list[subprocess.Popen[str]]" = []


class CostError(ValueError):
    """A file's cost cannot be told; the message says why."""


def ask_worker(question: Mapping[str, Any]) -> dict[str, Any]:
    """What `export.predicted_cost` answers. Raises CostError with its reason."""
    process = _process()
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        print(json.dumps(question), file=process.stdin, flush=True)
        line = process.stdout.readline()
    except BrokenPipeError:
        line = ""
    if not line:
        end_worker()
        raise CostError(f"the process that makes untrained files ended with code {process.wait()}")
    answer: dict[str, Any] = json.loads(line)
    if "error" in answer:
        raise CostError(str(answer["error"]))
    return answer


def _process() -> "subprocess.Popen[str]":
    """The one that runs, or a new one."""
    if not _running or _running[0].poll() is not None:
        _running.clear()
        found = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        quiet = os.environ | {"TQDM_DISABLE": "1", "PYTHONPATH": found}
        command = [sys.executable, "-m", "export.predicted_cost", str(os.getpid())]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        _running.append(subprocess.Popen(command, env=quiet, **pipes))
    return _running[0]


def end_worker() -> None:
    """Ends it, where there is one; the next question begins another."""
    while _running:
        process = _running.pop()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        process.wait()


atexit.register(end_worker)
