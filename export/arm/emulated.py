"""The guest at work: a process that has loaded a file and answers picture by picture."""

import json
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from export.arm import inside
from export.arm.guest import Guest
from export.check import CheckError


class Emulated:
    """A guest that has loaded a file.

    Args:
        to, by: the streams by which it is asked and answers.

    Attributes:
        about: what it says of itself: machine, runtime, delegate, python.

    """

    def __init__(self, to: IO[bytes], by: IO[bytes], data: bytes, rule: dict[str, Any]) -> None:
        self.to, self.by = to, by
        inside.put(to, rule=json.dumps(rule).encode(), file=data)
        self.about: dict[str, Any] = json.loads(inside.get(by)["about"].tobytes())

    @classmethod
    @contextmanager
    def started(
        cls, guest: Guest, cpu: str, data: bytes, rule: dict[str, Any], timeout_s: float
    ) -> "Iterator[Emulated]":
        """Starts it, and ends it whatever happens.

        Args:
            guest: the folder.
            cpu: that is emulated.
            data: the file.
            rule: see `inside.Comparison`.
            timeout_s: until it is ended.

        Raises CheckError where it dies or takes too long.

        """
        late = threading.Event()
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(
                guest.command(cpu, inside.__file__), env=guest.environment,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said,
            )  # fmt: skip
            assert process.stdin is not None
            assert process.stdout is not None

            def stop() -> None:
                late.set()
                process.kill()

            timer = threading.Timer(timeout_s, stop)
            timer.start()
            try:
                yield cls(process.stdin, process.stdout, data, rule)
            except (EOFError, BrokenPipeError):
                code = process.wait()
                if late.is_set():
                    raise CheckError(f"not through within check.arm.timeout_s={timeout_s:g}") from None
                said.seek(0)
                lines = said.read().decode(errors="replace").split("\n")
                last = next((line.strip() for line in reversed(lines) if line.strip()), "nothing")
                raise CheckError(f"the guest ended with {code} and said: {last}") from None
            finally:
                timer.cancel()
                process.kill()
                process.communicate()

    def beside(self, run: Callable[..., inside.Arrays]) -> Callable[..., inside.Arrays]:
        """The guest's answer in the place of that of `run`, which is sent along to be held against it there."""

        def both(image: npt.NDArray[np.float32]) -> inside.Arrays:
            inside.put(self.to, image=image, **run(image))
            return inside.get(self.by)

        return both

    def end(self) -> dict[str, Any]:
        """What the guest found, once it has seen all pictures; see `inside.Comparison.found`."""
        inside.put(self.to)
        found: dict[str, Any] = json.loads(inside.get(self.by)["found"].tobytes())
        return found
