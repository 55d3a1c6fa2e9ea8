"""What two mistakes do to a validation figure: `make bench-leakage DATA=<folder of neu_seg>`.

The steel thesis (seed 002) reports a validation Dice of 0.90 to 0.94 and 0.67 to 0.71 on its test images. Its records were
grown by turned and mirrored copies before they were divided into folds, so that copies of a validation image were
trained on; and one model seems to have gone through all five folds, so that in the end it had been trained on all.

The same network and images, four ways: folds by source and copies of the training set alone (ours); copies first, folds
over them (copies first); that with one model going from fold to fold (carried on), which trains five times as long; and
the same with a fifth of the epochs in each fold (carried on, equal steps), which trains as long as ours. Dice of all
pixels together, as there, on the fold's validation set and on a test set that nobody was trained on. Of a model that is
carried on the last fold counts. Finished seeds leave rows in leakage.csv and are not trained again.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from benchmarks.finished_rows import append_rows, read_rows
from datamodules.base.splits import assign_parts
from datamodules.mask_augmentation import MaskAugmentation
from datamodules.masks.bits import unpacked
from datamodules.neu_seg import NeuSeg
from heads.binary import BinaryCrossEntropy
from lightning_modules.backbones.plain_unet import PlainUNet
from lightning_modules.backbones.spec import InitialWeights
from lightning_modules.networks.unet import MaskNetwork
from metrics.intervals import t_interval

ROWS = Path(__file__).with_suffix(".csv")
FOLDS, EPOCHS, IMAGES, SIDE = 5, 20, 120, 32
"""Epochs of each fold; images of the train list, and their side in pixels."""
CARRIED, EQUAL = "carried on", "carried on, equal steps"
WAYS = ("ours", "copies first", CARRIED, EQUAL)
COPIES = (
    MaskAugmentation(half_turn=1.0), MaskAugmentation(mirror=1.0), MaskAugmentation(rotate_deg=10.0),
)  # fmt: skip
"""Beside each image itself: as published, turned by 180 degrees, mirrored, turned a little."""
Places = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Data:
    """Images `(N, S, S, 3)` with their masks' bits `(N, S, S)`, and where each came from."""

    images: npt.NDArray[np.uint8]
    bits: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    sources: npt.NDArray[np.str_]

    def grown(self) -> "Data":
        """Each with its copies."""
        pairs = [(image, mask) for image, mask in zip(self.images, self.bits, strict=True)]
        for number, copy in enumerate(COPIES):
            pairs += [
                copy.on_pair(image, mask, (0, number, at)) for at, (image, mask) in enumerate(pairs[: len(self.bits)])
            ]
        times = 1 + len(COPIES)
        images, bits = (np.stack(many) for many in zip(*pairs, strict=True))
        return Data(images, bits, np.tile(self.labels, times), np.tile(self.sources, times))

    def at(self, places: Places) -> "Data":
        """Some of it."""
        return Data(self.images[places], self.bits[places], self.labels[places], self.sources[places])


def train(known: Data, test: Data, way: str, seed: int, bar: "tqdm[NoReturn]") -> list[dict[str, str]]:
    """The folds of a way; a row for each that counts."""
    rows = []
    carried = way.startswith(CARRIED)
    epochs = EPOCHS // FOLDS if way == EQUAL else EPOCHS
    network, steps = fresh(seed), 0
    for fold in range(FOLDS):
        part, val = divided(known, fold, seed, copies_first=way != "ours")
        if not carried:
            network, steps = fresh(seed * FOLDS + fold), 0
        steps += fit(network, part, epochs, seed * FOLDS + fold)
        bar.update()
        if not carried or fold == FOLDS - 1:
            figures = {"val": f"{dice(network, val):.4f}", "test": f"{dice(network, test):.4f}"}
            rows.append({"seed": str(seed), "way": way, "fold": str(fold), "steps": str(steps)} | figures)
    return rows


def show(rows: list[dict[str, str]]) -> None:
    """A line for every way: means over seeds of the mean over folds."""
    title = f"plain U-Net, {IMAGES} images of {SIDE} px, {FOLDS} folds of {EPOCHS} epochs; mean and 95 % over seeds, Student's t"
    table = Table(title=title, title_justify="left")
    for name in ("", "seeds", "steps", "val Dice", "test Dice", "val promises too much, points"):
        table.add_column(name, justify="right" if name else "left")
    for way in WAYS:
        own = pd.DataFrame([row for row in rows if row["way"] == way])
        if not len(own):
            continue
        means = own.astype({"steps": int, "val": float, "test": float}).groupby("seed")[["steps", "val", "test"]].mean()
        apart = 100 * (means.val - means.test)
        table.add_row(
            way,
            str(len(means)),
            f"{means.steps.mean():,.0f}",
            _spread(means.val),
            _spread(means.test),
            _spread(apart, 1),
        )
    Console(width=140).print(table)


def main() -> None:
    """Goes on with the seeds that are missing; prints the table of those that are there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", help="a folder as datamodule=neu_seg reads it; without it what is known is printed")
    parser.add_argument("--cache", default=".cache")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    there = {(row["seed"], row["way"]) for row in read_rows(ROWS)}
    missing = [(seed, way) for seed in range(given.seeds) for way in WAYS if (str(seed), way) not in there]
    if given.root and missing:
        known, test = read(given.root, given.cache)
        with tqdm(total=FOLDS * len(missing), unit="fold", leave=False) as bar:
            for seed, way in missing:
                append_rows(ROWS, train(known, test, way, seed, bar))
    show(read_rows(ROWS))


def read(root: str, cache: str) -> tuple[Data, Data]:
    """Images of the train list that have no copy in a later one, spread evenly over it, and the test list."""
    samples = NeuSeg(
        root, cache=cache, class_names=["inclusions", "patches", "scratches"], truth="index",
        use_parts=True, folds=FOLDS, val_folds=FOLDS - 1, split_seed=0, fold=0, calibration_cells=0,
    ).load()  # fmt: skip
    parts = samples.table.part.to_numpy(str)
    images, bits = samples.images(SIDE), samples.masks(SIDE)
    labels, sources = samples.table.label.to_numpy(), samples.table.source_id.to_numpy(str)
    known = Data(images, bits, labels, sources)
    train, test = (np.flatnonzero(parts == part) for part in ("train", "test"))
    return known.at(train[np.linspace(0, len(train) - 1, IMAGES).astype(int)]), known.at(test)


def divided(known: Data, fold: int, seed: int, *, copies_first: bool) -> tuple[Data, Data]:
    """Training and validation set of a fold."""
    data = known.grown() if copies_first else known
    sources = np.char.mod("%d", np.arange(len(data.labels))) if copies_first else data.sources
    parts = assign_parts(data.labels, sources, fold=fold, folds=FOLDS, val_folds=0, seed=seed)
    val = parts == parts[np.flatnonzero(parts != "train")[0]]
    train = data.at(np.flatnonzero(~val))
    return (train if copies_first else train.grown()), data.at(np.flatnonzero(val))


def fresh(seed: int) -> MaskNetwork:
    """An untrained network."""
    torch.manual_seed(seed)
    start = InitialWeights("random", "symmetric", (0.5,) * 3, (0.5,) * 3)
    return MaskNetwork(PlainUNet(1.0, start), 3)


def fit(network: MaskNetwork, train: Data, epochs: int, seed: int) -> int:
    """Adam at 0.001 on binary cross-entropy, as published; the number of steps."""
    head, rng = BinaryCrossEntropy(3), np.random.default_rng(seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    network.train()
    steps = 0
    for _ in range(epochs):
        for images, masks in _batches(train, rng.permutation(len(train.labels))):
            loss = head.loss(network(images), masks)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            steps += 1
    return steps


@torch.inference_mode()
def dice(network: MaskNetwork, data: Data) -> float:
    """Over all pixels of all images and classes at once."""
    network.eval()
    both = either = 0
    for images, masks in _batches(data, np.arange(len(data.labels))):
        given = network(images) > 0
        both += int((given & masks).sum())
        either += int(given.sum() + masks.sum())
    return 2 * both / either


def _batches(data: Data, order: Places, size: int = 16) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    for at in range(0, len(order), size):
        chosen = order[at : at + size]
        images = torch.from_numpy(data.images[chosen]).permute(0, 3, 1, 2)
        yield images, torch.from_numpy(unpacked(data.bits[chosen], 3))


def _spread(values: "pd.Series[float]", digits: int = 3) -> str:
    low, high = t_interval(values.to_numpy(float))
    return f"{values.mean():.{digits}f}" + (f" [{low:.{digits}f}, {high:.{digits}f}]" if len(values) > 1 else "")


if __name__ == "__main__":
    main()
