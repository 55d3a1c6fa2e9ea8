"""Loops over images that lie batch innermost in memory, compiled by Numba when first used, then kept on disk."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np


def step_of(k: int) -> int:
    """Pixels from one place of a kernel to the next."""
    return 1 if k % 2 else k


@cache
def correlations(k: int) -> tuple[Callable[..., None], Callable[..., None]]:
    """Correlation, and its gradient by the weights, with kernels of k x k: the size is a constant to the compiler.

    An odd kernel goes from pixel to pixel over a padded image, an even one from patch to patch: its stride is its size.
    """
    stride = step_of(k)

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
                            row, taps = padded[s, c, stride * y + dy], weight[s, o, c, dy]
                            for i in range(batch):
                                total = sums[i]
                                for dx in range(k):
                                    total += taps[dx] * row[stride * x + dx, i]
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
                        row, slopes = padded[s, c, stride * y + dy], given[s, o, y]
                        for dx in range(k):
                            total = np.float32(0)
                            for x in range(width):
                                for i in range(batch):
                                    total += slopes[x, i] * row[stride * x + dx, i]
                            sums[dx] += total

    return correlate, by_weight


@cache
def spreading(k: int) -> Callable[..., None]:
    """The gradient of a correlation from patch to patch by the images: each pixel lies in one patch."""

    @numba.njit(fastmath=True, nogil=True, cache=True)
    def by_images(given: Any, weight: Any, out: Any) -> None:
        stack, outputs, height, width, batch = given.shape
        channels = out.shape[1]
        for job in range(stack * channels):
            s, c = job // channels, job % channels
            for y in range(height):
                for dy in range(k):
                    for x in range(width):
                        for dx in range(k):
                            sums = out[s, c, k * y + dy, k * x + dx]
                            for i in range(batch):
                                total = np.float32(0)
                                for o in range(outputs):
                                    total += weight[s, o, c, dy, dx] * given[s, o, y, x, i]
                                sums[i] = total

    return by_images


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
