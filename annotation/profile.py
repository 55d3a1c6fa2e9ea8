"""`profile.json`: what a folder is annotated in, so that nobody goes on in another grid or under other names."""

from collections.abc import Sequence
from pathlib import Path

from annotation.log import AnnotationError, Statement, table_of
from annotation.state import UNUSABLE
from datamodules.base.errors import DataError
from datamodules.screens.grid import Grid
from datamodules.screens.profile import FILE, Profile, read_profile
from storage.whole_file import write_whole


def check_profile(root: Path, class_names: Sequence[str], grid: Grid) -> bool:
    """Whether the folder has a profile. Raises AnnotationError, naming both, where it is annotated in something else."""
    path = root / FILE
    try:
        there = read_profile(root)
    except DataError as error:
        raise AnnotationError(str(error)) from None
    if there is None:
        return False
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
