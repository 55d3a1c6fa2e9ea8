"""What successive halving compares, and what a record says of it. No optuna here: most jobs need not ask it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sweeps.records.run_record import Record, Status


@dataclass(frozen=True)
class Bracket:
    """Runs that are judged against each other (Li et al. 2018, "A System for Massively Parallel Hyperparameter Tuning": ASHA).

    All of it has to be equal: the rule, the figure, the epochs asked for, the data with their division, the seed, and what `within` names.
    """

    reduction_factor: int
    """Of the runs compared one in so many goes on."""
    min_epochs: int
    """Epochs before the first comparison."""
    max_epochs: int
    figure: str
    """Of each epoch, such as val/macro_f1."""
    direction: str
    """max or min: which value of it is the best."""
    fingerprint: str
    """Of the data and how they are divided: a fold is part of it."""
    seed: int
    within: tuple[tuple[str, Any], ...] = ()
    """Setting → its value, of those that the runs have in common."""

    @property
    def key(self) -> str:
        """16 hex digits: equal for runs that are compared."""
        plain = json.dumps(asdict(self), sort_keys=True, default=str)
        return hashlib.blake2b(plain.encode(), digest_size=8).hexdigest()

    @property
    def rungs(self) -> tuple[int, ...]:
        """Epochs trained when a run is compared; its last one is none of them, for nothing would be spared."""
        found, epoch = [], self.min_epochs
        while epoch < self.max_epochs:
            found.append(epoch)
            epoch *= self.reduction_factor
        return tuple(found)

    @property
    def words(self) -> str:
        """The rule as it is typed."""
        within = f" halving.within=[{','.join(name for name, _ in self.within)}]" if self.within else ""
        return f"halving.reduction_factor={self.reduction_factor} halving.min_epochs={self.min_epochs}{within}"

    def entry(self, rungs: list[Record]) -> Record:
        """What a record has of it under `halving`: the bracket and what came of each comparison.

        Args:
            rungs: epoch, value, rank, of, stopped and ahead of each, see `sweeps.search.halving.HalvingJudge`.

        """
        return {"bracket": self.key, **asdict(self), "within": dict(self.within), "rungs": rungs}


def entered(record: Record, entry: Record) -> list[Record]:
    """A record's `halving` with one bracket's entry, the latest, in place of an earlier one of that bracket."""
    return [one for one in record.get("halving", []) if one["bracket"] != entry["bracket"]] + [entry]


def stopped_in(record: Record, bracket: Bracket) -> bool:
    """Whether the run was stopped in that very bracket, and has not been trained to its end since."""
    return record.get("status") == Status.PRUNED and True in _stops(record, bracket)


def finished_in(record: Record, bracket: Bracket) -> bool:
    """Whether the run was trained to its end under that rule, and never stopped by it."""
    return record.get("status") == Status.DONE and False in _stops(record, bracket)


def _stops(record: Record, bracket: Bracket) -> list[bool]:
    """Whether the bracket has stopped the run; nothing of one that was never judged there."""
    found = [one for one in record.get("halving", []) if one["bracket"] == bracket.key]
    return [any(rung["stopped"] for rung in one["rungs"]) for one in found]


def reason(rung: Mapping[str, Any], bracket: Bracket, trained: int) -> str:
    """Why a run ends, one line.

    Args:
        rung: at which it was stopped.
        trained: epochs; more than the rung's where the rule came later than they.

    """
    epochs = f"{trained} epoch{'s' if trained > 1 else ''}"
    of = "" if trained == rung["epoch"] else f" after {rung['epoch']}"
    if rung["rank"] is None:
        return f"pruned after {epochs}: {bracket.figure}{of} is no number ({bracket.words})"
    return (
        f"pruned after {epochs}: {bracket.figure} {rung['value']:.3f}{of} is {_ordinal(rung['rank'])} of {rung['of']} then, 1 in "
        f"{bracket.reduction_factor} goes on ({bracket.words})"
    )


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
