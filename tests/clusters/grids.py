"""A grid of eight small trainings on a cluster, of which a machine is lost."""

import os
import subprocess
import sys
import time

from sweeps.records.run_record import find_runs
from tests.commands.test_train import SMALL, record_of
from tests.warm import HERE

POINTS = 8
LIMIT_S = 600


def start(place, name, *words, env):
    """The grid's command, in a process of its own."""
    line = [sys.executable, "train.py", "-m", *SMALL, "trainer.max_epochs=12", "encoding=one_hot,ordinal,coral,corn", "seed=0,1",
            f"sweep_name={name}", f"paths.runs={place}/runs", f"paths.cache={place}/cache", f"datamodule.root={place}/screens", *words]  # fmt: skip
    return subprocess.Popen(
        line, cwd=HERE, env=os.environ | {"OMP_NUM_THREADS": "1"} | env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )  # fmt: skip


def finish(command):
    """What it said, once it has ended."""
    try:
        return command.communicate(timeout=LIMIT_S)
    finally:
        command.kill()


def records(place, name):
    """Of all runs that have one."""
    return [record_of(folder) for folder in find_runs(place / "runs" / name)]


def wait_until_done_on(place, name, hosts, command, least=1):
    """Until each of these machines has finished that many trainings."""
    ends = time.monotonic() + LIMIT_S
    while time.monotonic() < ends:
        done = [one["device"]["host"] for one in records(place, name) if one["status"] == "done"]
        if all(done.count(host) >= least for host in hosts):
            return
        assert command.poll() is None, command.communicate()
        time.sleep(0.3)
    raise AssertionError(f"not done within {LIMIT_S} s on {hosts}: {done}")


def when_done(place, name):
    """Folder → when its training was finished, of those that are."""
    found = {folder.name: record_of(folder) for folder in find_runs(place / "runs" / name)}
    return {run: one["history"] for run, one in found.items() if one["status"] == "done"}
