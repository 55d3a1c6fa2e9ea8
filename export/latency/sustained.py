"""What becomes of a latency after minutes without a pause, when the phone is warm and slows down."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

ROUND_S = 5.0
"""About what one call takes."""


@dataclass(frozen=True)
class Sustained:
    """Calls one after the other."""

    at_s: list[float]
    """When each call ended, after the begin of the first."""
    ms: list[float]
    """Mean latency of one image in each."""

    def as_entry(self) -> dict[str, Any]:
        """`seconds` in all, `latency_ms` (median over the last fifth of the calls), `slowdown` (that over the median of the first
        fifth, 1 where nothing changed), and every call: `at_s`, `ms`.
        """
        share = max(1, len(self.ms) // 5)
        first, last = float(np.median(self.ms[:share])), float(np.median(self.ms[-share:]))
        rounded = {"at_s": [round(at, 1) for at in self.at_s], "ms": [round(ms, 4) for ms in self.ms]}
        return {"seconds": self.at_s[-1], "latency_ms": last, "slowdown": last / first} | rounded


def sustained(call: Callable[[int], float], seconds: float, latency_ms: float) -> Sustained:
    """Calls again and again, without a pause, until `seconds` are over.

    Args:
        call: number of images → their mean latency in ms.
        seconds: at least so long; two calls at least.
        latency_ms: of a cool phone; how many images a call of about ROUND_S has.

    """
    runs = max(1, int(1000 * min(ROUND_S, seconds / 5) / max(latency_ms, 1e-3)))
    began = time.monotonic()
    at_s: list[float] = []
    ms: list[float] = []
    while len(ms) < 2 or at_s[-1] < seconds:
        ms.append(call(runs))
        at_s.append(time.monotonic() - began)
    return Sustained(at_s, ms)
