"""`profile.json`: what a folder is annotated in, so that nobody goes on, or trains, in another grid."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationError

from datamodules.base.errors import DataError
from datamodules.screens.grid import Grid

FILE = "profile.json"
_Count = Annotated[int, Field(ge=1, le=1000)]


class Profile(BaseModel, extra="forbid"):
    """Of one folder."""

    version: Literal[1] = 1
    columns: _Count
    """Cells across the upright phone."""
    rows: _Count
    """Cells from its top to its bottom."""
    cell_shape: Literal["square"] = "square"
    """Of the cells when they are cut, whatever the phone's sides are."""
    class_names: Annotated[list[str], Field(min_length=1)]
    """Grades from best to worst."""


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


def check_grid(root: Path, grid: Grid, classes: int) -> None:
    """Raises DataError where a folder is annotated in another grid, or in another number of grades."""
    there = read_profile(root)
    if there is None:
        return
    if (there.columns, there.rows) != (grid.columns, grid.rows):
        raise DataError(
            f"{root / FILE}: annotated in {there.columns} x {there.rows} cells, these settings say {grid.columns} x {grid.rows}; want "
            f"datamodule.columns={there.columns} datamodule.rows={there.rows}"
        )
    if len(there.class_names) != classes:
        raise DataError(
            f"{root / FILE}: annotated in {len(there.class_names)} grades, these settings have {classes}; want "
            f"'datamodule.class_names=[{','.join(there.class_names)}]'"
        )
