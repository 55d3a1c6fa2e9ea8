"""Search past the grid: Optuna proposes points, records answer (Akiba et al. 2019, "Optuna").

The study is kept in the sweep's folder, or where a URL says: the same command goes on where it was stopped, and several at once share it.
"""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.trial import FrozenTrial, Trial, TrialState

from sweeps.records.budget import excess
from sweeps.records.run_record import Record, Status
from sweeps.search.judge import check_pruner
from sweeps.search.objectives import Objective
from sweeps.search.samplers import check_sampler, sampler_of
from sweeps.search.storage import Worker, open_storage, study_name

OVER = "over budget"
"""What a trial keeps of its budget: why it was not trained."""
TWIN = "twin"
"""Of a proposal that was dropped because another worker has the same point."""
COUNTED = {"answered", OVER, TWIN}
"""What ended trials have that were not merely given to another worker."""
ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
MOST_KILLS = 2
"""A point whose worker was killed so often, while others worked on, has failed."""
MOST_TWINS = 5
"""Proposals of a point that another works on, before a worker waits for it instead."""


class Search:
    """One search, whole or gone on with, by itself or beside others on the same study.

    Args:
        folder: the sweep's.
        space: override → what may be chosen for it.
        seed: of the proposals.
        pruner: one of `optuna.pruners` by its name under `name`, with its settings; None lets every run end.
        budget: bounds, format and device of `budget.*`, empty where there is none: points beyond a bound are constraints broken.
        sampler: one of `sweeps.search.samplers.SAMPLERS`.
        fixed: what else its figures hang on, name → value: settings that all points share, the data's fingerprint; what is left out is not compared.
        storage: a URL; None: `search.log` in the folder.

    Raises ValueError for a pruner that does not exist or cannot judge these objectives, for such a sampler, for a storage that cannot be
    opened, and where the study is of another search.

    """

    def __init__(
        self,
        folder: Path,
        space: Mapping[str, BaseDistribution],
        objectives: list[Objective],
        seed: int,
        pruner: Mapping[str, Any] | None = None,
        budget: Mapping[str, Any] | None = None,
        sampler: str = "tpe",
        storage: str | None = None,
        fixed: Mapping[str, Any] | None = None,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        if pruner:
            check_pruner(pruner, objectives)
        check_sampler(sampler, budget=bool(budget))
        self.space, self.objectives, self.seed, self.budget = dict(space), objectives, seed, dict(budget or {})
        self.sampler, self.local = sampler, storage is None
        self.given_up: list[FrozenTrial] = []
        """Trials that are not tried again, for they have been the end of too many workers."""
        self.worker = Worker(folder)
        with self.worker.turn():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                self.study = self._own(folder, storage, dict(fixed or {}))
            if pruner:
                self.study.set_user_attr("pruner", dict(pruner))
                self.study.set_user_attr("figure", objectives[0].figure)
            self._take_up(known=False)

    def _own(self, folder: Path, storage: str | None, fixed: dict[str, Any]) -> optuna.Study:
        """The study of this search; one of another search takes its place as long as that has no answer."""
        asked = {"choices": {key: str(value) for key, value in sorted(self.space.items())},
                 "objectives": [f"{one.direction} {one.figure}" for one in self.objectives],
                 "budget": self.budget} | fixed  # fmt: skip
        kept, name = open_storage(folder, storage), study_name(folder, storage)
        for again in (False, True):
            directions = [objective.direction for objective in self.objectives]
            self.study = optuna.create_study(study_name=name, storage=kept, load_if_exists=True, directions=directions)
            before = _as_now(self.study.user_attrs.get("asked", asked))
            other = [key for key in asked if key in before and before[key] != asked[key]]
            if not other:
                break
            if again or self.answered or self.over_budget or any(map(self._may_live, self.running)):
                raise ValueError(
                    f"{folder}: holds a search of other {' and '.join(other)}; give this one a sweep_name of its own"
                )
            optuna.delete_study(study_name=name, storage=kept)
        self.study.set_user_attr("asked", _as_now(self.study.user_attrs.get("asked", {})) | asked)
        self.study.set_metric_names([one.figure for one in self.objectives])  # as optuna-dashboard shows them
        return self.study

    def _take_up(self, *, known: bool = True) -> None:
        """Trials that a worker had begun who is no more are proposed again, first; within a turn.

        Args:
            known: whether this worker has seen the other work, which was killed then, while else the whole search was stopped.

        """
        for trial in self.running:
            if self._may_live(trial):
                continue
            kills = trial.user_attrs.get("kills", 0) + int(known)
            if kills < MOST_KILLS:
                self.study.enqueue_trial(trial.params, user_attrs={"kills": kills})
            else:
                Trial(self.study, trial._trial_id).set_user_attr("answered", True)
                self.given_up.append(trial)
            self.study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
        self.worker.forget_dead()

    def _may_live(self, trial: FrozenTrial) -> bool:
        """Whether its worker lives, or is on another machine, of which nothing is known."""
        name = trial.user_attrs.get("worker", "")
        elsewhere = not self.worker.here(name) if name else not self.local
        return elsewhere or bool(name and self.worker.lives(name))

    def _trials(self, *states: TrialState) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False, states=states)

    @property
    def running(self) -> list[FrozenTrial]:
        """Trials that somebody has begun, or had."""
        return self._trials(TrialState.RUNNING)

    @property
    def answered(self) -> list[FrozenTrial]:
        """Trials whose run has ended, well or not."""
        return [trial for trial in self._trials(*ENDED) if trial.user_attrs.get("answered")]

    def _counting(self) -> list[FrozenTrial]:
        """Those that are answered or worked on, by one reading: of two, one that ends in between would be in neither."""
        trials = self._trials(TrialState.RUNNING, *ENDED)
        return [one for one in trials if one.state is TrialState.RUNNING or one.user_attrs.get("answered")]

    @property
    def bounds(self) -> dict[str, float | None]:
        """Of this search, as a record has them; a run that it finds done may have been trained under others."""
        return {f"most_{name}": self.budget[name] for name in ("ms", "kb")}

    @property
    def over_budget(self) -> list[FrozenTrial]:
        """Trials that were not trained: their files would cost too much."""
        return [trial for trial in self._trials(TrialState.PRUNED) if trial.user_attrs.get(OVER)]

    @property
    def over_in_a_row(self) -> int:
        """How many proposed points have been over budget since the last one that was not."""
        within = max((trial.number for trial in self.answered), default=-1)
        return sum(trial.number > within for trial in self.over_budget)

    def left(self, trials: int) -> int:
        """How many of so many trials are to be answered yet, without those that are worked on elsewhere."""
        return trials - sum(
            one.state is not TrialState.RUNNING or not self.worker.here(one.user_attrs.get("worker", ""))
            for one in self._counting()
        )

    def propose(self, trials: int | None = None) -> tuple[Trial, dict[str, Any]] | None:
        """The next point: override → value. None where others work on all that is left of so many `trials`."""
        with self.worker.turn():
            self._take_up()
            for again in reversed(range(MOST_TWINS)):
                if trials is not None and len(self._counting()) >= trials:
                    return None
                trial = self._ask()
                if not again or not (self.twins(trial) or self._answered(trial)):
                    break
                trial.set_user_attr(TWIN, True)
                self.study.tell(trial, state=TrialState.FAIL)
            return trial, {key: _plain(value, self.space[key]) for key, value in trial.params.items()}

    def _ask(self) -> Trial:
        # A generator per proposal: a search that goes on must neither repeat its first points nor end elsewhere.
        trials = self._trials(TrialState.RUNNING, *ENDED)
        proposed = [one for one in trials if one.state is TrialState.RUNNING or one.user_attrs.keys() & COUNTED]
        seed = int(np.random.SeedSequence((self.seed, len(proposed))).generate_state(1)[0])
        self.study.sampler = sampler_of(self.sampler, self.space, self.seed, seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            trial = self.study.ask(self.space)
        trial.set_user_attr("worker", self.worker.name)
        return trial

    def twins(self, trial: Trial) -> list[FrozenTrial]:
        """Running trials of the same point, begun before, whose worker has not been killed."""
        same = [one for one in self.running if one.number < trial.number and one.params == trial.params]
        return [one for one in same if self._may_live(one)]

    def _answered(self, trial: Trial) -> bool:
        """Whether another worker's answer to that point has come since the seed was drawn, in a space where points do not repeat."""
        fine = any(isinstance(one, FloatDistribution) and one.step is None for one in self.space.values())
        return fine and any(one.params == trial.params for one in self.answered)

    def answer(self, trial: Trial, record: Record | None) -> None:
        """Tells what came of a proposed point; None where its run failed. Raises RecordError for a missing figure.

        One that is over budget was not trained: Optuna learns by how much, and `answered` does not count it.
        """
        if self.budget and record is not None and "budget" in record:
            for name, share in excess(record["budget"] | self.bounds).items():
                trial.set_constraint(name, share)
        if record is not None and record.get("status") == Status.OVER_BUDGET:
            trial.set_user_attr(OVER, record["error"])
            self.study.tell(trial, state=TrialState.PRUNED)
            return
        trial.set_user_attr("answered", True)
        if record is None or record.get("status") == Status.PRUNED:
            self.study.tell(trial, state=TrialState.FAIL if record is None else TrialState.PRUNED)
            return
        self.study.tell(trial, [objective.value(record) for objective in self.objectives])

    @property
    def best(self) -> list[FrozenTrial]:
        """What no other trial beats in every objective, each point once; by the last objective, low first."""
        points = {tuple(sorted(trial.params.items())): trial for trial in reversed(self.study.best_trials)}
        return sorted(points.values(), key=lambda trial: (trial.values[-1], trial.number))

    def close(self) -> None:
        """Ends this process's part; what it had begun is proposed again by the next."""
        self.worker.close(leaves=any(one.user_attrs.get("worker") == self.worker.name for one in self.running))


def _as_now(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What an earlier version has kept of a search, which knew less of it."""
    return {"choices" if key == "space" else key: value for key, value in asked.items()}


def _plain(value: Any, distribution: BaseDistribution) -> Any:
    """A step's value as it is typed: 0.3, not 0.30000000000000004."""
    stepped = isinstance(distribution, FloatDistribution) and distribution.step is not None
    return float(f"{value:.12g}") if stepped else value
