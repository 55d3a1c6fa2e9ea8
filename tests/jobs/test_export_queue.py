"""Files of a grid's jobs, made beside its trainings."""

import os
import re
import signal
import time
from pathlib import Path

import pytest

from sweeps.records.run_record import KILLED, find_runs
from tests.commands.test_train import SMALL, record_of, run
from tests.warm import Warm

LINE = ["-m", *SMALL, "trainer.max_epochs=1", "export=all", "quantization=float32"]


def child(pid, name):
    """The process that `pid` started with `name` in its command line, waited for."""
    for _ in range(1500):
        for other in Path("/proc").glob("[0-9]*"):
            try:
                parent = re.search(r"\nPPid:\s+(\d+)", (other / "status").read_text())
                if int(parent.group(1)) == pid and name in (other / "cmdline").read_text():
                    return int(other.name)
            except (OSError, AttributeError):
                continue
        time.sleep(0.05)
    raise AssertionError(f"no {name} of {pid}")


@pytest.mark.slow
def test_a_killed_exporter_is_told_and_the_same_command_makes_its_files(place):
    line = [*LINE, "encoding=one_hot,ordinal", "sweep_name=killed"]
    paths = [f"paths.runs={place}/runs", f"paths.cache={place}/cache", f"datamodule.root={place}/screens"]
    grid = Warm("train.py", *line, *paths)
    os.kill(child(grid.pid, "export.worker"), signal.SIGKILL)
    done = grid.wait(timeout=200)
    runs = find_runs(place / "runs" / "killed")
    first, second = map(record_of, runs)
    assert done.returncode == 1
    assert done.stderr.count(KILLED) == done.stderr.count("\n") == 1
    assert [first["status"], second["status"]] == ["done", "done"]
    assert sorted(len(record.get("exports", {})) for record in (first, second)) == [0, 1]

    again = run(place, *line, check=0)
    assert again.stderr == ""
    assert again.stdout.count("done before") == 2
    assert again.stdout.count("exported, val/macro_f1 of float32 ") == 1
    made = [(folder / "export" / "model.onnx").stat().st_mtime for folder in runs]
    timings = []
    for record in map(record_of, runs):
        assert "later_error" not in record
        timings += [entry["at"] for entry in record["exports"]["float32"]["latency"]]
    assert len(timings) == 2
    assert max(timings) >= time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(max(made)))
