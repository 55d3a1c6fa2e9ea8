"""Several processes of one search: the same command again, each proposes, trains and answers by itself. No optuna here."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping

VARIABLE = "_GRIDLITE_SEARCH_OF"
"""Tells a process which command's search it works for: that one's process id."""
POLL_S = 0.2
WRONG_COMMAND = 2


def works_for() -> int | None:
    """The process that this one was started by as a worker of its search; None where it is none."""
    given = os.environ.get(VARIABLE, "")
    return int(given) if given else None


def run_workers(count: int, environment: Mapping[str, str]) -> list[int]:
    """Runs the own command line so many times at once, and to their end; their exit codes, of killed ones minus the signal.

    A worker that finds the command itself wrong (exit code 2) ends the others.
    """
    own = {VARIABLE: str(os.getpid())}
    running = [
        subprocess.Popen([sys.executable, *sys.argv], env=os.environ | dict(environment) | own) for _ in range(count)
    ]
    codes: list[int] = []
    try:
        while running:
            for worker in [one for one in running if one.poll() is not None]:
                running.remove(worker)
                codes.append(worker.returncode)
                if worker.returncode < 0 and running:
                    name = signal.Signals(-worker.returncode).name
                    print(f"note: a worker was ended by {name}; {len(running)} go on", file=sys.stderr)
            if WRONG_COMMAND in codes:
                break
            time.sleep(POLL_S)
    finally:
        for worker in running:
            worker.terminate()
        codes += [worker.wait() for worker in running]
    return codes
