"""Images per second of train.py's loop against a bare PyTorch loop and Keras `fit`: `make bench`.

Every peer is a process of its own that trains the same architecture on the same random cells with the same batch, and
waits for its turn; rounds are interleaved, the first is thrown away, and ratios are medians over rounds. The bare loop
has its tensors in memory and augments nothing. `benchmarks.peers` has more peers, on cells that can be learnt.
"""

import argparse
import os
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.cases import EVERY, noise
from benchmarks.peer import command
from benchmarks.turns import ratios, speeds, spread, take_turns

DEFAULT = ("mobilenet-0.5-128", "efficientnet_b0-224")
OURS = ("bare", "gridlite none", "gridlite heavy")
PEERS = ("bare", "gridlite none", "gridlite light", "gridlite heavy", "gridlite single", "keras")


def main() -> None:
    """Lets the peers take turns and prints images/s and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds per case")
    parser.add_argument("--case", choices=EVERY, help="this case only")
    parser.add_argument("--every", action="store_true", help="every backbone, against the bare loop alone")
    arguments = parser.parse_args()
    for case in [arguments.case] if arguments.case else EVERY if arguments.every else DEFAULT:
        with tempfile.TemporaryDirectory() as scratch:
            noise(EVERY[case], Path(scratch))
            epochs = arguments.rounds + 1
            peers = OURS if arguments.every else PEERS
            commands = {peer: command(peer, case, Path(scratch), epochs) for peer in peers}
            seen = take_turns(commands, epochs)
        report(case, {peer: speeds(epochs, EVERY[case].train) for peer, epochs in seen.items()})


def report(case: str, measured: dict[str, list[float]]) -> None:
    """A line per peer: median images/s and the median over rounds of the ratio to the bare loop and to Keras."""
    rounds = len(measured["bare"])
    print(f"{case}, batch {EVERY[case].batch}, {os.cpu_count()} cores, {rounds} interleaved rounds")
    for peer, values in measured.items():
        keras = f"   {median(ratios(values, measured['keras'])):.2f} of Keras" if "keras" in measured else ""
        print(
            f"  {peer:<15} {median(values):7.1f} images/s   {spread(ratios(values, measured['bare']))} of bare{keras}"
        )


if __name__ == "__main__":
    main()
