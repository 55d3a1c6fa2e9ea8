"""An int8 file that keeps a bound: layers are computed in float until it holds, by `sensitivity.Search`'s order."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from tqdm import tqdm

from export.pieces import run_ms
from export.precision_note import asked, said
from export.sensitivity import Search, Step

MOST_EXTRA = 0.1
"""Of plain int8's time, which layers in float may cost while the probabilities ask for them; the bound may cost more. Whole files are held
to it: timed by themselves, layers cost less than they do in their file, by a third where many are in float.
"""
SEARCHED_AGAIN = 2
"""Times, where a whole file takes too long; then its last steps are taken back."""


class Bound(Protocol):
    """See `export.bound`."""

    @property
    def most_lost(self) -> float:
        """A file may lose so much."""

    def lost(self, data: bytes) -> float:
        """What a file loses."""

    def words(self, lost: float) -> str:
        """A loss in words."""


@dataclass(frozen=True)
class Mixed:
    """How a file of mixed precision comes about.

    Args:
        search: gives files one after the other.
        finish: what is done to a file whose layers are chosen.
        tolerance: change of the probabilities of blended calibration images at which no more layers are asked for.
        bound: what has to hold; None where there is nothing to judge by.

    """

    search: Search
    finish: Callable[[bytes], bytes]
    tolerance: float
    bound: Bound | None

    def file(self) -> tuple[bytes, dict[str, Any]]:
        """The first file on the way that is within the bound, and what the record says of it.

        Where none is but the one that is all float, the one that loses least.
        """
        with tqdm(desc="mixed precision", unit="trial", leave=False, disable=None) as self.search.bar:
            path = self._until_tolerance()
            made, lost = [(path[-1], self._finished(path[-1]))], list[float]()
            while self.bound is not None:
                lost.append(self.bound.lost(made[-1][1]))
                if lost[-1] <= self.bound.most_lost:
                    break
                path += self._halved(path[-1])
                if self._is_float(path[-1]):
                    least = min(range(len(lost)), key=lambda place: lost[place])
                    return made[least][1], self._said(path, made, lost)
                made.append((path[-1], self._finished(path[-1])))
        return made[-1][1], self._said(path, made, lost)

    def _until_tolerance(self) -> list[Step]:
        """Steps until the change is small enough, or what is left costs too much or leaves nothing in int8.

        Where the whole file takes longer than its pieces had promised, the search begins anew with as much less to spend.
        """
        plain = self.search.make(frozenset())
        most_ms = MOST_EXTRA * run_ms(plain)

        def extra(step: Step) -> float:
            return self.search.extra(self.search.make(step.chosen), plain)

        path = self._steps(most_ms)
        for _ in range(SEARCHED_AGAIN):
            if len(path) == 1 or (taken := extra(path[-1])) <= most_ms:
                return path
            path = self._steps(path[-1].ms * most_ms / taken)
        return path[: bisect_right(path, most_ms, lo=1, key=extra)]

    def _steps(self, most_ms: float) -> list[Step]:
        """Steps that cost so much by their pieces at most."""
        path = [self.search.plain()]
        while path[-1].change > self.tolerance and (step := self.search.after(path[-1], most_ms)):
            if self._is_float(step):
                break
            path.append(step)
        return path

    def _halved(self, last: Step) -> list[Step]:
        """Further steps, until the change is half of what it was or no layer is left."""
        steps = [last]
        while (len(steps) == 1 or steps[-1].change > last.change / 2) and (step := self.search.after(steps[-1])):
            steps.append(step)
        return steps[1:]

    def _is_float(self, step: Step) -> bool:
        """Whether no layer is left in int8."""
        return len(step.chosen) == len(self.search.layers.layers)

    def _finished(self, step: Step) -> bytes:
        return self.finish(self.search.make(step.chosen))

    def _said(self, path: list[Step], made: list[tuple[Step, bytes]], lost: list[float]) -> dict[str, Any]:
        """For the record: the layers in float, why, and what each step gave."""
        losses = {step.chosen: loss for (step, _), loss in zip(made, lost, strict=False)}
        layers = self.search.layers
        held = not lost or self.bound is None or lost[-1] <= self.bound.most_lost
        chosen = made[-1][0].chosen if held else min(losses, key=lambda one: losses[one])
        steps = [
            {
                "to_float": layers.names(step.moved),
                "probability_change": round(step.change, 6),
                "extra_ms": round(step.ms, 4),
                **({"lost": round(losses[step.chosen], 6)} if step.chosen in losses else {}),
            }
            for step in path
        ]
        return said(
            layers.names(chosen), len(layers.layers), self._why(made, lost, held=held), steps, within_bound=held
        )

    def _why(self, made: list[tuple[Step, bytes]], lost: list[float], *, held: bool) -> str:
        if self.bound is None or not lost:
            return asked(made[-1][0].change, self.tolerance)
        most = self.bound.words(self.bound.most_lost)
        if not held:
            best = self.bound.words(min(lost))
            return f"int8 is not to be had within {most}: the best of {len(lost)} files that are not all float loses {best}"
        if len(lost) > 1:
            return f"with fewer it loses {self.bound.words(lost[-2])}, more than {most}"
        return asked(made[-1][0].change, self.tolerance)
