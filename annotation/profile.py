"""`profile.json`: what a folder is annotated in, so that nobody goes on in another grid or under other names."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationError

from annotation.log import AnnotationError, Statement, table_of
from annotation.state import UNUSABLE
from datamodules.screens.grid import Grid
from storage.whole_file import write_whole

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


def check_profile(root: Path, class_names: Sequence[str], grid: Grid) -> bool:
    """Whether the folder has a profile. Raises AnnotationError, naming both, where it is annotated in something else."""
    path = root / FILE
    if not path.exists():
        return False
    try:
        there = Profile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise AnnotationError(f"{path}: cannot be read ({error.strerror})") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise AnnotationError(f"{path}: {where}: {first['msg']}; want {', '.join(Profile.model_fields)}") from None
    if (there.columns, there.rows) != (grid.columns, grid.rows):
        raise _other_grid(path, there.columns, there.rows, grid)
    if tuple(there.class_names) != tuple(class_names):
        names = ",".join(there.class_names)
        raise AnnotationError(
            f"{path}: the grades are {', '.join(there.class_names)}, these settings say {', '.join(class_names)}; want "
            f"'datamodule.class_names=[{names}]'"
        )
    return True


def check_earlier(log: Path, cells: Path, said: Sequence[Statement], classes: int, grid: Grid) -> None:
    """The same for a folder that was annotated before there were profiles, by what its log and its cells.csv hold."""
    for one in said:
        if one.cell is not None and not (0 <= one.cell[0] < grid.rows and 0 <= one.cell[1] < grid.columns):
            raise AnnotationError(
                f"{log}: holds cell {one.cell} of {one.photo}, these settings say {grid.columns} columns x {grid.rows} rows; want "
                "the datamodule.columns and datamodule.rows that it was annotated in"
            )
        known = ("", UNUSABLE, *map(str, range(classes)))
        if one.field in ("label", "settled") and one.value not in known:
            raise AnnotationError(
                f"{log}: holds {one.field} {one.value!r:.40} of {one.photo}, these settings say {classes} grades; want the "
                "datamodule.class_names that it was annotated in"
            )
    if said and cells.exists():
        lines = [row for _, row in table_of(cells, ("row", "col"))]
        numbers = [(int(row["col"]), int(row["row"])) for row in lines if (row["col"] + row["row"]).isdecimal()]
        if numbers:
            columns, rows = (1 + max(one[axis] for one in numbers) for axis in (0, 1))
            if (columns, rows) != (grid.columns, grid.rows):
                raise _other_grid(cells, columns, rows, grid)


def write_profile(root: Path, class_names: Sequence[str], grid: Grid) -> None:
    """Says from now on what the folder is annotated in."""
    made = Profile(columns=grid.columns, rows=grid.rows, class_names=list(class_names))
    write_whole(root / FILE, made.model_dump_json(indent=1) + "\n")


def _other_grid(path: Path, columns: int, rows: int, grid: Grid) -> AnnotationError:
    return AnnotationError(
        f"{path}: the folder is annotated in {columns} columns x {rows} rows, these settings say {grid.columns} x {grid.rows}; "
        f"want datamodule.columns={columns} datamodule.rows={rows}"
    )
