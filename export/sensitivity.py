"""Which layers of an int8 file are worth computing in float: a greedy search by what each one gives per millisecond that it costs.

Leskovec et al. 2007, "Cost-effective outbreak detection in networks" (lazy evaluation); of networks, Dong et al. 2019, "HAWQ" rank layers
by sensitivity alone. Here a layer's sensitivity is measured: the drop of the probabilities' change on blended calibration images
once it is computed in float, and so is its cost: its own operators with the casts around them, in float and in int8.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any

from tqdm import tqdm

from export.flatbuffer import Model, unpack
from export.layers import Layers
from export.pieces import extra_ms, piece

LEAST_MS = 0.002
"""A layer counts as costing at least this: below is noise, and nothing is free on every processor."""
LONGEST_S = 90.0
"""After so many seconds no layer is tried but the one that is taken next; blocks are tried first, so that each layer was by then."""

Chosen = frozenset[int]


@dataclass(frozen=True)
class Step:
    """A file on the way from int8 to float."""

    moved: Chosen
    """Places of the layers that went to float by it."""
    chosen: Chosen
    """Of all that are in float."""
    change: float
    """Of the probabilities of blended calibration images, see `FileModel.change`."""
    ms: float
    """What it takes longer than plain int8, by the pieces that were timed, on one thread of this machine."""


@dataclass
class Search:
    """Files of one network, each made once.

    Args:
        layers: of the float32 file.
        make: places of layers → the int8 file with these in float.
        change_of: how far a file's probabilities lie from float32's.
        extra: how much longer a file takes than another, ms.
        bar: on which trials are counted.

    """

    layers: Layers
    make: Callable[[Chosen], bytes]
    change_of: Callable[[bytes], float]
    extra: Callable[[bytes, bytes], float] = extra_ms
    _tried: dict[Chosen, Step] = field(default_factory=dict)
    bar: Any = field(default_factory=lambda: tqdm(disable=True))
    _ms: dict[Chosen, float] = field(default_factory=dict)
    _worth: dict[Chosen, float] = field(default_factory=dict)
    _costs: dict[Chosen, float] = field(default_factory=dict)
    _plain: Model | None = None
    _began: float = 0.0

    def plain(self) -> Step:
        """No layer in float; where the search begins."""
        data = self.make(frozenset())
        self._plain, self._began = unpack(data), time.monotonic()
        singles = [frozenset([place]) for place in range(len(self.layers.layers))]
        self._worth = dict.fromkeys([*self.layers.blocks, *singles], inf)
        return Step(frozenset(), frozenset(), self.change_of(data), 0.0)

    def after(self, now: Step, most_ms: float = inf) -> Step | None:
        """The file with more layers in float that is worth most per millisecond; None where no layer is left, or all cost too much.

        Args:
            now: the step before.
            most_ms: what the file may take longer than plain int8.

        """
        late = time.monotonic() - self._began > LONGEST_S
        self._worth = {
            one: -inf if late and value == inf else value for one, value in self._worth.items() if not one <= now.chosen
        }
        within = [one for one in self._worth if now.ms + self._costs.get(one, 0.0) <= most_ms]
        fresh: dict[Chosen, Step] = {}
        while within and (best := max(within, key=lambda one: self._worth[one])) not in fresh:
            step = self.tried_with(now, best)
            self._worth[best], self._costs[best] = worth_of(now, step), step.ms - now.ms
            self.bar.update()
            if step.ms > most_ms:
                within.remove(best)
            else:
                fresh[best] = step
                if late or time.monotonic() - self._began > LONGEST_S:
                    break
        if not fresh:
            return None
        taken = fresh[max(fresh, key=lambda one: self._worth[one])]
        if not late:
            self._look_around(taken)
        self.bar.set_postfix_str(f"{len(taken.chosen)} of {len(self.layers.layers)} layers in float")
        return taken

    def _look_around(self, taken: Step) -> None:
        """Beside a layer in float another one, or two, may bring more than before."""
        near = self.layers.near(taken.moved) - taken.chosen
        pairs = {frozenset([one, other]) for one in near for other in self.layers.near({one}) - taken.chosen}
        self._worth |= dict.fromkeys({*(frozenset([one]) for one in near), *pairs}, inf)

    def tried_with(self, now: Step, more: Chosen) -> Step:
        """The file with more layers in float."""
        chosen = now.chosen | more
        if chosen not in self._tried:
            data = self.make(chosen)
            self._tried[chosen] = Step(more - now.chosen, chosen, self.change_of(data), self.ms(chosen, data))
        known = self._tried[chosen]
        return Step(more - now.chosen, chosen, known.change, known.ms)

    def ms(self, chosen: Chosen, data: bytes) -> float:
        """What a file takes longer than plain int8: a sum over runs of neighbours in float, each timed once."""
        model: Model | None = None
        for run in self.layers.connected(chosen):
            if run not in self._ms:
                model = model or unpack(data)
                names = self.layers.results(run)
                assert self._plain is not None
                self._ms[run] = self.extra(piece(model, names), piece(self._plain, names))
        return sum(self._ms[run] for run in self.layers.connected(chosen))


def worth_of(before: Step, after: Step) -> float:
    """The drop of the change per millisecond."""
    return (before.change - after.change) / max(after.ms - before.ms, LEAST_MS)
