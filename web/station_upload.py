"""What a request to the grading station carries: an image as its body, or a form with images and corners."""

import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import HTTPException
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import MultiPartParser
from werkzeug.http import parse_options_header

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?")
LONGEST_NAME = 200
FIELDS = ("photo", "image", "file", "photos")
"""What a form may call its images; all of them mean the same."""


@dataclass(frozen=True)
class Upload:
    """One image."""

    name: str
    """As its sender calls it; `photo` where it has no name, or one that a table could not hold."""
    data: bytes
    corners: tuple[float, ...] | None


def uploads_of(body: bytes, content_type: str, name: str | None, corners: str | None, most: int) -> list[Upload]:
    """The images of a request.

    Args:
        body: of the request.
        content_type: its header; all that is no form is taken for an image, for its content says what it is.
        name, corners: of the address.
        most: images.

    Raises HTTPException, one line.

    """
    kind, options = parse_options_header(content_type)
    if not body:
        raise HTTPException(415, "an empty body: want an image, or a form with images")
    if kind != "multipart/form-data":
        return [Upload(_name(name), body, corners_of(corners))]
    files, texts = _form(body, options.get("boundary", ""), most)
    given = [*([corners] if corners is not None else []), *texts]
    if given and len(given) != len(files):
        raise HTTPException(
            422, f"corners: given {len(given)} times for {len(files)} images; want them for all or for none"
        )
    wanted: Sequence[str | None] = given or [None] * len(files)
    return [
        Upload(_name(name or one.filename), one.stream.getvalue(), corners_of(text))
        for one, text in zip(files, wanted, strict=True)
    ]


def _form(body: bytes, boundary: str, most: int) -> tuple[list[Any], list[str]]:
    """Files and texts of `corners`, in their order."""
    if not boundary:
        raise HTTPException(415, "Content-Type: a form without a boundary; let the client write this header")
    parser = MultiPartParser(stream_factory=_in_memory, max_form_memory_size=100_000, max_form_parts=2 * most + 1)
    try:
        texts, files = parser.parse(io.BytesIO(body), boundary.encode(), len(body))
    except RequestEntityTooLarge:
        raise HTTPException(
            413, f"a form of more parts or longer texts than are read; want at most {most} images"
        ) from None
    except ValueError as error:
        raise HTTPException(415, f"a form that cannot be read ({' '.join(str(error).split())})") from None
    if odd := next((key for key in texts if key != "corners"), None):
        raise HTTPException(422, f"{odd!r:.60}: no such field; want photo (an image) and corners (eight numbers)")
    if odd := next((key for key in files if key not in FIELDS), None):
        raise HTTPException(422, f"{odd!r:.60}: no such field; want {', '.join(FIELDS)} for images")
    found = [one for field in files for one in files.getlist(field)]
    if not found:
        raise HTTPException(415, "a form without an image: want -F photo=@photo.jpg")
    if len(found) > most:
        raise HTTPException(413, f"{len(found)} images; want at most {most} in one request")
    return found, texts.getlist("corners")


def _in_memory(
    total_content_length: int | None,  # noqa: ARG001  Werkzeug names them
    content_type: str | None,  # noqa: ARG001
    filename: str | None,  # noqa: ARG001
    content_length: int | None = None,  # noqa: ARG001
) -> io.BytesIO:
    return io.BytesIO()  # the whole body is there already, and bounded


def corners_of(text: str | None) -> tuple[float, ...] | None:
    """`120,80,900,95,880,1700,100,1690`, in brackets or not; an empty text and None ask for the outline to be found."""
    if text is None or not text.strip():
        return None
    parts = text.strip().removeprefix("[").removesuffix("]").replace(",", " ").split()
    if len(parts) != 8 or not all(NUMBER.fullmatch(one) for one in parts):
        raise HTTPException(422, f"corners={text[:100]!r}: want eight numbers, x and y of four corners")
    found = tuple(map(float, parts))
    if not all(math.isfinite(one) for one in found):
        raise HTTPException(422, f"corners={text[:100]!r}: want eight finite numbers")
    return found


def _name(given: str | None) -> str:
    name = (given or "").replace("\\", "/").rpartition("/")[2][:LONGEST_NAME]
    return name if name.strip() and name.isprintable() else "photo"
