"""`profile.json`: what a folder is annotated in, so that nobody goes on, or trains, in another grid."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

from choices import names_of, whole_choice
from datamodules.base.errors import DataError
from datamodules.screens.grid import Grid
from datamodules.screens.screen_size import LARGEST, SMALLEST

FILE = "profile.json"
_Count = Annotated[int, Field(ge=1, le=1000)]
_Mm = Annotated[float, Field(ge=SMALLEST, le=LARGEST)]


class Profile(BaseModel, extra="forbid"):
    """Of one folder."""

    version: Literal[1, 2] = 2
    """1 had neither device nor rules."""
    device: Annotated[str, Field(min_length=1, max_length=120)] = "phone"
    """What is photographed."""
    columns: _Count
    """Cells across the upright device."""
    rows: _Count
    """Cells from its top to its bottom."""
    cell_shape: Literal["square"] = "square"
    """Of the cells when they are cut, whatever the device's sides are."""
    class_names: Annotated[list[str], Field(min_length=1)]
    """Grades from best to worst."""
    rules: list[dict[str, Any]] | None = None
    """See `datamodules.screens.device_rules`; None: whoever trains says."""
    screen_mm: tuple[_Mm, _Mm] | None = None
    """Width and height of what is cut into cells; None: not known."""


def read_profile(root: Path) -> Profile | None:
    """The folder's profile; None where it has none. Raises DataError for one that cannot be read."""
    path = root / FILE
    if not path.exists():
        return None
    try:
        return Profile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise DataError(f"{path}: {where}: {first['msg']}; want {', '.join(Profile.model_fields)}") from None


def folder_profile(root: Path, grid: Grid, classes: int) -> Profile | None:
    """The folder's, which fits these settings. Raises DataError where it is annotated in another grid, or in another number of grades."""
    there = read_profile(root)
    if there is None:
        return None
    if (there.columns, there.rows) != (grid.columns, grid.rows):
        raise DataError(
            f"{root / FILE}: annotated in {there.columns} x {there.rows} cells, these settings say {grid.columns} x {grid.rows}; want "
            f"{fitting(there)}datamodule.columns={there.columns} datamodule.rows={there.rows}"
        )
    if len(there.class_names) != classes:
        raise DataError(
            f"{root / FILE}: annotated in {len(there.class_names)} grades, these settings have {classes}; want "
            f"{fitting(there)}'datamodule.class_names=[{','.join(there.class_names)}]'"
        )
    return there


def fitting(there: Profile) -> str:
    """The choice in conf/profile with the folder's grid and grades, as a word of a message; empty where there is none."""
    for name in names_of("profile"):
        one = whole_choice("profile", name)
        if (one["columns"], one["rows"], one["class_names"]) == (there.columns, there.rows, there.class_names):
            return f"profile={name}, or "
    return ""
