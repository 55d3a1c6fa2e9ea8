"""What Label Studio exports: tasks with the answers of several people (JSON), or a line for each answer (JSON-MIN)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from annotation.log import AnnotationError
from annotation.photo_names import spellings
from datamodules.images.decoding import SUFFIXES

IMAGE_KEYS = ("image", "img", "photo", "picture", "image_url", "url", "file", "filename", "file_name", "image_name", "path", "name", "imageid")  # fmt: skip
"""What a task's picture, or a table's column of pictures, is usually called, in small letters; the likeliest first."""
WANTED = "want a list of tasks, as Label Studio's exports JSON and JSON-MIN have it"


@dataclass(frozen=True)
class Answer:
    """What one person said of a picture."""

    id: str
    annotator: str
    skipped: bool
    results: Sequence[Mapping[str, Any]]
    """As they are written: from_name, type, value."""


@dataclass(frozen=True)
class Task:
    """A picture that people were asked about."""

    id: str
    image: str
    """What the file calls it."""
    answers: list[Answer] = field(default_factory=list)
    plain: Mapping[str, Any] = field(default_factory=dict)
    """In JSON-MIN, the whole line."""


def read_tasks(path: Path, key: str = "") -> list[Task]:
    """The tasks of an export.

    Args:
        path: of the file.
        key: which of a task's data is the picture; empty: the one that looks like it.

    Raises AnnotationError for a file that is none, and for a task without a picture.

    """
    try:
        whole = json.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise AnnotationError(f"{path}: cannot be read ({error.strerror}); {WANTED}") from None
    except (ValueError, RecursionError) as error:
        raise AnnotationError(f"{path}: not JSON ({error}); {WANTED}") from None
    if isinstance(whole, dict) and isinstance(whole.get("data"), dict):
        whole = [whole]
    if not isinstance(whole, list) or not all(isinstance(one, dict) for one in whole):
        raise AnnotationError(f"{path}: {WANTED}")
    return [_task(one, f"{path}: task {one.get('id', f'at place {number}')}", key) for number, one in enumerate(whole)]


def image_key(pairs: Mapping[str, Any], key: str, where: str) -> str:
    """Which of several named texts is a picture's name. Raises AnnotationError where that cannot be told."""
    if key:
        if key not in pairs:
            raise AnnotationError(f"{where}: --name-column {key}: is not there; it has {', '.join(pairs) or 'nothing'}")
        return key
    usual = [name for wanted in IMAGE_KEYS for name in pairs if name.lower() == wanted]
    looks = [name for name, value in pairs.items() if isinstance(value, str) and looks_like_image(value)]
    likely = [name for name in usual if name in looks] or looks or usual
    if not likely or (len(likely) > 1 and likely[0] not in usual):
        raise AnnotationError(
            f"{where}: which of {', '.join(pairs) or 'nothing'} names the image? want --name-column {next(iter(pairs), 'image')}"
        )
    return likely[0]


def looks_like_image(text: str) -> bool:
    """Whether a text ends, in one reading, as an image's name."""
    return any(PurePosixPath(parts[-1]).suffix.lower() in SUFFIXES for parts in spellings(text))


def _task(one: Mapping[str, Any], where: str, key: str) -> Task:
    data = one.get("data")
    if not isinstance(data, dict):
        return Task(str(one.get("id", "")), str(one[image_key(one, key, where)]), plain=one)
    answers = one.get("annotations", one.get("completions", []))
    if not isinstance(answers, list) or not all(isinstance(answer, dict) for answer in answers):
        raise AnnotationError(f"{where}: annotations: want a list of answers")
    image = str(data[image_key(data, key, where)])
    return Task(str(one.get("id", "")), image, [_answer(answer, where) for answer in answers])


def _answer(one: Mapping[str, Any], where: str) -> Answer:
    results = one.get("result", [])
    if not isinstance(results, list) or not all(isinstance(result, dict) for result in results):
        raise AnnotationError(f"{where}: annotation {one.get('id', '')}: result: want a list")
    by = one.get("completed_by", "")
    by = by.get("email", by.get("id", "")) if isinstance(by, dict) else by
    return Answer(str(one.get("id", "")), str(by), bool(one.get("was_cancelled")), results)
