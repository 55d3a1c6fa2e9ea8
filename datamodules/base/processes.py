"""Processes that render: as many as wanted, started afresh."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor


def fresh_processes(workers: int, initializer: Callable[[], None] | None = None) -> ProcessPoolExecutor:
    """A pool of `workers` new processes that share nothing: the fork of a process that has threads (torch) may hang.

    A job of `hydra/launcher=side_by_side` runs in one of joblib's processes, whose default start method, loky, the
    standard library hands on to the children, who do not know it; so there the default becomes spawn.
    """
    if multiprocessing.get_start_method(allow_none=True) not in (None, *multiprocessing.get_all_start_methods()):
        multiprocessing.set_start_method("spawn", force=True)
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=initializer)
