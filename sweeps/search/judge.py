"""Whether a trial of a search is worth its remaining epochs; asked by the job itself, in whatever process."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import Trial

from sweeps.search.objectives import Objective
from sweeps.search.storage import open_storage, study_name


class Judge:
    """Says after an epoch whether a trial is worth its others.

    Args:
        folder: the sweep's.
        number: the trial's.
        storage: where the study lies, see `sweeps.search.storage`.

    """

    def __init__(self, folder: Path, number: int, storage: str | None = None) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            kept, name = open_storage(folder, storage), study_name(folder, storage)
            known = optuna.load_study(storage=kept, study_name=name).user_attrs
            self.study = optuna.load_study(storage=kept, study_name=name, pruner=pruner_of(known["pruner"]))
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


def judge_of(folder: Path, trial: int | None, sweeper: Mapping[str, Any]) -> Judge | None:
    """The judge of a job; None where no search runs it, or one that lets every run end.

    Args:
        folder: the sweep's.
        trial: the job's in its search.
        sweeper: settings of the command's sweeper.

    """
    return Judge(folder, trial, sweeper.get("storage")) if trial is not None and sweeper.get("pruner") else None


def check_pruner(pruner: Mapping[str, Any], objectives: list[Objective]) -> None:
    """Raises ValueError for a pruner that does not exist or cannot judge these objectives."""
    if len(objectives) != 1:
        raise ValueError(f"hydra.sweeper.pruner: goes with one objective, these are {len(objectives)}")
    if ":" in objectives[0].figure:
        raise ValueError(
            f"hydra.sweeper.pruner: {objectives[0].figure} is known at the end only; want an epoch's figure"
        )
    pruner_of(pruner)


def pruner_of(settings: Mapping[str, Any]) -> optuna.pruners.BasePruner:
    """One of `optuna.pruners` by its `name`, with its settings. Raises ValueError."""
    names = [name for name in optuna.pruners.__all__ if name not in ("BasePruner", "NopPruner")]
    if settings.get("name") not in names:
        raise ValueError(f"hydra.sweeper.pruner.name={settings.get('name')}: want one of {', '.join(names)}")
    rest = {key: value for key, value in settings.items() if key != "name"}
    try:
        pruner: optuna.pruners.BasePruner = getattr(optuna.pruners, settings["name"])(**rest)
    except TypeError as error:
        raise ValueError(f"hydra.sweeper.pruner: {error}") from None
    return pruner
