"""Commands in processes of their own that find the large libraries loaded: forks of a server that did no more than
import them. All else is as typed, and the project's own modules are imported anew; ten seconds of imports come once.

It is for what a command does. That each command also starts by itself is asked of a plain process, once in its tests.
What logs to W&B wants a plain one too: wandb makes a folder when it is imported and removes it at the process's end.
"""

import atexit
import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from socketserver import ForkingMixIn, StreamRequestHandler, UnixStreamServer

HERE = Path(__file__).parent.parent
LIBRARIES = [
    "ai_edge_litert.interpreter", "ai_edge_quantizer.quantizer", "albumentations", "hydra._internal.hydra",
    "hydra.core.override_parser.overrides_parser", "matplotlib.pyplot", "onnx2tf.onnx2tf", "onnxruntime", "onnxsim",
    "optuna", "pandas", "pyarrow.parquet", "pytorch_lightning", "sklearn.model_selection", "timm", "torch",
    "torchmetrics.classification", "torchvision",
]  # fmt: skip


ADDRESS = "GRIDLITE_WARM_SERVER"
"""Environment variable of its socket."""


class Warm:
    """A command that runs now: `line` is what would follow `python`."""

    def __init__(self, *line, env=None):
        self.line = [str(word) for word in line]
        self.folder = tempfile.TemporaryDirectory(prefix="warm")
        self.said = [Path(self.folder.name) / name for name in ("stdout", "stderr")]
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.connect(_server())
        wanted = {"line": self.line, "env": os.environ | (env or {}), "said": [str(path) for path in self.said]}
        self.connection.sendall(json.dumps(wanted).encode() + b"\n")
        self.answers = self.connection.makefile()
        self.pid = int(self.answers.readline())

    def wait(self, timeout=280):
        """As `subprocess.run` gives it, output as text."""
        self.connection.settimeout(timeout)
        with self.folder, self.connection, self.answers:
            try:
                code = int(self.answers.readline())
            except TimeoutError:
                os.kill(self.pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(self.line, timeout) from None
            return subprocess.CompletedProcess(self.line, code, *(path.read_text() for path in self.said))


def run_warm(*line, env=None, timeout=280):
    """The command to its end."""
    return Warm(*line, env=env).wait(timeout)


def run_plain(*line, env=None, timeout=280):
    """The same in a process that imports all for itself, as a person starts it."""
    return subprocess.run(
        [sys.executable, *map(str, line)], cwd=HERE, capture_output=True, text=True, timeout=timeout,
        env=os.environ | (env or {}), check=False,
    )  # fmt: skip


@cache
def _server():
    """The socket of the server that pytest started for all its workers, or of this process's own."""
    if address := os.environ.get(ADDRESS):
        until = time.monotonic() + 280
        while not Path(address).exists():
            assert time.monotonic() < until, "no server of warm commands"
            time.sleep(0.1)
        return address
    address, process = start_server()
    assert process.stdout.readline() == b"ready\n"
    return address


def start_server():
    """Its socket, where it answers once it is ready, and its process, which ends with this one."""
    folder = tempfile.TemporaryDirectory(prefix="warm")
    address = f"{folder.name}/socket"
    # What torch reads when it is loaded (sums depend on the number of threads), and where imports leave files.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TMPDIR": folder.name}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.warm", address], cwd=HERE, env=environment, stdout=subprocess.PIPE
    )

    def end():
        process.terminate()
        process.communicate()
        folder.cleanup()

    atexit.register(end)
    return address, process


class _Server(ForkingMixIn, UnixStreamServer):
    max_children = 1000
    asker = os.getppid()

    def service_actions(self):
        super().service_actions()
        if os.getppid() != self.asker:  # gone without a word
            sys.exit()


class _Command(StreamRequestHandler):
    """Runs in a fork of the server: starts the command in another and says its process id, then its exit code."""

    def handle(self):
        wanted = json.loads(self.rfile.readline())
        pid = os.fork()
        if not pid:
            os._exit(_run_to_the_end(**wanted))
        self.wfile.write(f"{pid}\n".encode())
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        with suppress(BrokenPipeError):  # nobody waited so long
            self.wfile.write(f"{code}\n".encode())


def _run_to_the_end(line, env, said):
    os.environ.clear()
    os.environ.update(env)
    sys.path[1:1] = [place for place in env.get("PYTHONPATH", "").split(os.pathsep) if place and place not in sys.path]
    tempfile.tempdir = None
    for path, descriptor in zip(said, (1, 2), strict=True):
        file = os.open(path, os.O_WRONLY | os.O_CREAT)
        os.dup2(file, descriptor)
    code = _exit_code_of(line)
    threading._shutdown()  # what waits for its end is told, then waited for, as in any process
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _exit_code_of(line):
    try:
        if line[0] == "-m":
            sys.argv = line[1:]
            runpy.run_module(line[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = line
            runpy.run_path(line[0], run_name="__main__")
    except SystemExit as stop:
        if stop.code is None or isinstance(stop.code, int):
            return stop.code or 0
        print(stop.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    for library in LIBRARIES:
        import_module(library)
    gc.freeze()  # forks then copy less
    with _Server(sys.argv[1], _Command) as server:
        print("ready", flush=True)
        server.serve_forever()
