"""Which of Optuna's samplers proposes the points: `hydra.sweeper.sampler=tpe`."""

import warnings
from collections.abc import Mapping

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, QMCSampler, RandomSampler, TPESampler

SAMPLERS = ("tpe", "nsga2", "gp", "qmc", "random")
TAKE_A_BUDGET = ("tpe",)
"""Those that learn from points that were not trained. The generations of nsga2 and the models of gp are of trained points alone:
gp proposed points over budget without end. qmc and random learn from nothing."""


def check_sampler(name: str, *, budget: bool) -> None:
    """Raises ValueError for a sampler that does not exist, and for one that cannot take a budget as constraints."""
    if name not in SAMPLERS:
        raise ValueError(f"hydra.sweeper.sampler={name}: want one of {', '.join(SAMPLERS)}")
    if budget and name not in TAKE_A_BUDGET:
        able = " or ".join(TAKE_A_BUDGET)
        raise ValueError(f"hydra.sweeper.sampler={name}: takes no constraints, which budget.* is; want {able}")


def sampler_of(name: str, space: Mapping[str, BaseDistribution], seed: int, proposal: int) -> BaseSampler:
    """A sampler for one proposal.

    Args:
        name: one of SAMPLERS.
        space: override → what may be chosen for it.
        seed: of the search; of the sequence itself for qmc, whose workers share one.
        proposal: a seed of this proposal's own.

    """
    first = max(5, 2 * len(space))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if name == "nsga2":  # its usual generation of 50 is more than a search here has trials
            return NSGAIISampler(seed=proposal, population_size=2 * first)
        if name == "gp":
            return GPSampler(seed=proposal, n_startup_trials=first, warn_independent_sampling=False)
        if name == "qmc" and not all(isinstance(one, CategoricalDistribution) for one in space.values()):
            others = RandomSampler(proposal)
            return QMCSampler(seed=seed, scramble=True, independent_sampler=others, warn_independent_sampling=False)
        if name in ("random", "qmc"):
            return RandomSampler(proposal)
        return TPESampler(seed=proposal, n_startup_trials=first)
