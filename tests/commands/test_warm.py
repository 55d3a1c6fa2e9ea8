"""A warm command answers as the same one started plainly."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.warm import HERE, Warm, run_plain, run_warm


def answer(done):
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("import os, sys; print(sys.argv, os.getcwd(), __name__, os.environ['SAID']); print('!', file=sys.stderr)", 0),
        ("import sys; print('before'); sys.exit(3)", 3),
        ("import sys; sys.exit('what is wrong')", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -9),
        ("import atexit, threading; atexit.register(print, 'end'); threading.Timer(0.1, print, ['thread']).start()", 0),
    ],
)
def test_output_and_exit_code_are_the_same(tmp_path, program, code):
    script = tmp_path / "program.py"
    script.write_text(program)
    words = [script, "a word", "key=[1,2]"]
    warm = run_warm(*words, env={"SAID": "ü"})
    assert answer(warm) == answer(run_plain(*words, env={"SAID": "ü"}))
    assert warm.returncode == code


def test_an_error_that_is_not_caught_is_shown(tmp_path):
    (tmp_path / "program.py").write_text("raise KeyError('this one')")
    done = run_warm(tmp_path / "program.py")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "KeyError: 'this one'")


def test_modules_are_run_and_nothing_of_the_project_is_there_before(tmp_path):
    (tmp_path / "program.py").write_text("import sys; print(*{name.partition('.')[0] for name in sys.modules})")
    there = set(run_warm(tmp_path / "program.py").stdout.split())
    assert {"torch", "pytorch_lightning", "onnx2tf"} <= there
    assert not {path.name for path in HERE.iterdir() if (path / "__init__.py").exists()} & there - {"tests"}
    assert not {path.stem for path in HERE.glob("*.py")} & there
    assert "python -m sweeps status" in run_warm("-m", "sweeps", "--help").stdout


def test_commands_run_at_once(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    (tmp_path / "read.py").write_text(f"print(open({str(fifo)!r}).read())")
    (tmp_path / "write.py").write_text(f"open({str(fifo)!r}, 'w').write('met')")
    reader = Warm(tmp_path / "read.py")
    assert run_warm(tmp_path / "write.py").returncode == 0
    assert reader.wait().stdout == "met\n"


def test_a_command_that_takes_too_long_is_stopped(tmp_path):
    (tmp_path / "program.py").write_text("import time; time.sleep(100)")
    command = Warm(tmp_path / "program.py")
    with pytest.raises(subprocess.TimeoutExpired):
        command.wait(timeout=0.2)
    while Path(f"/proc/{command.pid}").exists():
        time.sleep(0.01)
