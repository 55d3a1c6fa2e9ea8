"""What COCO files draw with — polygons, boxes, run lengths — as masks of a photo."""

import ast
import json
import re
import warnings
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter, ValidationError

from annotation.coco_file import CocoAnnotation, why

Mask = npt.NDArray[np.uint8]
Frame = tuple[int, int]
"""Height and width of the picture that was drawn on, pixels."""


ONE_COUNT = re.compile(r"\[\d*\]", re.ASCII)
"""A list of at most one number as text; a bracket is a letter of run lengths too."""


def _letters(value: object) -> object:
    """Counts as some writers leave them: bytes' own text `b'…'`, numbers as text."""
    if isinstance(value, bytes):
        return value.decode("ascii")
    if isinstance(value, str) and value[:2] in ("b'", 'b"') and value[-1:] == value[1]:
        try:
            return ast.literal_eval(value).decode("ascii")
        except (SyntaxError, ValueError, UnicodeDecodeError):
            raise ValueError("bytes that are no run lengths") from None
    if isinstance(value, str) and (" " in value or "," in value or ONE_COUNT.fullmatch(value)):
        words = value.strip("[] ").replace(",", " ").split()
        return [int(word) if word.isascii() and word.isdecimal() and len(word) < 11 else word for word in words]
    return value


_Count = Annotated[int, Field(ge=0, lt=2**31)]


class RunLengths(BaseModel):
    """A mask by columns, `size` height and width."""

    size: tuple[Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]]
    counts: Annotated[str | list[_Count], BeforeValidator(_letters)]


_Number = Annotated[float, Field(allow_inf_nan=False)]
_POLYGON = TypeAdapter(list[_Number])
_BOX = TypeAdapter(tuple[_Number, _Number, _Number, _Number])


@dataclass
class Drawing:
    """What one annotation draws."""

    polygons: list[list[float]] = field(default_factory=list)
    """x and y in turn, pixels, or shares of the picture's sides where `shares` says so."""
    runs: list[RunLengths] = field(default_factory=list)
    shares: bool = False
    problems: list[str] = field(default_factory=list)
    """A line for each part that cannot be drawn."""


def drawing_of(one: CocoAnnotation) -> Drawing:
    """Reads an annotation's segmentation, or else its box; what cannot be read is among the problems."""
    found = Drawing()
    shape = one.segmentation
    if isinstance(shape, str) and shape[:1] in "[{":
        try:
            shape = json.loads(shape)
        except (ValueError, RecursionError):
            found.problems.append(f"segmentation={shape!r:.40}: neither polygons nor run lengths")
            return found
    if shape in (None, [], {}, "", [[]]):
        _take_box(found, one.bbox)
    elif isinstance(shape, str | int | float):
        found.problems.append(f"segmentation={shape!r:.40}: neither polygons nor run lengths")
    else:
        parts = _parts(shape)
        for number, part in enumerate(parts, 1):
            place = f"part {number} of {len(parts)}: " if len(parts) > 1 else ""
            try:
                if isinstance(part, dict):
                    found.runs.append(RunLengths.model_validate(part))
                else:
                    found.polygons.append(_polygon(part))
            except ValidationError as error:
                found.problems.append(place + why(error))
            except ValueError as error:
                found.problems.append(place + str(error))
    numbers = [value for polygon in found.polygons for value in polygon]
    found.shares = bool(numbers) and min(numbers) >= 0 and max(numbers) <= 1
    return found


def _parts(shape: Any) -> list[Any]:
    """Polygons and run lengths of a segmentation, whether they lie in a list or not."""
    if isinstance(shape, dict):
        return [shape]
    if shape and not any(isinstance(part, list | dict) for part in shape):
        return [shape]  # one polygon, flat
    if len(shape) > 2 and all(isinstance(part, list) and len(part) == 2 for part in shape):
        return [shape]  # one polygon, a pair for each point
    return list(shape)


def _polygon(part: Any) -> list[float]:
    if isinstance(part, list) and part and all(isinstance(point, list) and len(point) == 2 for point in part):
        part = [value for point in part for value in point]
    numbers = _POLYGON.validate_python(part)
    if len(numbers) < 6 or len(numbers) % 2:
        raise ValueError(f"a polygon of {len(numbers)} numbers; want x and y of three points or more")
    x, y = np.array(numbers).reshape(-1, 2).T
    if not np.ptp(x) or not np.ptp(y):
        raise ValueError("a polygon without an area")
    return numbers


def _take_box(found: Drawing, box: Any) -> None:
    if box in (None, []):
        found.problems.append("neither segmentation nor bbox; want one of them")
        return
    try:
        x, y, width, height = _BOX.validate_python(box)
    except ValidationError as error:
        found.problems.append(f"bbox {why(error)}")
        return
    if not (width > 0 and height > 0):
        found.problems.append(f"bbox of {width:g} x {height:g}; want x, y, width and height above 0")
        return
    found.polygons.append([x, y, x + width, y, x + width, y + height, x, y + height])


def mask_of(drawn: Drawing, frame: Frame) -> Mask:
    """The parts together as `(height, width)` of 0 and 1.

    Raises ValueError for what does not fit the picture: pycocotools, which is C, believes what it is given.
    """
    from pycocotools.mask import decode, frPyObjects, merge

    height, width = frame
    encoded = [_encoded(run, frame) for run in drawn.runs]
    scale = np.array([width, height] if drawn.shares else [1, 1])
    polygons = [(np.array(polygon).reshape(-1, 2) * scale).ravel().tolist() for polygon in drawn.polygons]
    far = max(height, width)
    for polygon in polygons:
        if min(polygon) < -far or max(polygon) > 2 * far:
            raise ValueError(f"a polygon from {min(polygon):g} to {max(polygon):g}: far outside of the image")
    if polygons:
        encoded += frPyObjects(polygons, height, width)
    with warnings.catch_warnings():  # pycocotools 2.0.11 hands NumPy 2 arrays in the way of NumPy 1
        warnings.filterwarnings("ignore", message="__array__ implementation", category=DeprecationWarning)
        mask = np.array(decode(merge(encoded)), np.uint8)
    if not mask.any():
        raise ValueError("covers no pixel of the image")
    return mask


def _encoded(run: RunLengths, frame: Frame) -> Any:
    from pycocotools.mask import frPyObjects

    height, width = frame
    if run.size != frame:
        raise ValueError(f"size {list(run.size)}: want that of the image, [{height}, {width}]")
    counts = _unpacked(run.counts) if isinstance(run.counts, str) else run.counts
    # of fewer, decode gives what the memory held before
    if not counts or sum(counts) != height * width or min(counts) < 0:
        raise ValueError(f"counts of {sum(counts)} pixels; want {height * width}, none below 0")
    return frPyObjects({"size": [height, width], "counts": counts}, height, width)


def _unpacked(text: str) -> list[int]:
    """Run lengths of COCO's letters: five bits each, the sixth says that more follow; from the fourth run on, the change."""
    counts: list[int] = []
    value = bits = 0
    for letter in text:
        given = ord(letter) - 48
        if not 0 <= given < 64:
            raise ValueError(f"counts: {letter!r} is no letter of run lengths")
        value |= (given & 31) << bits
        bits += 5
        if bits > 35:
            break
        if not given & 32:
            value -= (given & 16) << (bits - 4)
            counts.append(value + counts[-2] if len(counts) > 2 else value)
            value = bits = 0
    if bits:
        raise ValueError("counts: letters that are no run lengths")
    return counts
