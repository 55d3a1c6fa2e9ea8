"""What new labels have changed: kept beside the runs of a retraining as `retraining.json`."""

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, Field, ValidationError

from metrics.figures import figure_text
from metrics.intervals import drawn_interval, resampled_sources
from storage.whole_file import write_whole

FILE = "retraining.json"
_Number = Annotated[float, Field(allow_inf_nan=False)]


class Change(BaseModel):
    """A figure of the same cells before and after, and its difference with a 95 % interval over devices; none of one device."""

    before: _Number
    after: _Number
    low: _Number | None
    high: _Number | None


class Part(BaseModel):
    """Some cells that both networks have answered, neither having been trained on them."""

    name: str
    cells: int
    devices: int
    figures: dict[str, Change]


class Labels(BaseModel):
    """How much has been labelled."""

    photos: int
    devices: int
    cells: list[int]
    """Of each grade."""


class Retraining(BaseModel):
    """A network trained anew, with its recipe, on a folder that has more labels."""

    run: str
    """The earlier one."""
    class_names: list[str]
    before: Labels
    after: Labels
    parts: list[Part]


def change(
    truth: npt.NDArray[np.int64],
    before: npt.NDArray[np.int64],
    after: npt.NDArray[np.int64],
    devices: npt.NDArray[np.str_],
    figure: Any,
) -> Change:
    """A figure of two sets of grades `(N,)` of the same cells, paired over resampled devices."""
    was, now = float(figure(truth, before)), float(figure(truth, after))
    drawn = [figure(truth[at], after[at]) - figure(truth[at], before[at]) for at in resampled_sources(devices, 1000)]
    low, high = drawn_interval(np.array(drawn), now - was, len(np.unique(devices)), most=1)
    known = not np.isnan(low)
    return Change(before=was, after=now, low=low if known else None, high=high if known else None)


def part_of(name: str, answers: pd.DataFrame, figures: dict[str, Any]) -> Part:
    """Answers: columns label, before, after, source_id."""
    truth, before, after = (answers[one].to_numpy(np.int64) for one in ("label", "before", "after"))
    devices = answers.source_id.to_numpy(str)
    return Part(
        name=name, cells=len(answers), devices=len(np.unique(devices)),
        figures={key: change(truth, before, after, devices, figure) for key, figure in figures.items()},
    )  # fmt: skip


def write(sweep: Path, found: Retraining) -> Path:
    """Keeps it."""
    write_whole(sweep / FILE, found.model_dump_json(indent=1) + "\n")
    return sweep / FILE


def read(sweep: Path) -> Retraining | None:
    """What is kept; None where there is none. Raises ValueError naming the file where it cannot be read."""
    path = sweep / FILE
    if not path.exists():
        return None
    try:
        return Retraining.model_validate(json.loads(path.read_bytes()))
    except (OSError, ValueError) as error:
        why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else "no JSON"
        raise ValueError(f"{path}: cannot be read ({why}); python -m pipelines retrain writes it anew") from None


def lines(found: Retraining) -> list[str]:
    """As it is printed."""
    was, now = found.before, found.after
    told = [
        f"labels: {now.photos} photos of {now.devices} devices, {sum(now.cells):,} cells; before {was.photos}, {was.devices}, {sum(was.cells):,}"
    ]
    for part in found.parts:
        figures = "; ".join(f"{name.replace('_', ' ')} {change_text(name, one)}" for name, one in part.figures.items())
        told.append(f"{part.name}, {part.cells:,} cells of {part.devices} devices: {figures}")
    return told


def change_text(name: str, one: Change) -> str:
    """Before, after, and by how much."""
    apart = one.after - one.before
    interval = "" if one.low is None or one.high is None else f" [{one.low:+.3f}, {one.high:+.3f}]"
    return f"{figure_text(name, one.before)} → {figure_text(name, one.after)} ({apart:+.3f}{interval})"
