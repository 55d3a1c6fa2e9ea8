"""The grading station over HTTP: photos in, JSON out. Everything but /healthz wants the token."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi import Path as InPath
from fastapi.responses import JSONResponse
from starlette.staticfiles import StaticFiles

from station.workers import Fault, Refused
from web.access import PAGES, explain, guard
from web.api_page import api_page
from web.kept_answers import CorrectionError, Said
from web.station_answers import GradedDevice, GradedPhoto
from web.station_desk import Desk, Full, Stopping
from web.station_upload import Upload, uploads_of

STATUS = {
    Fault.TOO_LARGE: 413, Fault.NO_IMAGE: 415, Fault.NOT_GRADED: 422, Fault.BUSY: 503, Fault.TOO_SLOW: 504, Fault.BROKEN: 503,
}  # fmt: skip
LATER = {"Retry-After": "1"}
PLAIN = r"^[^\x00-\x1f\x7f]*$"
Corners = Annotated[
    str | None,
    Query(
        max_length=300,
        description="x and y of four corners in pixels, clockwise from the start of the upper short side",
    ),
]
Name = Annotated[str | None, Query(max_length=200, pattern=PLAIN, description="what the answer calls the photo")]
Device = Annotated[str, InPath(max_length=200, pattern=PLAIN)]

_IMAGE = {"schema": {"type": "string", "format": "binary"}}
_FORM = {"type": "object", "properties": {"photo": {"type": "array", "items": _IMAGE["schema"]}, "corners": {"type": "array", "items": {"type": "string"}}}}  # fmt: skip
ONE = {"requestBody": {"required": True, "content": {"image/*": _IMAGE, "multipart/form-data": {"schema": _FORM}}}}
SEVERAL = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}, "image/*": _IMAGE}}}
REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"description": "no token, or another"},
    404: {"description": "no such model"},
    413: {"description": "more bytes, pixels or images than are read"},
    415: {"description": "no image that is read; HEIC among them"},
    422: {"description": "no phone found that can be trusted, too small, or wrong corners"},
    503: {"description": "the queue is full, or the station is being stopped"},
    504: {"description": "not graded in time"},
}
PHOTO: dict[int | str, dict[str, Any]] = {200: {"model": GradedPhoto, "description": "the photo's cells and grade"}, **REFUSALS}  # fmt: skip
DEVICE: dict[int | str, dict[str, Any]] = {200: {"model": GradedDevice, "description": "the device's, and each photo's"}, **REFUSALS}  # fmt: skip

UNKNOWN: dict[int | str, dict[str, Any]] = {
    401: {"description": "no token, or another"},
    404: {"description": "no such photo or model, or nothing is kept"},
    422: {"description": "no such cell or label"},
}


def create_station_app(desk: Desk, token: str, *, most_bytes: int, most_photos: int) -> FastAPI:
    """The app.

    Args:
        desk: what grades.
        token: as `Authorization: Bearer`, or as `?token=` once and as a cookie from then on.
        most_bytes: of a request.
        most_photos: of a device in one request.

    """
    about = (
        "Photos of phones in, grades out. Every request but /healthz wants the header Authorization: Bearer <token>."
    )
    app = FastAPI(title="gridlite station", version="1", description=about, docs_url=None, redoc_url=None)
    guard(app, token, "python -m station serve", most_bytes, open_to_all=("/healthz",))
    explain(app)
    _count(app, desk)

    @app.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> JSONResponse:
        status = STATUS[error.fault]
        return JSONResponse({"error": str(error)}, status, LATER if status == HTTPStatus.SERVICE_UNAVAILABLE else None)

    @app.exception_handler(Full)
    @app.exception_handler(Stopping)
    async def busy(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 503, LATER)

    def known(model: str) -> str:
        if model not in desk.models:
            raise HTTPException(404, f"{model!r:.60}: no such model; want one of {', '.join(desk.models)}")
        return model

    def only(_: Request) -> str:
        if len(desk.models) > 1:
            raise HTTPException(404, f"several models: want /models/<name>/…, of {', '.join(desk.models)}")
        return next(iter(desk.models))

    async def images(request: Request, name: str | None, corners: str | None, most: int) -> list[Upload]:
        body, kind = await request.body(), request.headers.get("content-type", "")
        return await asyncio.to_thread(uploads_of, body, kind, name, corners, most)

    async def one_photo(request: Request, model: str, photo: str | None, corners: str | None) -> dict[str, Any]:
        with desk.place():
            (upload,) = await images(request, photo, corners, 1)
            found = await desk.grade(model, upload)
        await desk.observe(model, found)
        return found

    async def one_device(request: Request, model: str, device: str) -> dict[str, Any]:
        with desk.place():
            uploads = await images(request, None, None, most_photos)
            with desk.place(len(uploads) - 1):
                found, answer = await desk.device(model, device, uploads)
        await desk.observe(model, found)
        return answer

    Only = Annotated[str, Depends(only)]  # noqa: N806  a type
    Model = Annotated[str, Depends(known)]  # noqa: N806

    @app.post("/grade", openapi_extra=ONE, responses=PHOTO, summary="Grade one photo")
    async def grade(request: Request, model: Only, photo: Name = None, corners: Corners = None) -> JSONResponse:
        return JSONResponse(await desk.unless_stopped(one_photo(request, model, photo, corners)))

    @app.post("/models/{model}/grade", openapi_extra=ONE, responses=PHOTO, summary="Grade one photo by this model")
    async def grade_by(request: Request, model: Model, photo: Name = None, corners: Corners = None) -> JSONResponse:
        return JSONResponse(await desk.unless_stopped(one_photo(request, model, photo, corners)))

    @app.post(
        "/devices/{device}/grade", openapi_extra=SEVERAL, responses=DEVICE, summary="Grade a device by its photos"
    )
    async def device(request: Request, model: Only, device: Device) -> JSONResponse:
        return JSONResponse(await desk.unless_stopped(one_device(request, model, device)))

    @app.post("/models/{model}/devices/{device}/grade", openapi_extra=SEVERAL, responses=DEVICE, summary="The same by this model")  # fmt: skip
    async def device_by(request: Request, model: Model, device: Device) -> JSONResponse:
        return JSONResponse(await desk.unless_stopped(one_device(request, model, device)))

    @app.exception_handler(CorrectionError)
    async def wrong(_: Request, error: CorrectionError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 422 if error.known else 404)

    @app.post("/corrections", responses=UNKNOWN, summary="Say what the cells of a photo show that was kept")
    async def corrections(said: Said, model: Only) -> dict[str, Any]:
        return {"photo": said.photo, "differ": await desk.correct(model, said)}

    @app.post("/models/{model}/corrections", responses=UNKNOWN, summary="The same of a photo that this model graded")
    async def corrections_by(said: Said, model: Model) -> dict[str, Any]:
        return {"photo": said.photo, "differ": await desk.correct(model, said)}

    _tell(app, desk)
    return app


def _tell(app: FastAPI, desk: Desk) -> None:
    """The routes that only say something."""

    @app.get("/models", summary="What grades: labels, grid, resolution, SHA-256, rules")
    async def models() -> JSONResponse:
        return JSONResponse([_about(name, desk) for name in desk.models])

    @app.get("/drift", summary="Whether camera or stock have changed")
    async def drift() -> JSONResponse:
        return JSONResponse({name: served.watch.state() for name, served in desk.models.items()})

    @app.get("/healthz", summary="Whether the station answers; wants no token")
    async def healthz() -> JSONResponse:
        return JSONResponse({"status": "ok"})

    @app.get("/metrics", summary="Counts and histograms for Prometheus")
    async def metrics() -> Response:
        return Response(desk.metrics.text(), headers={"Content-Type": desk.metrics.media_type})

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return Response(api_page(app.openapi()), media_type="text/html")

    app.mount("/static", StaticFiles(directory=PAGES), "static")


def _count(app: FastAPI, desk: Desk) -> None:
    """Counts every answer by its route, refusals at the door too."""

    @app.middleware("http")
    async def counted(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        began = time.monotonic()
        answer = await call_next(request)
        path = getattr(request.scope.get("route"), "path", "") or "other"
        desk.metrics.requests.labels(path, answer.status_code).inc()
        desk.metrics.seconds.labels(path).observe(time.monotonic() - began)
        return answer


def _about(name: str, desk: Desk) -> dict[str, Any]:
    served = desk.models[name]
    by = served.by
    return {
        "name": name, "file": by.network.name, "sha256": served.sha256, "labels": by.labels,
        "grid": {"rows": by.grid.rows, "columns": by.grid.columns}, "resolution": by.grader.resolution,
        "least_cell_px": by.least_cell_px, "join": served.join, "ask": by.promise, "unknown": by.unknown,
        "rules": [{"grade": rule.grade, "cells": rule.cells, "of": list(rule.of)} for rule in by.rules],
        "damage": None if by.marker is None else by.marker.about,
    }  # fmt: skip
