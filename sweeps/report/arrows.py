"""Before and after of each pair of runs that differ in one choice, as small arrows in the table of effects."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sweeps.analysis.main_effects import Effect

WIDTH, LINE, MOST = 150, 7, 12
"""Pixels across, pixels a pair, and most pairs that are drawn."""


@dataclass(frozen=True)
class Arrows:
    """Of one effect, ready to be written down."""

    height: int
    lines: list[tuple[float, float, float, bool]] = field(default_factory=list)
    """y, where it starts, where it ends (pixels), and whether the figure rose."""
    tip: str = ""


def draw_arrows(effects: Sequence[Effect]) -> tuple[list[Arrows], float, float]:
    """The pairs of each effect, and the figure at the left and at the right end, which all of them share."""
    values = [value for effect in effects for change in effect.changes for value in change]
    low, high = min(values, default=0.0), max(values, default=1.0)
    scale = (WIDTH - 8) / (high - low) if high > low else 0.0
    drawn = []
    for effect in effects:
        shown = sorted(effect.changes)[:MOST]
        lines = [
            (LINE * (at + 0.5), 4 + scale * (before - low), 4 + scale * (after - low), after >= before)
            for at, (before, after) in enumerate(shown)
        ]
        more = f"\nand {len(effect.changes) - MOST} more" if len(effect.changes) > MOST else ""
        tip = "\n".join(f"{before:.3f} → {after:.3f}" for before, after in shown) + more
        drawn.append(Arrows(LINE * max(len(shown), 1), lines, tip))
    return drawn, low, high
