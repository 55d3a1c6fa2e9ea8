"""The app that photos are annotated with: `make annotate`. Everything wants the token."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi import Path as PathOf
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel, Field
from starlette.staticfiles import StaticFiles

from annotation import agreement
from annotation.label_errors import read_doubts
from annotation.log import AnnotationError, LogError
from annotation.rubric import rubric_of
from annotation.state import IMPORTED, UNUSABLE
from web.access import PAGES, explain, guard, page_of
from web.annotation_session import AnnotationSession

NAME = r"^[^\x00-\x1f\x7f<>\"]*$"
Name = Annotated[str, Field(min_length=1, max_length=40, pattern=NAME)]
Round = Annotated[int, Field(ge=1, le=99)]
Version = Annotated[str, Query(max_length=60)]
"""Of a photo's file, so that a browser keeps no picture of another one."""


class Change(BaseModel, extra="forbid"):
    """One thing that is said of a cell, where row and col are given, or of the photo."""

    field: Annotated[str, Field(pattern="^(label|settled|corners|turned|source_id|comment|unusable|kind)$")]
    value: Annotated[str, Field(max_length=2000)]
    row: Annotated[int | None, Field(ge=0, le=1000)] = None
    col: Annotated[int | None, Field(ge=0, le=1000)] = None
    default: bool = False
    """Said only where nobody has said anything else of the photo yet."""
    proposed: Annotated[str, Field(pattern="^[0-9]{0,3}$")] = ""
    """With a label: the grade that the network's proposal showed in the cell."""


class Said(BaseModel, extra="forbid"):
    """Changes that belong together."""

    annotator: Name
    round: Round
    changes: Annotated[list[Change], Field(min_length=1, max_length=1000)]


def create_annotation_app(
    desk: AnnotationSession, token: str, *, annotator: str | None = None, first_round: int = 1
) -> FastAPI:
    """The app over one folder.

    Args:
        desk: the folder's.
        token: every address wants it, as `?token=` once and as a cookie from then on.
        annotator: who annotates; None lets the page ask.
        first_round: the round that the page begins with.

    Raises AnnotationError for a rubric that does not fit the grades.

    """
    rubric = rubric_of(desk.book.photos.root, desk.book.class_names)
    app = FastAPI(title="gridlite", docs_url=None, redoc_url=None, openapi_url=None)
    guard(app, token, "make annotate")
    explain(app)

    @app.exception_handler(AnnotationError)
    async def wrong(_: Request, error: AnnotationError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 422)

    @app.exception_handler(LogError)
    async def busy(_: Request, error: LogError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 503)

    @app.exception_handler(OSError)
    async def unwritten(_: Request, error: OSError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 507)

    def known(photo: str) -> str:
        try:
            return desk.name_of(photo)
        except KeyError:
            raise HTTPException(404, "this folder has no such photo any more: reload the page") from None

    Photo = Annotated[str, Depends(known)]  # noqa: N806  a type
    Who = Annotated[str, Query(min_length=1, max_length=40, pattern=NAME)]  # noqa: N806

    @app.get("/api/folder")
    def folder() -> dict[str, Any]:
        book = desk.book
        with book.reading() as state:
            annotators = sorted({voter[0] for voter in state.voters() if voter[1]})
        return {
            "folder": desk.folder, "class_names": book.class_names, "unusable": UNUSABLE,
            "grid": {"rows": book.grid.rows, "columns": book.grid.columns}, "left_out": book.photos.left_out,
            "annotator": annotator, "round": first_round, "model": desk.proposals.name if desk.proposals else None,
            "doubt": desk.proposals.doubt if desk.proposals else "",
            "annotators": annotators,
            "rubric": [{"words": look.words, "picture": look.picture is not None} for look in rubric],
        }  # fmt: skip

    @app.get("/api/rubric/{grade}")
    def look(grade: Annotated[int, PathOf(ge=0)]) -> FileResponse:
        path = rubric[grade].picture if grade < len(rubric) else None
        if path is None or not path.is_file():
            raise HTTPException(404, "the folder's rubric has no picture of that grade")
        return FileResponse(path)

    @app.get("/api/queue")
    def queue(annotator: Who, round: Round) -> list[dict[str, Any]]:
        return desk.queue(annotator, round)

    @app.get("/api/photos/{photo}")
    def photo(name: Photo, annotator: Who, round: Round) -> dict[str, Any]:
        return desk.photo(name, annotator, round)

    @app.post("/api/photos/{photo}")
    def say(name: Photo, said: Said) -> dict[str, Any]:
        if said.annotator == IMPORTED:
            raise HTTPException(422, f"annotator: {IMPORTED} is who labels from elsewhere belong to; take another name")
        desk.say(name, said.annotator, said.round, [change.model_dump() for change in said.changes])
        return {}

    @app.get("/api/photos/{photo}/outline")
    def outline(name: Photo) -> dict[str, Any]:
        corners, why = desk.found(name)
        return {"corners": None if corners is None else corners.tolist(), "why": why}

    @app.get("/api/photos/{photo}/photo.jpg")
    def picture(name: Photo, side: Annotated[int, Query(ge=64, le=2400)] = 1400, v: Version = "") -> Response:
        return _jpeg(lambda: desk.jpeg(name, v, None, side))

    @app.get("/api/photos/{photo}/phone.jpg")
    def phone(name: Photo, corners: Annotated[str, Query(max_length=300)], v: Version = "") -> Response:
        try:
            numbers = tuple(float(one) for one in corners.split())
        except ValueError:
            numbers = ()
        if len(numbers) != 8:
            raise HTTPException(422, "corners: want eight numbers")
        return _jpeg(lambda: desk.jpeg(name, v, numbers, 0))

    @app.get("/api/review/disagreements")
    def disagreements() -> list[dict[str, Any]]:
        return desk.disagreements()

    @app.get("/api/review/doubtful")
    def doubtful() -> list[dict[str, Any]]:
        return desk.doubtful(read_doubts(desk.book.photos.root))

    @app.get("/api/review/agreement")
    def agreed() -> dict[str, Any]:
        found = desk.agreement()
        return {
            "alpha": _number(found.alpha),
            "pairs": [[agreement.name(one), agreement.name(other), cells, _number(kappa), alike]
                      for one, other, cells, kappa, alike in found.pairs],
            "per_class": [_number(share) for share in found.per_class],
            "per_annotator": [[agreement.name(voter), cells, share] for voter, cells, share in found.per_voter],
        }  # fmt: skip

    for route, file in (("/", "annotate"), ("/review", "review")):
        app.get(route)(page_of(PAGES / f"{file}.html"))
    app.mount("/static", StaticFiles(directory=PAGES), "static")
    return app


def _jpeg(make: Callable[[], bytes]) -> Response:
    # the address holds the corners and the file's size and time: what it shows never changes
    return Response(make(), media_type="image/jpeg", headers={"Cache-Control": "private, max-age=600"})


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return None if value != value else value  # noqa: PLR0124
