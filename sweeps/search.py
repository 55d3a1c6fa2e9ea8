"""Search past the grid: Optuna proposes points, records answer (Akiba et al. 2019, "Optuna").

The search is kept in `search.log` in the sweep's folder: the same command goes on where it was stopped.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from sweeps.record import Record, RecordError

Direction = Literal["maximize", "minimize"]


@dataclass(frozen=True)
class Objective:
    """A figure of a record that is to be high or low."""

    figure: str
    """A metric such as val/accuracy, or of an exported file such as int8:val/accuracy or int8:latency_ms_p50."""
    direction: Direction

    def value(self, record: Record) -> float:
        """What a record says. Raises RecordError where it does not have the figure."""
        file, _, name = self.figure.rpartition(":")
        entry: Any = record.get("exports", {}).get(file, {}) if file else record.get("metrics", {})
        value = entry.get(name, next((timed[name] for timed in entry.get("latency", []) if name in timed), None))
        if not isinstance(value, int | float):
            need = f"; export=all with quantization={file} makes it" if file else ""
            raise RecordError(f"objective {self.figure}: the run's record has no such figure{need}")
        return float(value)


class Search:
    """One search, whole or gone on with.

    Args:
        folder: the sweep's.
        space: override → what may be chosen for it.
        seed: of the proposals.

    """

    def __init__(
        self, folder: Path, space: Mapping[str, BaseDistribution], objectives: list[Objective], seed: int
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        folder.mkdir(parents=True, exist_ok=True)
        self.space, self.objectives = dict(space), objectives
        storage = JournalStorage(JournalFileBackend(str(folder / "search.log")))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self.study = optuna.create_study(
                storage=storage, study_name="search", load_if_exists=True,
                sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=max(5, 2 * len(space))),
                directions=[objective.direction for objective in objectives],
            )  # fmt: skip
        self._take_up()

    def _take_up(self) -> None:
        """Trials that a stopped search had begun are proposed again, first."""
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            self.study.enqueue_trial(trial.params)
            self.study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)

    @property
    def answered(self) -> list[FrozenTrial]:
        """Trials whose run has ended, well or not."""
        ended = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.FAIL))
        return [trial for trial in ended if trial.user_attrs.get("answered")]

    def propose(self) -> tuple[Trial, dict[str, Any]]:
        """The next point: override → value."""
        trial = self.study.ask(self.space)
        return trial, dict(trial.params)

    def answer(self, trial: Trial, record: Record | None) -> None:
        """Tells what came of a proposed point; None where its run failed. Raises RecordError for a missing figure."""
        trial.set_user_attr("answered", True)
        if record is None:
            self.study.tell(trial, state=TrialState.FAIL)
            return
        self.study.tell(trial, [objective.value(record) for objective in self.objectives])

    @property
    def best(self) -> list[FrozenTrial]:
        """What no other trial beats in every objective; by the last objective, low first."""
        return sorted(self.study.best_trials, key=lambda trial: trial.values[-1])
