"""How the C library hands out memory."""

import ctypes


def keep_freed_memory() -> bool:
    """Has the C library keep what is freed instead of giving it back to the kernel; returns whether it is one that can (glibc).

    A training frees the same tensors at each step and asks for them anew at the next; given back, every page of them is
    cleared and mapped again. `benchmarks/allocation.py` measures what that costs, and that the most memory grows by some 3 %;
    it is given back when the process ends.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return all(bool(mallopt(key, value)) for key, value in MALLOPT.values())


MALLOPT = {"M_MMAP_MAX": (-4, 0), "M_TRIM_THRESHOLD": (-1, 2**31 - 1), "M_TOP_PAD": (-2, 64 * 2**20)}
"""From malloc.h, mallopt(3): nothing in a mapping of its own, nothing trimmed, grown by 64 MiB."""
