"""Seconds a rendered joint, pictures side by side in processes against Mitsuba's own threads: `python -m benchmarks.shackles`.

The same pictures of 256 px in both ways, with as many processes, or threads, as there are cores. Rounds are interleaved; ratios
are medians over rounds.
"""

import argparse
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from datamodules.shackles.dataset import Order, panoramas_of, render
from datamodules.shackles.scene import Variation, renderer


def main() -> None:
    """Renders, times and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=12, help="of each round")
    parser.add_argument("--side", type=int, default=256, help="pixels")
    parser.add_argument("--samples", type=int, default=Variation.samples, help="light paths per pixel")
    arguments = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    with TemporaryDirectory() as place, ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
        drawn = panoramas_of(Path(place), None)
        variation = Variation(samples=arguments.samples)
        orders = [
            Order(Path(place) / f"{at}.jpg", at, 0, arguments.side, variation, drawn)
            for at in range(arguments.pictures)
        ]
        side_by_side, threads = [], []
        for round_ in range(arguments.rounds + 1):
            one = _seconds(pool.map(render, orders))
            other = _seconds(_on_threads(orders, cores))
            if round_:  # the first one loads
                side_by_side.append(one / len(orders))
                threads.append(other / len(orders))
    ratios = sorted(slow / fast for slow, fast in zip(threads, side_by_side, strict=True))
    print(
        f"{arguments.side} px, {arguments.samples} paths a pixel, {cores} cores, {arguments.rounds} rounds of {arguments.pictures}"
    )
    print(
        f"processes: {median(side_by_side):.2f} s a picture; Mitsuba's threads in one process: {median(threads):.2f} s"
    )
    print(f"processes are {median(ratios):.2f} [{ratios[0]:.2f}, {ratios[-1]:.2f}] times as fast")


def _seconds(work: Iterator[None]) -> float:
    began = time.perf_counter()
    for _ in work:
        pass
    return time.perf_counter() - began


def _on_threads(orders: list[Order], cores: int) -> Iterator[None]:
    import drjit

    renderer()
    drjit.set_thread_count(cores)
    for order in orders:
        render(order)
        yield


if __name__ == "__main__":
    main()
