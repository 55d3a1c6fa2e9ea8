"""What a COCO file says (Lin et al. 2014), as one tool or another writes it: every entry is read by itself, or named."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from annotation.imported import LeftOut, grouped
from annotation.log import AnnotationError

WANTED = "want images, annotations and categories"


def _text(value: object) -> object:
    """Ids compare as text, whatever a tool writes them as."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("want a number or a text")
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _pixels(value: object) -> object:
    """Digits as text are a number too; what a tool does not know it leaves out or empty."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and not (value.isascii() and value.isdecimal()):
        raise ValueError("want a whole number of pixels")
    return value


_Id = Annotated[str, BeforeValidator(_text)]
_Pixels = Annotated[Annotated[int, Field(gt=0, le=1_000_000)] | None, BeforeValidator(_pixels)]


class CocoImage(BaseModel):
    """An image of the file."""

    id: _Id
    file_name: str | None = None
    path: str | None = None
    coco_url: str | None = None
    width: _Pixels = None
    height: _Pixels = None

    @property
    def name(self) -> str:
        """What the file calls it."""
        return self.file_name or self.path or self.coco_url or ""

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height, pixels, where both are said."""
        return None if self.width is None or self.height is None else (self.width, self.height)


class CocoAnnotation(BaseModel):
    """Something drawn on an image."""

    id: Annotated[str | None, BeforeValidator(lambda value: None if value is None else _text(value))] = None
    image_id: _Id
    category_id: _Id
    segmentation: Any = None
    bbox: Any = None
    iscrowd: Any = None
    """1: a group whose members are not told apart."""


class CocoCategory(BaseModel):
    """What annotations can be of."""

    id: _Id
    name: Annotated[str, Field(min_length=1)]
    supercategory: Any = None


class _Whole(BaseModel):
    images: list[Any]
    annotations: list[Any]
    categories: list[Any]


@dataclass
class CocoFile:
    """The entries that could be read, and a line for each that could not."""

    images: list[CocoImage]
    drawn: dict[str, list[CocoAnnotation]]
    """By the id of their image."""
    categories: list[CocoCategory]
    left: list[LeftOut] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    """Ids of images of which an annotation could not be read."""


def read_coco(path: Path) -> CocoFile:
    """Reads a COCO file. Raises AnnotationError, one line, for what is none as a whole."""
    try:
        whole = _Whole.model_validate(_json(path))
    except ValidationError as error:
        raise AnnotationError(f"{path}: not a COCO file: {why(error)}; {WANTED}") from None
    found = CocoFile([], {}, [])
    for number, one in enumerate(whole.categories):
        try:
            found.categories.append(CocoCategory.model_validate(one))
        except ValidationError as error:
            raise AnnotationError(f"{path}: categories.{number}: {why(error)}; want an id and a name") from None
    _same_once(path, found.categories)
    for number, one in enumerate(whole.images):
        try:
            image = CocoImage.model_validate(one)
            if not image.name:
                raise ValueError("has no file_name")
            found.images.append(image)
        except ValidationError as error:
            found.left.append(LeftOut(f"images.{number} (id {_id_of(one)})", "", why(error)))
        except ValueError as error:
            found.left.append(LeftOut(f"images.{number} (id {_id_of(one)})", "", str(error)))
    names = grouped(found.images, lambda image: image.id)
    ambiguous = {id_ for id_, same in names.items() if len({image.name for image in same}) > 1}
    for id_ in sorted(ambiguous):
        several = ", ".join(dict.fromkeys(image.name for image in names[id_]))
        found.left.append(LeftOut(several, "", f"id {id_} is that of all of them: whose drawings are these?"))
    found.images = [same[0] for id_, same in names.items() if id_ not in ambiguous]
    _take_annotations(found, whole.annotations, ambiguous)
    return found


def _take_annotations(found: CocoFile, annotations: Sequence[Any], ambiguous: set[str]) -> None:
    images = {image.id: image.name for image in found.images}
    categories = {one.id for one in found.categories}
    for number, given in enumerate(annotations):
        try:
            one = CocoAnnotation.model_validate(given)
        except ValidationError as error:
            image = _id_of(given, "image_id")
            found.broken.add(image)
            found.left.append(LeftOut(images.get(image, ""), _id_of(given) or f"at place {number}", why(error)))
            continue
        one.id = one.id or f"at place {number}"
        if one.image_id not in images and one.image_id not in ambiguous:
            found.left.append(LeftOut("", one.id, f"image_id {one.image_id}: the file has no such image"))
        elif one.category_id not in categories:
            found.broken.add(one.image_id)
            have = ", ".join(f"{kind.id} ({kind.name})" for kind in found.categories[:5]) or "none"
            found.left.append(
                LeftOut(images.get(one.image_id, ""), one.id, f"category_id {one.category_id}: the file has {have}")
            )
        else:
            found.drawn.setdefault(one.image_id, []).append(one)


def _same_once(path: Path, categories: Iterable[CocoCategory]) -> None:
    names: dict[str, str] = {}
    for one in categories:
        if names.setdefault(one.id, one.name) != one.name:
            raise AnnotationError(
                f"{path}: categories: id {one.id} is {names[one.id]} and {one.name}; want one of them"
            )


def _json(path: Path) -> Any:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise AnnotationError(f"{path}: cannot be read ({error.strerror})") from None
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        whole = json.loads(data.decode("utf-16" if wide else "utf-8-sig"), object_pairs_hook=_each_key_once)
    except (ValueError, RecursionError) as error:
        raise AnnotationError(f"{path}: not a COCO file: not JSON ({error}); {WANTED}") from None
    if isinstance(whole, list) and whole and isinstance(whole[0], dict) and {"data", "annotation_id"} & whole[0].keys():
        raise AnnotationError(f"{path}: Label Studio's own JSON; want its export COCO, or of a brush PNG")
    if isinstance(whole, list):
        raise AnnotationError(
            f"{path}: a list of results, which names no images; want the data set's own file, {WANTED.removeprefix('want ')}"
        )
    return whole


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"key {next(key for key in keys if keys.count(key) > 1)!r} is there twice")
    return found


def why(error: ValidationError) -> str:
    """The first thing that is wrong: key, value and what would be right, on one line."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if isinstance(part, int) or part.isidentifier())
    given = "" if first["type"] == "missing" else f"{first['input']!r:.60}: "
    said = first["msg"].removeprefix("Value error, ")
    return f"{where}{'=' if where and given else ': ' if where else ''}{given}{said[:1].lower()}{said[1:]}"


def _id_of(given: Any, key: str = "id") -> str:
    try:
        return str(_text(given[key]))
    except (TypeError, KeyError, ValueError):
        return ""
