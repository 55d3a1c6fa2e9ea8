"""Photos that came over the network, graded in processes: one that breaks its process, or takes too long, costs itself alone."""

import os
import queue
import signal
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any, NamedTuple

from cli.signals import end_with_parent
from datamodules.base.errors import DataError
from datamodules.base.processes import fresh_processes
from datamodules.images.decoding import TooManyPixelsError, decode_bytes
from datamodules.screens.outline import OutlineError
from station.device_grade import GradingError
from station.grading_processes import DIED
from station.photo_grader import PhotoGrader
from station.setup import Setup

HEIC = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
"""What a HEIC file says in its bytes 8 to 12."""


class Fault(Enum):
    """Why there is no grade."""

    TOO_LARGE = "too large"
    NO_IMAGE = "no image"
    NOT_GRADED = "no phone that can be graded"
    BUSY = "not begun in time"
    TOO_SLOW = "not done in time"
    BROKEN = "no process to grade it"


class Refused(Exception):  # noqa: N818  an answer
    """A photo without a grade."""

    def __init__(self, fault: Fault, why: str) -> None:
        super().__init__(fault, why)
        self.fault, self.why = fault, " ".join(why.split())

    def __str__(self) -> str:
        """One line."""
        return self.why


@dataclass(frozen=True)
class Photo:
    """One to be graded."""

    model: str
    name: str
    """In the answer."""
    data: bytes
    """Of the image file."""
    corners: tuple[float, ...] | None
    """None finds them."""


class Model(NamedTuple):
    """What each process grades by."""

    setup: Setup
    digest: str
    """`PhotoGrader.digest` when the server began: a file that was replaced since is not used."""


class Workers:
    """As many processes as photos are graded at a time.

    Args:
        models: by name.
        count: of processes.
        seconds: for a photo, and for the wait before it.
        most_pixels: of a photo, width by height.

    """

    def __init__(self, models: Mapping[str, Model], count: int, seconds: float, most_pixels: int) -> None:
        self.count, self.seconds = count, seconds
        begin = partial(_begin, dict(models), most_pixels, os.getpid())
        self._idle: queue.Queue[_Worker] = queue.Queue()
        for worker in [_Worker(begin) for _ in range(count)]:
            worker.start()
            self._idle.put(worker)

    def grade(self, photo: Photo, asked_at: float) -> dict[str, Any]:
        """What `PhotoGrader.grade` says of it; waits, so call it in a thread. Raises Refused.

        `asked_at` is `time.monotonic()` when the photo came.
        """
        try:
            worker = self._idle.get(timeout=max(0.0, asked_at + self.seconds - time.monotonic()))
        except queue.Empty:
            raise Refused(
                Fault.BUSY, f"more photos than this station grades: not begun within {self.seconds:g} s"
            ) from None
        try:
            answer = worker.ask(photo, self.seconds)
        finally:
            self._idle.put(worker)
        if isinstance(answer, Refused):
            raise answer
        return answer

    def close(self) -> None:
        """Ends the processes that are idle; the others end with this one."""
        while not self._idle.empty():
            self._idle.get_nowait().kill()


class _Worker:
    """One process, begun again when it has died."""

    def __init__(self, begin: Callable[[], None]) -> None:
        self._begin = begin
        self._pool = fresh_processes(1, begin)
        self._started = self._pool.submit(os.getpid)

    def start(self) -> None:
        """Waits until it has its networks. Raises Refused where it cannot have them."""
        try:
            self._started.result()
        except BrokenProcessPool:
            self._again()
            why = "a model's file was changed since this server began, or memory is full"
            raise Refused(Fault.BROKEN, f"the process that grades cannot begin: {why}") from None

    def ask(self, photo: Photo, seconds: float) -> "dict[str, Any] | Refused":
        """The answer. Raises Refused where there is no process."""
        self.start()
        try:
            return self._pool.submit(_grade, photo).result(timeout=seconds)
        except TimeoutError:
            self.kill()
            self._again()
            return Refused(Fault.TOO_SLOW, f"not graded within {seconds:g} s")
        except BrokenProcessPool:
            self._again()
            return Refused(Fault.NO_IMAGE, DIED)

    def _again(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = fresh_processes(1, self._begin)
        self._started = self._pool.submit(os.getpid)

    def kill(self) -> None:
        """Ends the process at whatever it is."""
        with suppress(ProcessLookupError, BrokenProcessPool, CancelledError):
            os.kill(self._started.result(), signal.SIGKILL)
        self._pool.shutdown(wait=False, cancel_futures=True)


_here: dict[str, PhotoGrader] = {}
_most_pixels: list[int] = []


def _begin(models: Mapping[str, Model], most_pixels: int, parent: int) -> None:
    """Once in each process; signals are the parent's to answer, who waits for what is being graded."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported, where a checkpoint grades
    end_with_parent(parent)
    import cv2

    cv2.setNumThreads(1)
    _most_pixels.append(most_pixels)
    for name, model in models.items():
        by = model.setup.grader(threads=1)
        if by.digest != model.digest:
            raise GradingError(f"{model.setup.network}: was changed since the server began")
        by.load()
        _here[name] = by


def _grade(photo: Photo) -> dict[str, Any] | Refused:
    try:
        return grade_bytes(photo, _here[photo.model], _most_pixels[0])
    except Refused as refused:
        return refused


def grade_bytes(photo: Photo, by: PhotoGrader, most_pixels: int) -> dict[str, Any]:
    """What `PhotoGrader.grade` says of an image file's bytes. Raises Refused."""
    if photo.data[4:8] == b"ftyp" and photo.data[8:12] in HEIC:
        raise Refused(Fault.NO_IMAGE, "HEIC is not read: save it as JPEG")
    try:
        pixels = decode_bytes(photo.data, photo.name, most_pixels)
    except DataError as error:
        fault = Fault.TOO_LARGE if isinstance(error, TooManyPixelsError) else Fault.NO_IMAGE
        raise Refused(fault, str(error).removeprefix(f"{photo.name}: ")) from None
    try:
        return by.grade(photo.name, pixels, photo.corners).found
    except (OutlineError, GradingError) as error:
        raise Refused(Fault.NOT_GRADED, str(error)) from None
