"""Photos graded side by side: processes with an interpreter each, one more start for what a process died of."""

import os
import signal
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from cli.machine import cores
from cli.signals import end_with_parent
from datamodules.base.errors import DataError
from datamodules.base.processes import fresh_processes
from datamodules.images.decoding import decode
from datamodules.screens.outline import OutlineError
from station.device_grade import GradingError
from station.photo_grader import PhotoGrader
from station.picture import draw_grades, draw_thumbnail
from station.setup import Setup
from storage.whole_file import replaced

Result = dict[str, Any]
AHEAD = 2
"""Photos that are handed to each process at a time."""
DIED = "ended the process that graded it: broken on purpose, or more than this machine's memory holds"


@dataclass(frozen=True)
class PhotoJob:
    """One photo."""

    name: str
    path: Path
    corners: tuple[float, ...] | None
    """None finds them."""
    picture: Path
    """Of the photo with its cells coloured."""
    thumbnail: Path
    """The same, small."""


PHOTOS_A_PROCESS = 72
"""For fewer, another process costs more to start than it saves: some 12 s, and a tenth of a second a photo is saved (`make bench-station`)."""


def worth_starting(photos: int) -> int:
    """How many processes grade so many photos soonest: at most one for each core."""
    return max(1, min(cores(), photos // PHOTOS_A_PROCESS))


def graded(jobs: Sequence[PhotoJob], setup: Setup, by: PhotoGrader, count: int) -> Iterator[tuple[PhotoJob, Result]]:
    """Each photo with what `PhotoGrader.grade` gives, or with `refused` and why, as they come.

    Args:
        jobs: the photos.
        setup: for new processes.
        by: the same in this one, which is used where one process is asked for.
        count: of processes.

    Raises OSError where a picture cannot be written.

    """
    if min(count, len(jobs)) < 2:
        for job in jobs:
            yield job, result_of(job, by)
        return
    left = deque(jobs)
    while left:
        for job in (yield from _until_one_dies(left, setup, min(count, len(left)))):
            yield job, _alone(job, setup)


def _until_one_dies(
    left: deque[PhotoJob], setup: Setup, count: int
) -> Generator[tuple[PhotoJob, Result], None, list[PhotoJob]]:
    """Returns the photos among which is the one that a process died of; none where all are graded."""
    running: dict[Future[Result], PhotoJob] = {}
    pool = fresh_processes(count, partial(_begin, setup, os.getpid()))
    try:
        while left or running:
            while left and len(running) < AHEAD * count:
                one = pool.submit(_grade, left[0])  # which raises where a process has died meanwhile
                running[one] = left.popleft()
            for one in wait(running, return_when=FIRST_COMPLETED).done:
                found = one.result()
                yield running.pop(one), found
    except BrokenProcessPool:
        return list(running.values())
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return []


def _alone(job: PhotoJob, setup: Setup) -> Result:
    with fresh_processes(1, partial(_begin, setup, os.getpid())) as pool:
        try:
            return pool.submit(_grade, job).result()
        except BrokenProcessPool:
            return {"refused": DIED}


_here: list[PhotoGrader] = []


def _begin(setup: Setup, parent: int) -> None:
    """Once in each process: its own networks, a thread each; Ctrl-C is the parent's to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported, where a checkpoint grades
    end_with_parent(parent)
    import cv2

    cv2.setNumThreads(1)
    _here.append(setup.grader(threads=1))


def _grade(job: PhotoJob) -> Result:
    return result_of(job, _here[0])


def result_of(job: PhotoJob, by: PhotoGrader) -> Result:
    """Reads, grades and draws one photo. Raises OSError where a picture cannot be written."""
    try:
        pixels = decode(job.path)
        found, phone, marks = by.grade(job.name, pixels, job.corners)
    except (DataError, OutlineError, GradingError) as error:
        return {"refused": " ".join(str(error).removeprefix(f"{job.path}: ").split())}
    job.picture.parent.mkdir(parents=True, exist_ok=True)
    job.thumbnail.parent.mkdir(parents=True, exist_ok=True)
    with replaced(job.picture) as unfinished:
        draw_grades(pixels, found, by.labels, by.grid, marks).save(unfinished, "JPEG", quality=85)
    with replaced(job.thumbnail) as unfinished:
        draw_thumbnail(phone, found, by.labels, by.grid).save(unfinished, "JPEG", quality=80)
    return found
