"""The metrics of a task, by its name in conf/task."""

from collections.abc import Hashable, Iterable, Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from choices import ChoiceError, conf_folders, names_of, read_choice
from metrics.base import TaskMetrics

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


@cache
def metrics_of(task: str) -> TaskMetrics:
    """The metrics that conf/task/<task>.yaml names. Raises ChoiceError for no such task."""
    module, _, name = str(read_choice("task", task).get("metrics")).rpartition(".")
    try:
        found: TaskMetrics = getattr(import_module(module), name)()
    except (ImportError, AttributeError, ValueError) as error:
        raise ChoiceError(f"task={task}: its yaml names no metrics that can be imported: {error}") from None
    return found


def all_metrics() -> list[TaskMetrics]:
    """Those of every task that conf/ offers."""
    return _metrics_within(conf_folders())


@cache
def _metrics_within(folders: tuple["Path", ...]) -> list[TaskMetrics]:
    """A table asks hundreds of times; with another list of packages the folders are others."""
    del folders
    return [metrics_of(name) for name in names_of("task")]


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
