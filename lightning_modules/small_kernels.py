"""Loops over images that lie batch innermost in memory, compiled by Numba when first used, then kept on disk."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np


@cache
def correlations(k: int) -> tuple[Callable[..., None], Callable[..., None]]:
    """Correlation, and its gradient by the weights, with kernels of k x k: the size is a constant to the compiler."""

    @numba.njit(fastmath=True, nogil=True, cache=True)
    def correlate(padded: Any, weight: Any, bias: Any, out: Any) -> None:
        stack, outputs, height, width, batch = out.shape
        for job in range(stack * outputs):
            s, o = job // outputs, job % outputs
            for y in range(height):
                for x in range(width):
                    sums = out[s, o, y, x]
                    for i in range(batch):
                        sums[i] = bias[s, o]
                    for c in range(padded.shape[1]):
                        for dy in range(k):
                            row, taps = padded[s, c, y + dy], weight[s, o, c, dy]
                            for i in range(batch):
                                total = sums[i]
                                for dx in range(k):
                                    total += taps[dx] * row[x + dx, i]
                                sums[i] = total

    @numba.njit(fastmath=True, nogil=True, cache=True)
    def by_weight(padded: Any, given: Any, out: Any) -> None:
        stack, outputs, height, width, batch = given.shape
        for job in range(stack * outputs):
            s, o = job // outputs, job % outputs
            for c in range(padded.shape[1]):
                for dy in range(k):
                    sums = out[s, o, c, dy]
                    sums[:] = 0
                    for y in range(height):  # a row at a time: it stays in the nearest cache for all dx
                        row, slopes = padded[s, c, y + dy], given[s, o, y]
                        for dx in range(k):
                            total = np.float32(0)
                            for x in range(width):
                                for i in range(batch):
                                    total += slopes[x, i] * row[x + dx, i]
                            sums[dx] += total

    return correlate, by_weight


@cache
def poolings() -> tuple[Callable[..., None], Callable[..., None]]:
    """The greatest of 2 x 2 and which it was, the first of equals; its gradient."""

    @numba.njit(nogil=True, cache=True)
    def greatest(given: Any, out: Any, which: Any) -> None:
        stack, channels, height, width, batch = out.shape
        for job in range(stack * channels):
            s, c = job // channels, job % channels
            for y in range(height):
                for x in range(width):
                    upper, lower = given[s, c, 2 * y], given[s, c, 2 * y + 1]
                    for i in range(batch):
                        left = upper[2 * x, i] >= upper[2 * x + 1, i]
                        first = upper[2 * x, i] if left else upper[2 * x + 1, i]
                        under = lower[2 * x, i] >= lower[2 * x + 1, i]
                        second = lower[2 * x, i] if under else lower[2 * x + 1, i]
                        above = first >= second
                        out[s, c, y, x, i] = first if above else second
                        which[s, c, y, x, i] = (0 if left else 1) if above else (2 if under else 3)

    @numba.njit(nogil=True, cache=True)
    def back(given: Any, which: Any, out: Any) -> None:
        stack, channels, height, width, batch = given.shape
        none = np.float32(0)
        for job in range(stack * channels):
            s, c = job // channels, job % channels
            for y in range(height):
                for x in range(width):
                    upper, lower = out[s, c, 2 * y], out[s, c, 2 * y + 1]
                    for i in range(batch):
                        place, value = which[s, c, y, x, i], given[s, c, y, x, i]
                        upper[2 * x, i] = value if place == 0 else none
                        upper[2 * x + 1, i] = value if place == 1 else none
                        lower[2 * x, i] = value if place == 2 else none
                        lower[2 * x + 1, i] = value if place == 3 else none

    return greatest, back
