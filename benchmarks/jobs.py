"""Trainings an hour: one after the other with all cores, or one per core side by side: `make bench-jobs`.

The same grid of seeds, start-up and closing tests included, both ways in turns. What is trained beside others has to come
out as it does by itself on as many threads. `--launcher ray_cluster`, or `submitit_slurm` with its settings, adds a cluster that is already running and that
this machine's environment points to.
"""

import argparse
import os
import tempfile
from pathlib import Path
from statistics import median

import psutil
from rich.console import Console

from benchmarks.scaling import Run, draw, run, table
from benchmarks.turns import spread

NETWORKS = {"mobilenet 0.25, 64 px": ("mobilenet", 0.25, 64), "mobilenet 0.5, 128 px": ("mobilenet", 0.5, 128)}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--launcher", nargs="+", default=[], help="a further launcher's name, then its settings")
    arguments = parser.parse_args()
    jobs = 2 * (psutil.cpu_count(logical=False) or 1)
    ways = {"in turn": [], "side by side": ["hydra/launcher=side_by_side"]}
    if arguments.launcher:
        name, *settings = arguments.launcher
        ways[name] = [f"hydra/launcher={name}", *settings]
    shown = table(f"{jobs} trainings of {arguments.epochs} epochs on {arguments.images} images, medians of {arguments.rounds}",
                  "network", *(f"{way}, jobs an hour" for way in ways), *(f"{way} / in turn" for way in list(ways)[1:]))  # fmt: skip
    for title, (backbone, width, side) in NETWORKS.items():
        with tempfile.TemporaryDirectory() as scratch:
            place = Path(scratch)
            draw(place / "images", arguments.images, side)
            network = [
                "datamodule=image_folder", f"backbone={backbone}", "backbone.weights=none", f"width={width}",
                f"resolution={side}", "augmentation=heavy", "trainer.accelerator=cpu", "logger=none", f"seeds={jobs}",
                f"trainer.max_epochs={arguments.epochs}",
            ]  # fmt: skip
            run(place, "warm", "-m", *network, "trainer.max_epochs=1", network=())
            turns = [
                {way: run(place, f"{way.replace(' ', '_')}{number}", "-m", *words, network=network) for way, words in ways.items()}
                for number in range(arguments.rounds)
            ]  # fmt: skip
            _must_agree(place, network, turns[-1]["side by side"])
        rates = [f"{3600 * jobs / median(one[way].seconds for one in turns):.0f}" for way in ways]
        ratios = [spread([one["in turn"].seconds / one[way].seconds for one in turns]) for way in list(ways)[1:]]
        shown.add_row(title, *rates, *ratios)
    Console(width=160).print(shown)


def _must_agree(place: Path, network: list[str], beside: Run) -> None:
    """The first seed, trained once more by itself on one thread, has to come out as it did beside others.

    On two threads the order of sums differs, and a training from a random start carries that far.
    """
    threads = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        (alone,) = run(
            place, "narrow", "seed=0", network=[word for word in network if not word.startswith("seeds=")]
        ).records
    finally:
        os.environ.pop("OMP_NUM_THREADS") if threads is None else os.environ.update(OMP_NUM_THREADS=threads)
    (other,) = (record for record in beside.records if record["seed"] == 0)
    pair = [record["history"][-1]["val/loss"] for record in (alone, other)]
    if abs(pair[0] - pair[1]) > 1e-4 * abs(pair[0]):
        raise SystemExit(f"seed 0: val/loss {pair[0]:.6f} by itself on one thread, {pair[1]:.6f} side by side")


if __name__ == "__main__":
    main()
