"""What two mistakes do to a validation figure: `python -m benchmarks.leakage --root <folder of neu_seg>`.

The steel thesis (seed 002) reports a validation Dice of 0.90 to 0.94 and 0.67 to 0.71 on its test images. Its records were
grown by turned and mirrored copies before they were divided into folds, so that copies of a validation image were
trained on; and one model seems to have gone through all five folds, so that in the end it had been trained on all.

The same network and images, three times; carried on, the network has seen five times as many steps in the end: folds by source and copies of the training set alone (ours);
copies first, folds over them (copies first); and that with one model going from fold to fold (carried on). Dice of all
pixels together, as there, on the fold's validation set and on a test set that nobody was trained on.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import mean, stdev

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from datamodules.base.splits import assign_parts
from datamodules.mask_augmentation import MaskAugmentation
from datamodules.masks.bits import unpacked
from datamodules.neu_seg import NeuSeg
from heads.binary import BinaryCrossEntropy
from lightning_modules.backbones.plain_unet import PlainUNet
from lightning_modules.backbones.spec import InitialWeights
from lightning_modules.networks.unet import MaskNetwork

FOLDS = 5
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


def main() -> None:
    """Trains and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", required=True)
    parser.add_argument("--cache", default=".cache")
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=10, help="of each fold")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    known, test = read(arguments)
    found: dict[str, list[tuple[float, float]]] = {"ours": [], "copies first": [], "carried on": []}
    bar = tqdm(total=3 * FOLDS * arguments.seeds, unit="fold", leave=False)
    for seed in range(arguments.seeds):
        for way, pairs in found.items():
            network = fresh(seed)
            for fold in range(FOLDS):
                train, val = divided(known, fold, seed, copies_first=way != "ours")
                network = network if way == "carried on" else fresh(seed * FOLDS + fold)
                fit(network, train, arguments.epochs, seed * FOLDS + fold)
                pair = dice(network, val), dice(network, test)
                if way != "carried on" or fold == FOLDS - 1:
                    pairs.append(pair)
                bar.update()
    bar.close()
    title = (
        f"plain U-Net, {arguments.images} images of {arguments.resolution} px, {FOLDS} folds of {arguments.epochs} epochs, "
        f"{arguments.seeds} seed(s); mean ± standard deviation"
    )
    table = Table(title=title, title_justify="left")
    for name in ("", "val Dice", "test Dice", "val promises too much, points"):
        table.add_column(name, justify="right" if name else "left")
    for way, pairs in found.items():
        on_val, tested = ([pair[at] for pair in pairs] for at in (0, 1))
        table.add_row(way, _spread(on_val), _spread(tested), f"{100 * (mean(on_val) - mean(tested)):.1f}")
    Console(width=120).print(table)


def read(arguments: argparse.Namespace) -> tuple[Data, Data]:
    """Images of the train list, and the test list."""
    samples = NeuSeg(
        arguments.root, cache=arguments.cache, class_names=["inclusions", "patches", "scratches"], truth="index",
        use_parts=True, folds=FOLDS, val_folds=FOLDS - 1, split_seed=0, fold=0, calibration_cells=0,
        most_train=arguments.images,
    ).load()  # fmt: skip
    parts = samples.table.part.to_numpy(str)
    images, bits = samples.images(arguments.resolution), samples.masks(arguments.resolution)
    labels, sources = samples.table.label.to_numpy(), samples.table.source_id.to_numpy(str)
    known, test = (
        Data(images[parts == part], bits[parts == part], labels[parts == part], sources[parts == part])
        for part in ("train", "test")
    )
    return known, test


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


def fit(network: MaskNetwork, train: Data, epochs: int, seed: int) -> None:
    """Adam at 0.001 on binary cross-entropy, as published."""
    head, rng = BinaryCrossEntropy(3), np.random.default_rng(seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    network.train()
    for _ in range(epochs):
        for images, masks in _batches(train, rng.permutation(len(train.labels))):
            loss = head.loss(network(images), masks)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()


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


def _spread(values: list[float]) -> str:
    return f"{mean(values):.3f} ± {stdev(values):.3f}" if len(values) > 1 else f"{values[0]:.3f}"


if __name__ == "__main__":
    main()
