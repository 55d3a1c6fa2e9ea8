"""Asynchronous successive halving of a grid: Optuna's pruner on a study in the sweep's folder, shared by all who train its points.

`halving.log` is Optuna's journal, with a study for each bracket and in it a trial for each run. A decision is kept with the trial: a rung
is judged once, and a run that was killed before its record says that it was stopped is stopped all the same.
"""

import copy
import warnings
from collections.abc import Container, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from filelock import FileLock
from optuna.pruners import SuccessiveHalvingPruner
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from sweeps.records.halving import Bracket, reason
from sweeps.records.run_record import Record
from sweeps.search.storage import open_storage

MOST_NAMED = 10
"""Runs that are named of those that were ahead, the best of them."""
RUN, RUNGS = "run", "rungs"
"""What a trial keeps: its run's folder, and what came of each rung."""
PASSED = "completed_rung_{}"
"""Under which Optuna's pruner keeps the value of a rung."""


@cache
def journal_of(sweep: Path) -> BaseStorage:
    """The storage of a sweep's brackets; a process reads on from where it has read."""
    sweep.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return open_storage(sweep, None, "halving.log")


class Rivals(optuna.Study):
    """A bracket's study as one run sees it: the latest trial of every run, without its own, whose value the pruner adds itself."""

    own = ""

    def get_trials(self, deepcopy: bool = True, states: Container[TrialState] | None = None) -> list[FrozenTrial]:
        """The trials of the others. A run that was trained anew has several."""
        latest = {str(one.user_attrs[RUN]): one for one in super().get_trials(deepcopy, states)}
        return [one for run, one in latest.items() if run != self.own]


class HalvingJudge:
    """Says after an epoch whether a run is worth its others.

    Args:
        bracket: of the run.
        run: the name of its folder.
        storage: see `journal_of`.
        anew: whether the run begins with its first epoch: what it has reported before counts no more.
        turn: held while a run is judged, so that two at once see each other.

    """

    def __init__(
        self,
        bracket: Bracket,
        run: str,
        storage: BaseStorage,
        *,
        anew: bool = False,
        turn: AbstractContextManager[Any] | None = None,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.bracket, self.run, self.turn = bracket, run, turn or nullcontext()
        self.pruner = SuccessiveHalvingPruner(bracket.min_epochs, bracket.reduction_factor)
        with self.turn:
            direction = StudyDirection.MAXIMIZE if bracket.direction == "max" else StudyDirection.MINIMIZE
            optuna.create_study(storage=storage, study_name=bracket.key, direction=direction, load_if_exists=True)
            self.study = Rivals(study_name=bracket.key, storage=storage)
            known = self._latest()
            if known is None or (anew and (known.intermediate_values or known.state.is_finished())):
                self._begin()
            else:
                self.id = known._trial_id
        self.study.own = run

    @classmethod
    def of_sweep(cls, bracket: Bracket, folder: Path, *, anew: bool = False) -> "HalvingJudge":
        """The judge of the run in that folder, beside all others of its sweep."""
        sweep = folder.parent
        return cls(bracket, folder.name, journal_of(sweep), anew=anew, turn=FileLock(sweep / "halving.lock"))

    def _begin(self) -> None:
        """A new trial of the run: those before it count no more."""
        self.study.own = ""
        self.study.add_trial(create_trial(state=TrialState.RUNNING, user_attrs={RUN: self.run}))
        self.id = self._latest()._trial_id  # type: ignore[union-attr]
        self.study.own = self.run

    def _latest(self) -> FrozenTrial | None:
        trials = self.study.get_trials(deepcopy=False)
        return next((one for one in trials if one.user_attrs[RUN] == self.run), None)

    @property
    def trial(self) -> FrozenTrial:
        """As the storage has it."""
        return self.study._storage.get_trial(self.id)

    @property
    def rungs(self) -> list[Record]:
        """What came of each rung so far.

        Of each: epoch (how many were trained), value, rank among the runs that had come there (None: the value is no number), of how many,
        `ahead` (the best of those that were ahead, run → value), stopped.
        """
        found: list[Record] = self.trial.user_attrs.get(RUNGS, [])
        return found

    def __call__(self, epochs: Sequence[Mapping[str, float]]) -> str:
        """Judges a run at each rung that it has come to; why it should end, empty where it should not.

        Args:
            epochs: all so far, each with the figure. Raises ValueError for one without.

        """
        self._catch_up(epochs)
        ending = self._ending
        return reason(ending, self.bracket, len(epochs)) if ending and len(epochs) < self.bracket.max_epochs else ""

    def finish(self, epochs: Sequence[Mapping[str, float]]) -> None:
        """A run that was trained to its end, under this rule or not: others are compared with it, and it is stopped no more."""
        if self.trial.state is TrialState.PRUNED:
            with self.turn:
                self._begin()
        if not self.trial.state.is_finished():
            self._catch_up(epochs, stops=False)
            self.study.tell(
                self.trial.number, state=TrialState.COMPLETE, values=[float(epochs[-1][self.bracket.figure])]
            )

    @property
    def _ending(self) -> Record | None:
        return next((rung for rung in self.rungs if rung["stopped"]), None)

    def _catch_up(self, epochs: Sequence[Mapping[str, float]], *, stops: bool = True) -> None:
        for epoch in self.bracket.rungs[len(self.rungs) :]:
            if epoch > len(epochs) or self._ending:
                return
            known = epochs[epoch - 1]
            if self.bracket.figure not in known:
                raise ValueError(
                    f"halving.reduction_factor={self.bracket.reduction_factor}: no epoch has {self.bracket.figure}, by which runs are "
                    f"compared; epochs have {', '.join(known)}"
                )
            with self.turn:
                self._judge(epoch, float(known[self.bracket.figure]), stops=stops)

    def _judge(self, epoch: int, value: float, *, stops: bool) -> None:
        """One rung. What was reported there before, by a run that was killed in the middle, counts once."""
        trial, passed = Trial(self.study, self.id), self.rungs
        if epoch not in self.trial.intermediate_values:
            trial.report(value, epoch)
        own = copy.copy(self.trial)
        value = own.intermediate_values[epoch]
        own.system_attrs = {name: own.system_attrs[name] for name in map(PASSED.format, range(len(passed)))}
        sign = 1 if self.bracket.direction == "max" else -1
        others = {
            str(one.user_attrs[RUN]): one.intermediate_values[epoch]
            for one in self.study.get_trials(deepcopy=False)
            if np.isfinite(one.intermediate_values.get(epoch, np.nan))
        }
        ahead = sorted(
            (run for run in others if sign * others[run] > sign * value), key=lambda run: -sign * others[run]
        )
        stopped = self.pruner.prune(self.study, own)
        rung = {
            "epoch": epoch,
            "value": value,
            "rank": None if np.isnan(value) else len(ahead) + 1,
            "of": len(others) + 1,
            "ahead": {run: others[run] for run in ahead[:MOST_NAMED]},
            "stopped": bool(stopped and stops),
        }
        trial.set_user_attr(RUNGS, [*passed, rung])
        if rung["stopped"]:
            self.study.tell(self.trial.number, state=TrialState.PRUNED)
