"""Machines of a cluster on this one: each has a host's name and process numbers of its own, and can be switched off."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

LIMIT_S = 60


def needs(*programs: str) -> None:
    """Skips where a program is not installed, or where this process may make no machines."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for host names of its own (unshare)")
    for name in ("unshare", *programs):
        if shutil.which(name) is None:
            pytest.skip(f"needs {name} (.ci/run installs it)")
    if subprocess.run(["unshare", "--uts", "--pid", "--fork", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody have host names of its own (unshare)")


def free_ports(count: int) -> list[int]:
    """So many that nobody listens on now."""
    found = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in found]
    for one in found:
        one.close()
    return ports


class Machine:
    """A command under a host's name, the first process of which ends all others with it."""

    def __init__(self, name: str, command: str, log: Path) -> None:
        self.log = log
        line = ["unshare", "--uts", "--pid", "--fork", "--mount-proc", "--kill-child=KILL"]
        with log.open("w") as out:
            # a shell as the first process, for somebody has to ask for the ends of orphans
            self.process = subprocess.Popen(
                [*line, "bash", "-c", f"hostname {name}; {command} & wait"], stdout=out, stderr=subprocess.STDOUT
            )

    def switch_off(self) -> None:
        """As a lost mains."""
        self.process.kill()
        self.process.wait()


def wait_for(what: Callable[[], bool], machines: list[Machine], seconds: float = LIMIT_S) -> None:
    """Until it holds. Fails with what the machines say."""
    ends = time.monotonic() + seconds
    while not what():
        if time.monotonic() > ends:
            said = "\n".join(one.log.read_text()[-1500:] for one in machines)
            pytest.fail(f"not within {seconds} s:\n{said}")
        time.sleep(0.3)
