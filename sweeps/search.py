"""Search past the grid: Optuna proposes points, records answer (Akiba et al. 2019, "Optuna").

The search is kept in `search.log` in the sweep's folder: the same command goes on where it was stopped.
"""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from sweeps.records.budget import excess
from sweeps.records.run_record import Record, RecordError, Status

OVER = "over budget"
"""What a trial keeps of its budget: why it was not trained."""
Direction = Literal["maximize", "minimize"]
ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


@dataclass(frozen=True)
class Objective:
    """A figure of a record that is to be high or low."""

    figure: str
    """A metric such as val/accuracy, or of an exported file such as int8:val/accuracy or int8:latency_ms_p50."""
    direction: Direction

    @classmethod
    def parse(cls, words: str) -> "Objective":
        """From `maximize <figure>` or `minimize <figure>`; ValueError otherwise."""
        direction, _, figure = words.partition(" ")
        if direction not in ("maximize", "minimize") or not figure.strip():
            raise ValueError(f"hydra.sweeper.objectives: {words!r}: want maximize or minimize and a figure")
        return cls(figure.strip(), cast(Direction, direction))

    def value(self, record: Record) -> float:
        """What a record says. Raises RecordError where it does not have the figure."""
        file, _, name = self.figure.rpartition(":")
        entry: Any = record.get("exports", {}).get(file, {}) if file else record.get("metrics", {})
        value = entry.get(name, next((timed[name] for timed in entry.get("latency", []) if name in timed), None))
        if name in entry and value is None:  # an epoch that never came
            return math.inf if self.direction == "minimize" else -math.inf
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
        budget: bounds, format and device of `budget.*`, empty where there is none: points beyond a bound are constraints broken.
        pruner: one of `optuna.pruners` by its name under `name`, with its settings; None lets every run end.

    Raises ValueError for a pruner that does not exist or cannot judge these objectives.

    """

    def __init__(
        self,
        folder: Path,
        space: Mapping[str, BaseDistribution],
        objectives: list[Objective],
        seed: int,
        pruner: Mapping[str, Any] | None = None,
        budget: Mapping[str, Any] | None = None,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        folder.mkdir(parents=True, exist_ok=True)
        if pruner:
            _check(pruner, objectives)
        self.space, self.objectives, self.seed, self.budget = dict(space), objectives, seed, dict(budget or {})
        storage = JournalStorage(JournalFileBackend(str(folder / "search.log")))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self.study = optuna.create_study(
                storage=storage, study_name="search", load_if_exists=True,
                directions=[objective.direction for objective in objectives],
            )  # fmt: skip
        asked = {"space": {key: str(value) for key, value in sorted(space.items())},
                 "objectives": [f"{one.direction} {one.figure}" for one in objectives]}  # fmt: skip
        asked |= {"budget": self.budget} if self.budget else {}
        if self.study.user_attrs.setdefault("asked", asked) != asked:
            raise ValueError(
                f"{folder}: holds a search of other choices, objectives or budget; give this one a sweep_name of its own"
            )
        self.study.set_user_attr("asked", asked)
        if pruner:
            self.study.set_user_attr("pruner", dict(pruner))
            self.study.set_user_attr("figure", objectives[0].figure)
        self._take_up()

    def _take_up(self) -> None:
        """Trials that a stopped search had begun are proposed again, first."""
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            self.study.enqueue_trial(trial.params)
            self.study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)

    @property
    def answered(self) -> list[FrozenTrial]:
        """Trials whose run has ended, well or not."""
        ended = self.study.get_trials(deepcopy=False, states=ENDED)
        return [trial for trial in ended if trial.user_attrs.get("answered")]

    @property
    def bounds(self) -> dict[str, float | None]:
        """Of this search, as a record has them; a run that it finds done may have been trained under others."""
        return {f"most_{name}": self.budget[name] for name in ("ms", "kb")}

    @property
    def over_budget(self) -> list[FrozenTrial]:
        """Trials that were not trained: their files would cost too much."""
        ended = self.study.get_trials(deepcopy=False, states=(TrialState.PRUNED,))
        return [trial for trial in ended if trial.user_attrs.get(OVER)]

    def propose(self) -> tuple[Trial, dict[str, Any]]:
        """The next point: override → value."""
        # A generator per proposal: a search that goes on must neither repeat its first points nor end elsewhere.
        seed = int(np.random.SeedSequence((self.seed, len(self.answered) + len(self.over_budget))).generate_state(1)[0])
        self.study.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=max(5, 2 * len(self.space)))
        trial = self.study.ask(self.space)
        return trial, dict(trial.params)

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
        """What no other trial beats in every objective; by the last objective, low first."""
        return sorted(self.study.best_trials, key=lambda trial: trial.values[-1])


class Judge:
    """Says after an epoch whether a trial is worth its others; asked by the job itself, in whatever process.

    Args:
        folder: the sweep's, with the search's `search.log`.
        number: the trial's.

    """

    def __init__(self, folder: Path, number: int) -> None:
        storage = JournalStorage(JournalFileBackend(str(folder / "search.log")))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            known = optuna.load_study(storage=storage, study_name="search").user_attrs
            self.study = optuna.load_study(storage=storage, study_name="search", pruner=_pruner(known["pruner"]))
        self.figure, self.name = known["figure"], known["pruner"]["name"]
        self.trial = Trial(self.study, self.study.get_trials(deepcopy=False)[number]._trial_id)
        self.told = 0

    def __call__(self, epochs: Sequence[Mapping[str, float]]) -> str:
        """Reports the epochs that are new; why the training should end, empty where it should not."""
        for epoch in epochs[self.told :]:
            if self.figure not in epoch:
                raise ValueError(
                    f"objective {self.figure}: no epoch has it, a pruner needs it; epochs have {', '.join(epoch)}"
                )
            self.trial.report(epoch[self.figure], step=int(epoch["epoch"]))
        self.told = len(epochs)
        last = epochs[-1]
        ends = self.trial.should_prune()
        return (
            f"pruned after epoch {last['epoch'] + 1:g}: {self.figure} {last[self.figure]:.3f}, {self.name}"
            if ends
            else ""
        )


def _check(pruner: Mapping[str, Any], objectives: list[Objective]) -> None:
    if len(objectives) != 1:
        raise ValueError(f"hydra.sweeper.pruner: goes with one objective, these are {len(objectives)}")
    if ":" in objectives[0].figure:
        raise ValueError(
            f"hydra.sweeper.pruner: {objectives[0].figure} is known at the end only; want an epoch's figure"
        )
    _pruner(pruner)


def _pruner(settings: Mapping[str, Any]) -> optuna.pruners.BasePruner:
    names = [name for name in optuna.pruners.__all__ if name not in ("BasePruner", "NopPruner")]
    if settings.get("name") not in names:
        raise ValueError(f"hydra.sweeper.pruner.name={settings.get('name')}: want one of {', '.join(names)}")
    rest = {key: value for key, value in settings.items() if key != "name"}
    try:
        pruner: optuna.pruners.BasePruner = getattr(optuna.pruners, settings["name"])(**rest)
    except TypeError as error:
        raise ValueError(f"hydra.sweeper.pruner: {error}") from None
    return pruner
