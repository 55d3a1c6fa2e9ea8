"""Ctrl-C and SIGTERM: a command ends within seconds, whatever it is at, with 130 or 143; what it began can be gone on with."""

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE_S = 2.0
"""For what a command has to close; after that it is ended."""
WATCH_S = 1.0

_seen: list[int] = []


def answer_signals() -> None:
    """From here on either signal raises KeyboardInterrupt in the main thread; GRACE_S later the process ends with its children.

    A thread keeps the time, for a long call into a library answers no signal.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(read,), daemon=True).start()
    for number in SIGNALS:
        signal.signal(number, _interrupt)


def stopped_by() -> int | None:
    """The exit code of the signal that came, 130 or 143; None where none has come."""
    return 128 + _seen[0] if _seen else None


def _interrupt(number: int, _: FrameType | None) -> None:
    if not _seen:
        _seen.append(number)
        raise KeyboardInterrupt


def _watch(pipe: int) -> None:
    while True:
        for number in os.read(pipe, 64):
            if number in SIGNALS:
                time.sleep(GRACE_S)
                with suppress(OSError, ValueError):
                    print("stopped", file=sys.stderr, flush=True)
                end_at_once(128 + number)


def end_at_once(code: int) -> None:
    """Ends this process and all that it has started."""
    import psutil

    with suppress(psutil.Error):
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                child.kill()
    os._exit(code)


def end_with_parent(parent: int) -> None:
    """A worker ends, with all that it has started, within seconds of the process that it works for."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_S)
        end_at_once(1)

    threading.Thread(target=watch, daemon=True).start()
