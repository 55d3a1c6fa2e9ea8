"""What the API answers, as types: of its description alone, since answers go out as they were made."""

from typing import Annotated

from pydantic import BaseModel, Field

from station.answer import PhotoAnswer


class GradedPhoto(PhotoAnswer):
    """One photo."""

    kept: Annotated[
        str | None, Field(description="with keep=: what /corrections calls it; null: there was no room")
    ] = None


class DeviceCell(BaseModel):
    """A cell by all photos of the device."""

    row: int
    col: int
    label: str
    grade: int
    ask: bool | None
    unknown: bool | None


class RefusedPhoto(BaseModel):
    """A photo of the device without a grade."""

    photo: str
    fault: str
    why: str


class GradedDevice(BaseModel):
    """A device by its photos; what is marked on them stands in `results`."""

    device: str
    grade: str
    reason: str
    photos: list[str]
    turned: Annotated[list[bool], Field(description="of each photo: the other way up than the first one")]
    confidence: float
    lowest: float
    agreement: Annotated[
        float | None, Field(description="share of cells that two photos grade alike; null of one photo")
    ]
    doubt: Annotated[float, Field(description="the chance of another grade")]
    ask: Annotated[int | None, Field(description="cells that a person should look at")]
    unknown: Annotated[int | None, Field(description="cells that look like nothing in training")]
    cells: list[DeviceCell]
    refused: list[RefusedPhoto]
    results: list[GradedPhoto]
