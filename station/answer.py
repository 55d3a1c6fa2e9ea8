"""What the station says of a photo, as types: of a line in results.jsonl, and of the API's description."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

Pair = Annotated[list[float], Field(min_length=2, max_length=2)]


class Mark(BaseModel):
    """Damage of one class in a cell, where a network has marked it pixel by pixel."""

    share: Annotated[float, Field(description="of the cell's area")]
    length_px: Annotated[float, Field(description="of its middle line, in pixels of the mask")]
    length: Annotated[float, Field(description="the same, by the cell's diagonal")]
    area_mm2: Annotated[float | None, Field(description="its area; only where the device's size is known")] = None
    length_mm: Annotated[float | None, Field(description="its length; only where the device's size is known")] = None
    outlines: Annotated[
        list[list[Pair]], Field(description="of each patch a closed line of x and y, in pixels of the photo")
    ]


class Cell(BaseModel):
    """One of the cells that a device is cut into."""

    row: int
    col: int
    label: str
    grade: Annotated[int, Field(description="0 is the best")]
    ask: Annotated[bool | None, Field(description="whether a person should look; null: the file does not say")]
    unknown: Annotated[
        bool | None, Field(description="whether it looks like nothing in training; null: the file does not say")
    ]
    distance: Annotated[float | None, Field(description="from the pictures of training")]
    marked: Annotated[dict[str, Mark] | None, Field(description="damage by class; null: no damage= was given")] = None
    own_grade: Annotated[int, Field(description="the network's, whatever a mistake costs")]
    probabilities: dict[str, float]


class Shot(BaseModel):
    """By what changes of camera and stock are told."""

    brightness: float
    surround: float
    sharpness: float


class PhotoAnswer(BaseModel):
    """A graded photo."""

    photo: str
    file: Annotated[str, Field(description="what graded it")]
    outline: Literal["found", "given"]
    corners: Annotated[
        list[Pair],
        Field(
            min_length=4,
            max_length=4,
            description="x and y in pixels, clockwise from the start of the upper short side",
        ),
    ]
    cells: Annotated[list[Cell], Field(description="row by row from the top")]
    grade: Annotated[str, Field(description="of the device, by this photo")]
    reason: str
    look: Annotated[str, Field(description="thumbnail by which photos of one device are turned alike")]
    shot: Shot
    seconds: float
