"""The app: pages and files for a phone, timings and grades back. Everything wants the token."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Protocol

from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel, Field
from starlette.staticfiles import StaticFiles

from export.latency.result import Entry, entry, times_of
from export.outline.network_file import FILE
from sweeps.records.run_record import RecordError, one_line
from web.access import PAGES, explain, guard, page_of

HERE = Path(__file__).parent
MODULES = HERE / "phone" / "node_modules" / "@litertjs"
Word = Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f<>]*$")]
Ms = Annotated[float, Field(gt=0, lt=1e6, allow_inf_nan=False)]


class Where(BaseModel, extra="forbid"):
    """What measured: told by the page."""

    device: Word
    processor: Annotated[str, Field(max_length=120)] = ""
    os: Word
    browser: Word
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """Of the file that was measured: it may have been exported again since the page was opened."""
    delegate: Annotated[str, Field(pattern="^(wasm|webgpu)$")]
    threads: Annotated[int, Field(ge=1, le=64)]


class Timing(Where):
    """A file's times on the device."""

    warmup_runs: Annotated[int, Field(ge=0, le=10_000)]
    times_ms: Annotated[list[Ms], Field(min_length=1, max_length=10_000)]
    initialisation_ms: Ms


Lines = Annotated[list[Annotated[str, Field(max_length=500)]], Field(max_length=100)]


class Done(BaseModel, extra="forbid"):
    """A page that measured by itself."""

    failed: Lines = []
    refused: Lines = []


class Score(Where):
    """The device's grades of all val cells, in the order in which they were sent."""

    grades: Annotated[list[Annotated[int, Field(ge=0, le=1000)]], Field(min_length=1, max_length=200_000)]


class Served(Protocol):
    """What the app asks of a file; see `served_files.ServedFile`."""

    @property
    def data(self) -> bytes:
        """The file's bytes."""

    @property
    def view(self) -> Path:
        """The module by which the pages read and show its answers."""

    def about(self) -> dict[str, Any]:
        """What the pages show."""

    def cells(self, first: int, count: int) -> bytes:
        """Some val cells, raw RGB."""

    def keep_timing(self, entry: Entry) -> None:
        """Enters a timing that a browser has sent into the record."""

    def score(self, where: Entry, grades: Iterable[int]) -> dict[str, Any]:
        """Takes grades of all val cells."""


def create_app(
    served_files: Sequence[Served],
    token: str,
    *,
    version: str,
    when_done: Callable[[list[str], list[str]], None] | None = None,
) -> FastAPI:
    """The app for these files.

    Args:
        served_files: nothing else of the runs is handed out.
        token: every address but the first wants it, as `?token=` once and as a cookie from then on.
        version: of the runtime that the pages use, for the records.
        when_done: called when a page that measures by itself has finished, with what went wrong and what a graphics chip refused.

    """
    app = FastAPI(title="gridlite", docs_url=None, redoc_url=None, openapi_url=None)

    def known(number: int) -> Served:
        if not 0 <= number < len(served_files):
            raise HTTPException(404, f"there are {len(served_files)} files, not {number}")
        return served_files[number]

    File = Annotated[Served, Depends(known)]  # noqa: N806  a type

    def must_be(file: Served, measured: Where) -> None:
        if file.about()["sha256"] != measured.sha256:
            raise HTTPException(409, "this file has been exported again since the page was opened: reload it")

    guard(app, token, "make phone")
    explain(app)

    @app.exception_handler(RecordError)
    async def changed(_: Request, error: RecordError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 409)

    @app.get("/api/files")
    def files() -> Response:
        found = []
        for number, file in enumerate(served_files):
            try:
                found.append({"id": number, **file.about()})
            except (ValueError, OSError, KeyError):  # the run was removed, or its file not made again
                continue
        return Response(json.dumps(found), media_type="application/json", headers={"Cache-Control": "no-store"})

    @app.get("/api/files/{number}/model.tflite")
    def model(file: File, sha256: str | None = None) -> Response:
        if sha256 is not None and sha256 != file.about()["sha256"]:
            raise HTTPException(409, "this file has been exported again since the page was opened: reload it")
        return Response(file.data, media_type="application/octet-stream")

    @app.get("/api/files/{number}/view.js")
    def view(file: File) -> FileResponse:
        return FileResponse(file.view, media_type="text/javascript")

    @app.get("/api/files/{number}/cells")
    def cells(
        file: File, first: Annotated[int, Query(ge=0)] = 0, count: Annotated[int, Query(ge=1, le=256)] = 64
    ) -> Response:
        try:
            return Response(file.cells(first, count), media_type="application/octet-stream")
        except (ValueError, OSError) as error:
            raise HTTPException(409, one_line(error)) from None

    @app.post("/api/files/{number}/latency")
    def latency(file: File, timing: Timing) -> JSONResponse:
        import numpy as np

        must_be(file, timing)
        found = entry(
            device=timing.device, processor=timing.processor, os=timing.os,
            runtime=f"LiteRT.js {version}, {timing.browser}", delegate=timing.delegate, threads=timing.threads,
            warmup_runs=timing.warmup_runs, runs=len(timing.times_ms), times=times_of(np.array(timing.times_ms)),
            initialisation_ms=timing.initialisation_ms,
        )  # fmt: skip
        file.keep_timing(found)
        return JSONResponse(found)

    @app.post("/api/files/{number}/score")
    def score(file: File, answers: Score) -> JSONResponse:
        must_be(file, answers)
        where = answers.model_dump(exclude={"grades", "browser", "sha256"})
        try:
            return JSONResponse(
                file.score(where | {"runtime": f"LiteRT.js {version}, {answers.browser}"}, answers.grades)
            )
        except (ValueError, OSError) as error:
            raise HTTPException(422, one_line(error)) from None

    @app.get("/api/outline.tflite")
    def outline() -> Response:
        if not FILE.exists():
            raise HTTPException(404, "there is no network that finds phones yet: python -m export.outline trains it")
        return Response(FILE.read_bytes(), media_type="application/octet-stream")

    @app.post("/api/done")
    def done(told: Done) -> JSONResponse:
        if when_done is not None:
            when_done(told.failed, told.refused)
        return JSONResponse({})

    for name in ("", "bench", "live", "grade"):
        page = PAGES / f"{name or 'bench'}.html"
        app.get(f"/{name}")(page_of(page))

    @app.get("/offline.js")
    def offline() -> FileResponse:
        return FileResponse(PAGES / "offline.js")

    app.mount("/static", StaticFiles(directory=PAGES), "static")
    if MODULES.is_dir():
        app.mount("/litert", StaticFiles(directory=MODULES), "litert")
    return app
