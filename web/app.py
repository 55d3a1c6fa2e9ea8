"""The app: pages and files for a phone, timings and grades back. Everything wants the token."""

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Protocol

from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.staticfiles import StaticFiles

from export.latency.result import Entry, entry, times_of
from export.outline.network_file import FILE
from sweeps.record import one_line

HERE = Path(__file__).parent
MODULES = HERE / "phone" / "node_modules" / "@litertjs"
MOST_BYTES = 2_000_000
"""Of a request; a page sends figures, never pictures."""
COOKIE = "gridlite-token-{scheme}-{port}"
"""Of two apps on one machine each keeps its own: cookies know hosts, not ports, and HTTP cannot replace HTTPS's."""
IMPORTMAP = re.search(
    r'<script type="importmap">(.*?)</script>', (HERE / "pages" / "bench.html").read_text(), re.DOTALL
)
assert IMPORTMAP
MAP_HASH = base64.b64encode(hashlib.sha256(IMPORTMAP[1].encode()).digest()).decode()
"""The one script that stands within the pages: where the runtime's modules are."""
HEADERS = {
    # threads in WebAssembly want a page that nothing foreign can reach into
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'wasm-unsafe-eval' "
    f"'sha256-{MAP_HASH}'; style-src 'self'; "
    "img-src 'self' blob: data:; media-src 'self' blob:; worker-src 'self' blob:; object-src 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

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


class Done(BaseModel, extra="forbid"):
    """A page that measured by itself."""

    failed: Annotated[list[Annotated[str, Field(max_length=500)]], Field(max_length=100)] = []


class Score(Where):
    """The device's grades of all val cells, in the order in which they were sent."""

    grades: Annotated[list[Annotated[int, Field(ge=0, le=1000)]], Field(min_length=1, max_length=200_000)]


class Served(Protocol):
    """What the app asks of a file; see `shelf.ShelfFile`."""

    @property
    def data(self) -> bytes:
        """The file's bytes."""

    def about(self) -> dict[str, Any]:
        """What the pages show."""

    def cells(self, first: int, count: int) -> bytes:
        """Some val cells, raw RGB."""

    def keep_timing(self, entry: Entry) -> None:
        """Takes a timing."""

    def score(self, where: Entry, grades: Iterable[int]) -> dict[str, Any]:
        """Takes grades of all val cells."""


def create_app(
    shelf: Sequence[Served],
    token: str,
    *,
    version: str,
    rules: Sequence[Mapping[str, Any]] = (),
    when_done: Callable[[list[str]], None] | None = None,
) -> FastAPI:
    """The app for these files.

    Args:
        shelf: nothing else of the runs is handed out.
        token: every address but the first wants it, as `?token=` once and as a cookie from then on.
        version: of the runtime that the pages use, for the records.
        rules: from the grades of a device's cells to the device's, see conf/rules.
        when_done: called when a page that measures by itself has finished, with what went wrong.

    """
    app = FastAPI(title="gridlite", docs_url=None, redoc_url=None, openapi_url=None)

    def known(number: int) -> Served:
        if not 0 <= number < len(shelf):
            raise HTTPException(404, f"there are {len(shelf)} files, not {number}")
        return shelf[number]

    File = Annotated[Served, Depends(known)]  # noqa: N806  a type

    def must_be(file: Served, measured: Where) -> None:
        if file.about()["sha256"] != measured.sha256:
            raise HTTPException(409, "this file has been exported again since the page was opened: reload it")

    _guard(app, token)
    _explain(app)

    @app.get("/api/files")
    def files() -> Response:
        found = []
        for number, file in enumerate(shelf):
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

    @app.get("/api/rules")
    def device_rules() -> JSONResponse:
        return JSONResponse(list(rules))

    @app.get("/api/outline.tflite")
    def outline() -> Response:
        if not FILE.exists():
            raise HTTPException(404, "there is no network that finds phones yet: python -m export.outline trains it")
        return Response(FILE.read_bytes(), media_type="application/octet-stream")

    @app.post("/api/done")
    def done(told: Done) -> JSONResponse:
        if when_done is not None:
            when_done(told.failed)
        return JSONResponse({})

    for name in ("", "bench", "live", "grade"):
        page = HERE / "pages" / f"{name or 'bench'}.html"
        app.get(f"/{name}")(_page(page))

    @app.get("/offline.js")
    def offline() -> FileResponse:
        return FileResponse(HERE / "pages" / "offline.js")

    app.mount("/static", StaticFiles(directory=HERE / "pages"), "static")
    if MODULES.is_dir():
        app.mount("/litert", StaticFiles(directory=MODULES), "litert")
    return app


def _guard(app: FastAPI, token: str) -> None:
    """Lets in who has the token, with requests of a page's size, and sends HEADERS with every answer."""

    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        cookie = COOKIE.format(scheme=request.url.scheme, port=request.url.port or "")
        answer: Response
        given = request.query_params.get("token") or request.cookies.get(cookie) or ""
        if not secrets.compare_digest(given.encode(), token.encode()):
            answer = _stranger(request)
        elif (
            "transfer-encoding" in request.headers
            or int(request.headers.get("content-length") or 0) > MOST_BYTES
            or (request.method == "POST" and "content-length" not in request.headers)
        ):
            answer = JSONResponse({"error": f"at most {MOST_BYTES} bytes"}, 413)
        else:
            try:
                answer = await call_next(request)
            except Exception as error:  # a run that was removed, a record that was damaged: say so, stay up
                answer = JSONResponse({"error": one_line(error)}, 500)
            if request.query_params.get("token"):
                https = request.url.scheme == "https"
                answer.set_cookie(cookie, token, httponly=True, samesite="strict", secure=https)
        answer.headers.update(HEADERS)
        answer.headers.setdefault("Cache-Control", "no-cache")  # else an old page measures with a new runtime's name
        return answer


def _stranger(request: Request) -> Response:
    """A page for a person, one line for a page's parts."""
    text = "open the address with the token that make phone printed"
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"error": text}, 401)
    page = f"""<!doctype html><meta name="viewport" content="width=device-width"><title>gridlite</title>
<p>gridlite was started again since, or this address lacks its token.</p><p>Please {text}, or scan its code.</p>"""
    return Response(page, 401, media_type="text/html")


def _explain(app: FastAPI) -> None:
    """Answers every refusal with one line under `error`."""

    @app.exception_handler(RequestValidationError)
    async def wrong(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "body")
        return JSONResponse({"error": f"{where}: {first['msg']}" if where else str(first["msg"])}, 422)

    @app.exception_handler(StarletteHTTPException)
    async def refused(_: Request, error: StarletteHTTPException) -> JSONResponse:
        return JSONResponse({"error": str(error.detail)}, error.status_code)


def _page(path: Path) -> Callable[[], FileResponse]:
    return lambda: FileResponse(path, headers={"Cache-Control": "no-cache"})
