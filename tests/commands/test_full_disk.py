"""A disk that takes no more: what was there stays whole, the file is named, the exit code tells."""

import resource
import subprocess
import sys

import pytest

from sweeps.records.run_record import find_runs
from tests.commands.test_train import SMALL
from tests.drawn import draw_screens
from tests.trained import copy_of, grading

pytestmark = pytest.mark.slow


def limited(size, *words):
    """A command that can write no file larger than `size` bytes: the system answers as a full disk does."""
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return copy_of(tmp_path_factory, grading)[0]


def test_predictions_of_before_stay(trained):
    (folder,) = find_runs(trained / "runs" / "grid")
    table = trained / "answers.csv"
    words = [
        "predict.py",
        f"run={folder / 'export' / 'int8.tflite'}",
        f"input={trained / 'screens'}",
        f"output={table}",
    ]
    assert limited(10**9, *words).returncode == 0
    before = table.read_bytes()
    done = limited(200, *words)
    assert done.returncode == 1
    assert str(table) in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert table.read_bytes() == before
    assert not list(trained.glob(".answers*"))


@pytest.mark.parametrize("command", [["table"], ["report"]])
def test_tables_and_reports_of_before_stay(trained, command):
    sweep = trained / "runs" / "grid"
    words = ["-m", "sweeps", *command, str(sweep)]
    assert limited(10**9, *words).returncode == 0
    for table in sweep.glob("*.csv"):  # what is there already is not written again
        table.write_bytes(table.read_bytes() + b"\n")
    before = {path: path.read_bytes() for path in sweep.iterdir() if path.is_file()}
    done = limited(500, *words)
    assert done.returncode == 1, done.stdout
    assert str(sweep) in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert {path: path.read_bytes() for path in sweep.iterdir() if path.is_file()} == before


def test_a_grid_whose_records_cannot_be_written_has_failed(tmp_path):
    draw_screens(tmp_path / "screens")
    words = ["train.py", "-m", *SMALL, "seed=0,1", "sweep_name=full", f"datamodule.root={tmp_path}/screens",
             f"paths.runs={tmp_path}/runs", f"paths.cache={tmp_path}/cache"]  # fmt: skip
    limited(10**9, "train.py", *words[2:4], "--cfg", "job")
    done = limited(900_000, *words)  # the pictures, no checkpoint
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.count("error: ") == 2
    assert "Traceback" not in done.stderr
