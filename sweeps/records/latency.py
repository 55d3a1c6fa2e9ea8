"""A latency's entry in a record."""

import numpy as np

from sweeps.records.run_record import Record


def typical_ms(timed: Record) -> float:
    """The p50 of a latency's entry, the mean where its runtime tells no more (older builds of benchmark_model)."""
    known = (timed.get(f"latency_ms_{name}") for name in ("p50", "mean"))
    return next((float(value) for value in known if value is not None), np.nan)
