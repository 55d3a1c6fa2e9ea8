"""`profile.json`: what a folder is annotated in, so that nobody goes on in another grid or under other names."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotation.log import AnnotationError, Statement, table_of
from annotation.state import UNUSABLE
from datamodules.base.errors import DataError
from datamodules.screens.device_rules import Rule, rules_for
from datamodules.screens.grid import Grid
from datamodules.screens.profile import FILE, Profile, fitting, read_profile
from datamodules.screens.screen_size import Size, given_screen
from storage.whole_file import write_whole


@dataclass(frozen=True)
class Device:
    """What is annotated, and how its cells give its grade."""

    kind: str
    rules: tuple[Rule, ...] | None
    screen_mm: Size | None = None
    """See `datamodules.screens.screen_size`."""


def check_profile(root: Path, class_names: Sequence[str], grid: Grid) -> Profile | None:
    """The folder's profile, None where it has none. Raises AnnotationError, naming both, where it is annotated in something else."""
    path = root / FILE
    try:
        there = read_profile(root)
    except DataError as error:
        raise AnnotationError(str(error)) from None
    if there is None:
        return None
    if (there.columns, there.rows) != (grid.columns, grid.rows):
        raise _other_grid(path, there.columns, there.rows, grid, fitting(there))
    if tuple(there.class_names) != tuple(class_names):
        names = ",".join(there.class_names)
        raise AnnotationError(
            f"{path}: the grades are {', '.join(there.class_names)}, these settings say {', '.join(class_names)}; want "
            f"{fitting(there)}'datamodule.class_names=[{names}]'"
        )
    return there


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


def device_of(data_set: Any, grid: Grid) -> Device:
    """From the settings of a data set that is cut into cells. Raises AnnotationError for rules that cannot be followed."""
    try:
        rules = rules_for(data_set["rules"], data_set["class_names"], grid.cells, "datamodule.rules")
        screen = given_screen(data_set)
    except DataError as error:
        raise AnnotationError(str(error)) from None
    return Device(str(data_set["device"]), None if rules is None else tuple(rules), screen)


def is_of(there: Profile, device: Device | None) -> bool:
    """Whether a folder's profile says this of the device."""
    if device is None:
        return True
    return (there.device, there.rules, there.screen_mm) == (device.kind, _written(device), device.screen_mm)


def _written(device: Device) -> list[dict[str, Any]] | None:
    if device.rules is None:
        return None
    return [rule.settings for rule in device.rules]


def write_profile(root: Path, class_names: Sequence[str], grid: Grid, device: Device | None) -> None:
    """Says from now on what the folder is annotated in; without a device, the rules are open."""
    about: dict[str, Any] = (
        {} if device is None else {"device": device.kind, "rules": _written(device), "screen_mm": device.screen_mm}
    )
    made = Profile(columns=grid.columns, rows=grid.rows, class_names=list(class_names), **about)
    unsaid = {"screen_mm"} if made.screen_mm is None else None
    write_whole(root / FILE, made.model_dump_json(indent=1, exclude=unsaid) + "\n")


def _other_grid(path: Path, columns: int, rows: int, grid: Grid, choice: str = "") -> AnnotationError:
    return AnnotationError(
        f"{path}: the folder is annotated in {columns} columns x {rows} rows, these settings say {grid.columns} x {grid.rows}; "
        f"want {choice}datamodule.columns={columns} datamodule.rows={rows}"
    )
