"""How fast others train on the same images: `make bench-peers`.

Every peer is a process of its own and trains an epoch in its turn; the first round is thrown away, ratios are medians
over rounds with their range. All have a random start, the same batch, and Adam at the same constant rate, on the CPU;
all but Ultralytics' train the same architecture.

bare, bare yolo: a plain loop over tensors in memory that augments nothing, with our network and with Ultralytics'.
keras: `fit` from memory; augmented: its own layers over tf.data.
lightning: a plain module, torchvision's ImageFolder and transforms v2, a worker process per core.
ultralytics: `yolo classify` with its own augmentation, images cached in memory.
gridlite: train.py's own parts; single is heavy with augmentation.backend=albumentations, image by image.

*Of its bare loop* is the speed as a share of the same network's in its bare loop. *gridlite / it* compares these
shares, which for one network is the ratio of the speeds: none against peers that do not augment, heavy against those
that do. Seconds to an accuracy are whole epochs, validation and checkpoint included, from the first on. Peak memory is
the largest resident set, worker processes' own memory included.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.cases import CASES, Case, composed, evenly, write
from benchmarks.peer import PEERS, command
from benchmarks.turns import Epoch, ratios, seconds_to, speeds, spread, take_turns
from benchmarks.ultralytics_loops import INSTALL, installed

YOLO = ("bare yolo", "ultralytics")
AUGMENTS = ("keras augmented", "lightning", "ultralytics", "gridlite light", "gridlite heavy", "gridlite single")
COLUMNS = ("peer", "images/s", "of its bare loop", "gridlite / it", "s to {}", "best", "peak MB")


def main() -> None:
    """Writes the images, lets the peers take turns, prints a table per case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="measured rounds per case")
    parser.add_argument("--case", choices=CASES, help="this case only")
    parser.add_argument("--photos", help="a folder of class folders; else rendered cells, undamaged and badly cracked")
    parser.add_argument(
        "--accuracy", type=float, default=0.8, help="of the validation set, to which seconds are counted"
    )
    parser.add_argument("--quick", action="store_true", help="2 rounds, few images: to see that all peers work")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write:
        write_pictures(CASES[arguments.case], arguments.photos, arguments.write, quick=arguments.quick)
        return
    peers = [peer for peer in PEERS if installed() or peer not in YOLO]
    if not installed():
        print(f"without Ultralytics, which is not installed: {INSTALL}")
    rounds = 2 if arguments.quick else arguments.rounds
    for case in [arguments.case] if arguments.case else CASES:
        with tempfile.TemporaryDirectory() as scratch:
            own = [*sys.argv[1:], "--case", case, "--write", scratch]
            subprocess.run([sys.executable, "-m", "benchmarks.peers", *own], check=True)
            seen = take_turns({peer: command(peer, case, Path(scratch), rounds + 1) for peer in peers}, rounds + 1)
        images = sized(CASES[case], quick=arguments.quick).train
        title = f"{case}, batch {CASES[case].batch}, {images} images, {os.cpu_count()} cores, {rounds} rounds"
        show(title, rows(seen, images, arguments.accuracy), arguments.accuracy)


def sized(case: Case, *, quick: bool) -> Case:
    """A case, or a small piece of it."""
    return replace(case, train=4 * case.batch, val=32) if quick else case


def write_pictures(case: Case, photos: str | None, folder: Path, *, quick: bool) -> None:
    """A case's images in a process of its own: what it takes must not be counted as a peer's memory."""
    import numpy as np
    from hydra.utils import instantiate

    few = ["datamodule.devices=12", "datamodule.photos=44", "datamodule.folds=4", "datamodule.val_folds=3"]
    words = ["datamodule=synthetic_screens", *(few if quick else [])]
    if photos:
        words = ["datamodule=image_folder", f"datamodule.root='{photos}'"]
    samples = instantiate(composed(case, "runs", *words).datamodule).load()
    labels, parts = samples.table.label.to_numpy(), samples.table.part.to_numpy(str)
    wanted = np.ones(len(labels), bool) if photos else np.isin(labels, (0, 4))
    rng, case = np.random.default_rng(0), sized(case, quick=quick)
    chosen = []
    for part, count in (("train", case.train), ("val", case.val)):
        members = np.flatnonzero(wanted & (parts == part))
        if len(members) < count:
            raise SystemExit(f"{photos or 'synthetic_screens'}: {len(members)} images in the {part} part, want {count}")
        chosen.append(members[evenly(labels[members], count, rng)])
    places = np.concatenate(chosen)
    _, dense = np.unique(labels[places], return_inverse=True)
    write(folder, samples.images(case.resolution)[places], dense, case.train, files=True)


def rows(seen: Mapping[str, Sequence[Epoch]], images: int, accuracy: float) -> list[list[str]]:
    """A row per peer, as `COLUMNS` has them."""
    measured = {peer: speeds(epochs, images) for peer, epochs in seen.items()}
    shares = {
        peer: ratios(values, measured["bare yolo" if peer in YOLO else "bare"]) for peer, values in measured.items()
    }
    found = []
    for peer, epochs in seen.items():
        ours = shares["gridlite heavy" if peer in AUGMENTS else "gridlite none"]
        seconds = seconds_to(epochs, accuracy)
        found.append(
            [
                peer,
                spread(measured[peer], 1),
                spread(shares[peer]),
                "" if peer.startswith(("gridlite", "bare yolo")) else spread(ratios(ours, shares[peer])),
                "-" if seconds is None else f"{seconds:.1f}",
                f"{max(epoch.accuracy for epoch in epochs):.3f}",
                f"{max(epoch.peak_bytes for epoch in epochs) / 1e6:.0f}",
            ]
        )
    return found


def show(title: str, found: list[list[str]], accuracy: float) -> None:
    """Prints a case's table."""
    table = Table(title=title)
    for place, name in enumerate(COLUMNS):
        table.add_column(name.format(f"{accuracy:g}"), justify="right" if place else "left", no_wrap=True)
    for row in found:
        table.add_row(*row)
    Console(width=max(120, Console().width)).print(table)


if __name__ == "__main__":
    main()
