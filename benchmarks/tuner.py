"""What looking for a faster way costs of the training that it serves, with and without other work: `python -m benchmarks.tuner`.

The training is of MobileNet 0.5 at 128 px in batches of 32. Other work are processes that multiply matrices. A round takes some five minutes on
two cores that have nothing else to do; rounds are interleaved.
"""

import argparse
import multiprocessing
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from heads.one_hot import OneHot
from lightning_modules.backbones.mobilenet import MobileNet
from lightning_modules.backbones.spec import InitialWeights
from lightning_modules.execution import PLAIN
from lightning_modules.networks.classifier import GradeNetwork
from training.autotune import best, explore
from training.probing import HeadLoss

HOURS = (0.1, 0.5)
OTHERS = (0, 2, 6)
START = InitialWeights("random", "same", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
IDLE_STEP_S = 0.25
"""Of the plain way on two idle cores: how many steps make so many hours."""


def _works() -> None:
    one = np.ones((600, 600))
    while True:
        one @ one


@contextmanager
def beside(others: int) -> Iterator[None]:
    """So many other processes work; the load has had time to tell."""
    found = [multiprocessing.get_context("spawn").Process(target=_works, daemon=True) for _ in range(others)]
    for one in found:
        one.start()
    time.sleep(40 if others else 90)
    try:
        yield
    finally:
        for one in found:
            one.kill()
            one.join()


def main() -> None:
    """Prints a row per round, other work and length."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    rounds = parser.parse_args().rounds
    network = GradeNetwork(MobileNet(0.5, START), 5, dropout=0.0)
    batch = torch.randint(0, 256, (32, 3, 128, 128), dtype=torch.uint8)
    print(f"{'other processes':>16} {'training':>9} {'looked for':>11} {'share of it':>12}  taken; why no more")
    for _ in range(rounds):
        for others in OTHERS:
            with beside(others):
                for hours in HOURS:
                    steps = int(3600 * hours / IDLE_STEP_S)
                    began = time.perf_counter()
                    found = explore(network, HeadLoss(OneHot(5)), batch, steps)
                    seconds = time.perf_counter() - began
                    whole = steps * found[0].quickest_s
                    why = found[0].busy or "; ".join(f"{one.way.name}: {one.error}" for one in found if one.error)
                    taken = best(found, steps).way.name if found else PLAIN.name
                    print(
                        f"{others:>16} {whole / 3600:>7.2f} h {seconds:>9.1f} s {seconds / whole:>11.2%}  {taken}; {why}"
                    )
                    sys.stdout.flush()


if __name__ == "__main__":
    main()
