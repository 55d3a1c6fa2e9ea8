"""A file from elsewhere run once in a process of its own: the LiteRT runtime trusts what a file says, and a crafted one ends it.

`python -m export.trial` reads the file from stdin and answers 0, or 1 with one line on stdout.
"""

import resource
import subprocess
import sys

from choices import ROOT
from export.flatbuffer import FileError

LONGEST_S = 30.0
MOST_MEMORY = 4_000_000_000
"""Bytes of address space: such files want a hundredth."""


def try_out(data: bytes) -> None:
    """Loads a file and runs it on a black picture. Raises FileError where that fails, or ends the process that does it."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "export.trial"], cwd=ROOT, input=data, capture_output=True, timeout=LONGEST_S, check=False
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise FileError(f"the runtime does not come to an end with it within {LONGEST_S:g} s") from None
    if done.returncode < 0:
        raise FileError(f"damaged or crafted: the runtime crashes on it (signal {-done.returncode})")
    if done.returncode:
        raise FileError(done.stdout.decode(errors="replace").strip() or "the runtime does not run it")


def main() -> None:
    """Answers for the file on stdin."""
    import numpy as np

    from export.interpreter import interpreter_of

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    try:
        interpreter = interpreter_of(sys.stdin.buffer.read(), 1)
        for given in interpreter.get_input_details():
            interpreter.set_tensor(given["index"], np.zeros(given["shape"], given["dtype"]))
        interpreter.invoke()
        for answer in interpreter.get_output_details():
            interpreter.get_tensor(answer["index"])
    except (FileError, RuntimeError, ValueError, LookupError, TypeError, MemoryError) as error:
        print(" ".join(str(error).split()) or "it wants more memory than there is")
        sys.exit(1)


if __name__ == "__main__":
    main()
