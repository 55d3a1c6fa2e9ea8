"""The metrics of a task, by its name in conf/task."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from choices import ChoiceError, conf_folders, names_of, read_choice
from metrics.base import TaskMetrics

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


_judged: dict[str, TaskMetrics] = {}


@contextmanager
def judged_by(task: str, metrics: TaskMetrics) -> Iterator[None]:
    """Judges the answers of a task by other metrics than those of its yaml, for as long as the block runs; one at a time."""
    _judged[task] = metrics
    try:
        yield
    finally:
        del _judged[task]


def judged_mark() -> str:
    """What figures depend on beside the answers of a task, see `TaskMetrics.mark`; empty where nothing is judged otherwise."""
    return "".join(one.mark for one in _judged.values())


def metrics_of(task: str) -> TaskMetrics:
    """The metrics that conf/task/<task>.yaml names, or `judged_by` has put in their place. Raises ChoiceError for no such task."""
    return _judged.get(task) or _metrics_of(task)


@cache
def _metrics_of(task: str) -> TaskMetrics:
    module, _, name = str(read_choice("task", task).get("metrics")).rpartition(".")
    try:
        found: TaskMetrics = getattr(import_module(module), name)()
    except (ImportError, AttributeError, ValueError) as error:
        raise ChoiceError(f"task={task}: its yaml names no metrics that can be imported: {error}") from None
    return found


def all_metrics() -> list[TaskMetrics]:
    """Those of every task that conf/ offers."""
    own = _metrics_within(conf_folders())
    if not _judged:
        return own
    others = list(_judged.values())
    return [next((other for other in others if isinstance(other, type(one))), one) for one in own]


@cache
def _metrics_within(folders: tuple["Path", ...]) -> list[TaskMetrics]:
    """A table asks hundreds of times; with another list of packages the folders are others."""
    del folders
    return [_metrics_of(name) for name in names_of("task")]


def metrics_of_frame(frame: "pd.DataFrame") -> TaskMetrics:
    """Those of the task that most rows of a table belong to: of its column `task`, or, without it, by the figures that it has."""
    if "task" in frame and frame.task.notna().any():
        return metrics_of(str(frame.task.mode().iloc[0]))
    return metrics_by_names(frame.columns)


def metrics_by_names(names: Iterable[Hashable]) -> TaskMetrics:
    """Of the tasks whose main figure on the validation set is among the names the one with most of its columns there; the default task where none is."""
    known = set(names)
    found = [one for one in all_metrics() if f"val/{one.main}" in known]
    return max(found, key=lambda one: len(known.intersection(one.columns)), default=None) or metrics_of(default_task())


@cache
def default_task() -> str:
    """The task that train.py takes where none is named."""
    from omegaconf import OmegaConf

    from choices import CONF

    listed = OmegaConf.to_container(OmegaConf.load(CONF / "train.yaml"))["defaults"]  # type: ignore[call-overload, index]
    return str(next(one["task"] for one in listed if isinstance(one, Mapping) and "task" in one))


def task_of_record(record: Mapping[str, Any]) -> str:
    """The task that a run's record names."""
    return str(record["axes"]["task"])
