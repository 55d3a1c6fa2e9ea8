"""The LiteRT interpreter, which says nothing while it is made."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from ai_edge_litert.interpreter import Interpreter

from export.flatbuffer import FileError


def interpreter_of(data: bytes, threads: int, *, keep_all: bool = False) -> Interpreter:
    """A LiteRT interpreter, ready to run, that says nothing while it is made.

    Args:
        data: a file's bytes.
        threads: it computes with.
        keep_all: every tensor can be read after a run, not only the outputs.

    Raises FileError when the runtime does not take the bytes.

    """
    with quiet_stderr(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            interpreter = Interpreter(
                model_content=data, num_threads=threads, experimental_preserve_all_tensors=keep_all
            )
            interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise FileError(f"the runtime does not load it ({' '.join(str(error).split())})") from None
    return interpreter


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """The runtime's C++ side writes to the process's stderr itself."""
    sys.stderr.flush()
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
