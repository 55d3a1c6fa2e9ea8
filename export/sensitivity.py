"""Which layers of an int8 file are worth computing in float: a greedy search by what each one gives per millisecond that it costs.

Leskovec et al. 2007, "Cost-effective outbreak detection in networks" (lazy evaluation); of networks, Dong et al. 2019, "HAWQ" rank layers
by sensitivity alone. Here a layer's sensitivity is measured: the drop of the probabilities' change on blended calibration images
once it is computed in float, and so is its cost: its own operators with the casts around them, in float and in int8.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import inf

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

    """

    layers: Layers
    make: Callable[[Chosen], bytes]
    change_of: Callable[[bytes], float]
    extra: Callable[[bytes, bytes], float] = extra_ms
    _tried: dict[Chosen, Step] = field(default_factory=dict)
    _ms: dict[Chosen, float] = field(default_factory=dict)
    _plain: Model | None = None

    def plain(self) -> Step:
        """No layer in float."""
        data = self.make(frozenset())
        self._plain = unpack(data)
        return Step(frozenset(), frozenset(), self.change_of(data), 0.0)

    def steps(self) -> Iterator[Step]:
        """One file after the other, each with more layers in float than the one before, until all are."""
        now, began = self.plain(), time.monotonic()
        yield now
        whole = frozenset(range(len(self.layers.layers)))
        worth = dict.fromkeys([*self.layers.blocks, *(frozenset([place]) for place in sorted(whole))], inf)
        with tqdm(desc="mixed precision", unit="trial", leave=False, disable=None) as bar:
            while now.chosen != whole:
                fresh: dict[Chosen, Step] = {}
                worth = {one: value for one, value in worth.items() if not one <= now.chosen}
                late = False
                while (best := max(worth, key=lambda one: worth[one])) not in fresh and not late:
                    fresh[best] = self.tried_with(now, best)
                    worth[best] = worth_of(now, fresh[best])
                    bar.update()
                    late = time.monotonic() - began > LONGEST_S
                now = fresh[max(fresh, key=lambda one: worth[one])]
                if late:
                    worth = {one: -inf if value == inf else value for one, value in worth.items()}
                else:  # beside a layer in float another one may bring more than before
                    near = self.layers.near(now.moved) - now.chosen
                    worth |= {one: inf for one in worth if len(one) == 1 and one <= near}
                bar.set_postfix_str(f"{len(now.chosen)} of {len(whole)} layers in float")
                yield now

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
