"""Between the requests and the processes that grade: who waits, who is refused, what is counted and watched."""

import asyncio
import sys
import threading
import time
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from station.drift import Watch, said
from station.joining import Device, joined
from station.photo_grader import PhotoGrader
from station.workers import Photo, Refused, Workers
from web.kept_answers import CorrectionError, KeptAnswers, Said
from web.station_metrics import StationMetrics
from web.station_upload import Upload

FINISH_S = 1.3
"""For what is being graded when the server is stopped."""


class Full(Exception):  # noqa: N818  an answer
    """More photos than the queue takes; the message is one line."""


class Stopping(Exception):  # noqa: N818
    """The server was stopped before there was an answer."""


@dataclass(frozen=True)
class Served:
    """A model."""

    by: PhotoGrader
    sha256: str
    """Of the file whose weights grade."""
    join: str
    watch: Watch

    def folder(self, name: str) -> str:
        """Of its answers; those of another file are in another."""
        return f"{name}-{self.sha256[:8]}"

    def joined(self, name: str, results: Sequence[Mapping[str, Any]]) -> Device:
        """A device's photos together."""
        return joined(name, results, self.join, self.by.rules, self.by.labels, self.by.grid)


class Desk:
    """Of one server.

    Args:
        models: by name.
        workers: that grade.
        places: photos that wait or are graded at a time.
        kept: where photos and answers stay, None where they do not.

    """

    def __init__(
        self, models: Mapping[str, Served], workers: Workers, places: int, kept: KeptAnswers | None = None
    ) -> None:
        self.models, self.workers, self.places, self.kept = models, workers, places, kept
        self.taken = 0
        self.metrics = StationMetrics(lambda: self.taken)
        self._threads = ThreadPoolExecutor(places, "grading")
        self._watching = threading.Lock()
        self._stopped: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @contextmanager
    def place(self, count: int = 1) -> Iterator[None]:
        """Keeps places for so many photos. Raises Full."""
        if self.taken + count > self.places:
            raise Full(f"{self.taken} photos wait already, of {self.places} at most; ask again in a moment")
        self.taken += count
        try:
            yield
        finally:
            self.taken -= count

    async def grade(self, model: str, upload: Upload, device: str | None = None) -> dict[str, Any]:
        """One photo, in a process; `kept` in it is what it is called where answers stay. Raises Refused."""
        photo = Photo(model, upload.name, upload.data, upload.corners)
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._threads, self.workers.grade, photo, time.monotonic())
        except Refused as refused:
            self.metrics.photos.labels(model, refused.fault.value).inc()
            raise
        self.metrics.photo(model, found)
        if self.kept is not None:
            found["kept"] = await asyncio.to_thread(self._keep, model, upload, found, device)
        return found

    def _keep(self, model: str, upload: Upload, found: Mapping[str, Any], device: str | None) -> str | None:
        """An answer is given whether or not it can be kept."""
        if self.kept is None:
            return None
        try:
            return self.kept.keep(self.models[model].folder(model), upload.data, found, device)
        except OSError as error:
            print(f"keep={self.kept.folder}: {error.strerror}; an answer is not kept", file=sys.stderr, flush=True)
            return None

    async def correct(self, model: str, said: Said) -> int:
        """What a person says to an answer that was kept; how many cells differ from it. Raises CorrectionError."""
        if self.kept is None:
            raise CorrectionError("this station keeps no answers; begin it with keep=<folder>", known=False)
        served = self.models[model]
        return await asyncio.to_thread(self.kept.say, served.folder(model), said, served.by.labels)

    async def device(self, model: str, name: str, uploads: Sequence[Upload]) -> tuple[Device, dict[str, Any]]:
        """The photos of one device, joined, and the answer. Raises Refused where none of them is graded."""
        answers = await asyncio.gather(*(self.grade(model, one, name) for one in uploads), return_exceptions=True)
        for one in answers:
            if isinstance(one, BaseException) and not isinstance(one, Refused):
                raise one
        results = [one for one in answers if isinstance(one, dict)]
        refused = [
            {"photo": upload.name, "fault": one.fault.value, "why": str(one)}
            for upload, one in zip(uploads, answers, strict=True)
            if isinstance(one, Refused)
        ]
        if not results:
            first = next(one for one in answers if isinstance(one, Refused))
            raise Refused(first.fault, f"none of {len(uploads)} photos is graded; {uploads[0].name}: {first}")
        served = self.models[model]
        found = served.joined(name, results)
        return found, _device_answer(found, served.by) | {"refused": refused, "results": results}

    async def observe(self, model: str, seen: Device | Mapping[str, Any]) -> None:
        """Counts a device, or a photo that is one by itself, and holds a full window against the reference."""
        await asyncio.to_thread(self._observe, model, seen)

    def _observe(self, model: str, seen: Device | Mapping[str, Any]) -> None:
        served, watch = self.models[model], self.models[model].watch
        device = seen if isinstance(seen, Device) else served.joined(str(seen["photo"]), [seen])
        self.metrics.device(model, device)
        with self._watching:
            before = watch.done
            changed = watch.add(device)
            if watch.done > before:
                self.metrics.window(model, watch.last)
        if changed:
            print(f"drift: {model}, window {watch.done}: {'; '.join(map(said, changed))}", file=sys.stderr, flush=True)

    async def unless_stopped[T](self, work: Awaitable[T]) -> T:
        """The work's result, or Stopping once the server is stopped and FINISH_S have passed."""
        if self._stopped is None:
            self._stopped, self._loop = asyncio.Event(), asyncio.get_running_loop()
        task = asyncio.ensure_future(work)
        stop = asyncio.ensure_future(self._stopped.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                await asyncio.wait({task}, timeout=FINISH_S)
            if not task.done():
                raise Stopping("this server is being stopped: ask again when it is back")
            return task.result()
        finally:
            stop.cancel()
            task.cancel()

    def stop(self) -> None:
        """For a signal's handler: what is not answered in FINISH_S is refused."""
        if self._loop is not None and self._stopped is not None:
            self._loop.call_soon_threadsafe(self._stopped.set)


def _device_answer(found: Device, by: PhotoGrader) -> dict[str, Any]:
    """As the tables of a folder have it; rows and columns are those of the first photo."""
    columns = by.grid.columns
    return {
        "device": found.name, "grade": found.grade, "reason": found.reason, "photos": found.photos, "turned": found.turned,
        "confidence": round(found.confidence, 4), "lowest": round(found.lowest, 4),
        "agreement": None if found.agreement is None else round(found.agreement, 4), "doubt": round(found.doubt, 4),
        "ask": None if found.asks is None else found.asked, "unknown": None if found.unknown is None else found.strange,
        "cells": [{"row": at // columns, "col": at % columns, "label": by.labels[grade], "grade": int(grade),
                   "ask": None if found.asks is None else bool(found.asks[at]),
                   "unknown": None if found.unknown is None else bool(found.unknown[at])}
                  for at, grade in enumerate(np.asarray(found.grades))],
    }  # fmt: skip
