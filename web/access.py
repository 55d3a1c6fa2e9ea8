"""The door of an app: who has the token comes in, requests are of a page's size, every refusal is one line."""

import base64
import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from sweeps.records.run_record import one_line

PAGES = Path(__file__).parent / "pages"
MOST_BYTES = 2_000_000
"""Of a request; a page sends figures, never pictures."""
COOKIE = "gridlite-token-{scheme}-{port}"
"""Of two apps on one machine each keeps its own: cookies know hosts, not ports, and HTTP cannot replace HTTPS's."""
IMPORTMAP = re.search(r'<script type="importmap">(.*?)</script>', (PAGES / "bench.html").read_text(), re.DOTALL)
assert IMPORTMAP
MAP_HASH = base64.b64encode(hashlib.sha256(IMPORTMAP[1].encode()).digest()).decode()
"""The one script that stands within the pages: where the runtime's modules are."""
HEADERS = {
    # threads in WebAssembly want a page that nothing foreign can reach into
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'wasm-unsafe-eval' "
    f"'sha256-{MAP_HASH}'; style-src 'self'; "
    "img-src 'self' blob: data:; media-src 'self' blob:; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""Hosts that an app answers as unless `answer_as` names more."""


def answer_as(app: FastAPI, hosts: Collection[str]) -> None:
    """Lets an app be asked under these names and addresses beside LOOPBACK, whatever the port."""
    app.state.hosts = LOOPBACK | {host.lower() for host in hosts}


def guard(
    app: FastAPI, token: str, command: str, most_bytes: int = MOST_BYTES, open_to_all: Collection[str] = ()
) -> None:
    """Lets in who has the token, with requests of a page's size, and sends HEADERS with every answer.

    The token comes in the address, in the cookie that the first such address sets, or in `Authorization: Bearer`; paths in
    `open_to_all` want none.

    A Host that is none of the app's (`answer_as`) is refused first: a page of another name whose address was changed to
    this machine's ("DNS rebinding") would count as one of the app's own. `command` is what printed the token, as
    strangers are told.
    """
    answer_as(app, ())

    @app.middleware("http")
    async def at_the_door(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        cookie = COOKIE.format(scheme=request.url.scheme, port=request.url.port or "")
        answer: Response
        given = request.query_params.get("token") or _bearer(request) or request.cookies.get(cookie) or ""
        known = secrets.compare_digest(given.encode(), token.encode())
        if _host(request) not in app.state.hosts:
            answer = JSONResponse(
                {"error": f"no such host here: open one of the addresses that {command} printed"}, 421
            )
        elif not known and request.url.path not in open_to_all:
            answer = _stranger(request, command)
        elif _of_another_page(request):
            answer = JSONResponse({"error": "asked by a page of another address"}, 403)
        elif (
            "transfer-encoding" in request.headers
            or int(request.headers.get("content-length") or 0) > most_bytes
            or (request.method == "POST" and "content-length" not in request.headers)
        ):
            answer = JSONResponse(
                {"error": f"at most {most_bytes} bytes, and a Content-Length that says how many"}, 413
            )
        else:
            try:
                answer = await call_next(request)
            except Exception as error:  # a run that was removed, a record that was damaged: say so, stay up
                answer = JSONResponse({"error": one_line(error)}, 500)
            if known and request.query_params.get("token"):
                https = request.url.scheme == "https"
                answer.set_cookie(cookie, token, httponly=True, samesite="strict", secure=https)
        answer.headers.update(HEADERS)
        answer.headers.setdefault("Cache-Control", "no-cache")  # else an old page measures with a new runtime's name
        return answer


def _bearer(request: Request) -> str:
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    return given.strip() if kind.lower() == "bearer" else ""


def _host(request: Request) -> str:
    """Of the Host header, without its port, in small letters; empty for one that is none."""
    given = request.headers.get("host", "")
    try:
        parts = urlsplit(f"//{given}")
        _ = parts.port  # raises where it is none
    except ValueError:
        return ""
    return (parts.hostname or "") if re.fullmatch(r"[\w.:\[\]-]+", given, re.ASCII) else ""


def _of_another_page(request: Request) -> bool:
    """Whether a browser says that a page of another address asks; a sandboxed frame or form says `null`, and may only read."""
    own = f"{request.url.scheme}://{request.headers.get('host')}"
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    if request.method in ("GET", "HEAD"):
        return origin not in (None, "null", own)
    return origin not in (None, own) or site not in (None, "none", "same-origin")


def _stranger(request: Request, command: str) -> Response:
    """A page for a person, one line for a page's parts."""
    text = f"open the address with the token that {command} printed"
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"error": text}, 401)
    page = f"""<!doctype html><meta name="viewport" content="width=device-width"><title>gridlite</title>
<p>gridlite was started again since, or this address lacks its token.</p><p>Please {text}, or scan its code.</p>"""
    return Response(page, 401, media_type="text/html")


def explain(app: FastAPI) -> None:
    """Answers every refusal with one line under `error`."""

    @app.exception_handler(RequestValidationError)
    async def wrong(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "body")
        return JSONResponse({"error": f"{where}: {first['msg']}" if where else str(first["msg"])}, 422)

    @app.exception_handler(StarletteHTTPException)
    async def refused(_: Request, error: StarletteHTTPException) -> JSONResponse:
        return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)


def page_of(path: Path) -> Callable[[], FileResponse]:
    """A route's function that answers with this page."""
    return lambda: FileResponse(path, headers={"Cache-Control": "no-cache"})
