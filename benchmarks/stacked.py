"""Ten seeds of one small network in one training against one after the other: `python -m benchmarks.stacked`.

SimpLeNet-v1 (3,484 weights) on digits of noise, batches of 128, Adam, on one thread. A round takes an epoch of every way:

- one by one: train.py's module and loop under Lightning, seed after seed;
- plain loop: the same networks in a bare PyTorch loop, seed after seed;
- stacked: `num_stacked_seeds=10`, torch.vmap over the weights, with gridlite's convolutions for few channels;
- stacked, torch's layers: the same with torch's own grouped convolutions.

Rounds are interleaved; ratios are medians over rounds. The losses of all ways are compared at the end.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.turns import spread
from datamodules.augmentation import none
from datamodules.base.loaders import CellArrays, CellDataModule
from datamodules.imbalance import Unbalanced
from heads.one_hot import OneHot
from lightning_modules.backbones.simplenet import SimpLeNet
from lightning_modules.backbones.spec import InitialWeights
from lightning_modules.base import TrainingSettings
from lightning_modules.grading import GradingModule
from lightning_modules.multi_seed.module import StackedData, StackedModule
from lightning_modules.schedules import constant
from training.trainer import quiet

BATCH = 128


def main() -> None:
    """Trains by turns and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--images", type=int, default=6400)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    quiet()
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (arguments.images, 28, 28, 3), dtype=np.uint8)
    parts = np.where(np.arange(arguments.images) < BATCH, "val", "train")
    arrays = CellArrays(images, rng.integers(0, 10, arguments.images), parts, 10)
    seeds = range(arguments.seeds)
    ways: dict[str, Callable[[], list[float]]] = {
        "one by one": partial(one_by_one, arrays, seeds),
        "plain loop": partial(plain_loop, arrays, seeds),
        "stacked": partial(stacked, arrays, seeds, small=True),
        "stacked, torch's layers": partial(stacked, arrays, seeds, small=False),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    losses: dict[str, list[float]] = {}
    for _ in range(arguments.rounds + 1):
        for name, way in ways.items():
            began = time.perf_counter()
            losses[name] = way()
            taken[name].append(time.perf_counter() - began)
    table = Table(title=f"an epoch of {arguments.images} images for {arguments.seeds} seeds, {arguments.rounds} rounds")
    for column in ("", "seconds", "stacked is as fast, times", "largest difference of a seed's loss"):
        table.add_column(column, justify="right")
    for name, seconds in taken.items():
        times = [one / other for one, other in zip(seconds[1:], taken["stacked"][1:], strict=True)]
        apart = max(abs(a - b) for a, b in zip(losses[name], losses["one by one"], strict=True))
        table.add_row(name, f"{median(seconds[1:]):.2f}", spread(times), f"{apart:.1e}")
    Console(width=110).print(table)


def parts_of(arrays: CellArrays, seed: int) -> tuple[GradingModule, CellDataModule]:
    """A seed's module and loaders."""
    torch.manual_seed(seed)
    backbone = SimpLeNet(1.0, InitialWeights("random", "symmetric", (0.5,) * 3, (0.5,) * 3), filters=[3, 6])
    module = GradingModule(
        backbone, OneHot(num_classes=10),
        TrainingSettings(partial(torch.optim.Adam, lr=1e-4), constant, seed, ordered=False), dropout=0.0,
    )  # fmt: skip
    return module, CellDataModule(
        arrays, augmentation=none(), imbalance=Unbalanced(), batch_size=BATCH, seed=seed, prefetch=0
    )


def trainer() -> pl.Trainer:
    """Quiet, for one epoch."""
    return pl.Trainer(max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
                      enable_model_summary=False, num_sanity_val_steps=0)  # fmt: skip


def one_by_one(arrays: CellArrays, seeds: range) -> list[float]:
    """Loss of each seed's epoch."""
    found = []
    for seed in seeds:
        module, data = parts_of(arrays, seed)
        one = trainer()
        one.fit(module, data)
        found.append(float(one.callback_metrics["train/loss"]))
    return found


def plain_loop(arrays: CellArrays, seeds: range) -> list[float]:
    """As `one_by_one`, with nothing around the steps."""
    found = []
    for seed in seeds:
        module, data = parts_of(arrays, seed)
        optimizer = torch.optim.Adam(module.network.parameters(), lr=1e-4)
        module.network.train()
        total = 0.0
        batch: Any
        for batch in data.train_dataloader():
            optimizer.zero_grad()
            loss = module.head.loss(module.network(batch.images), batch.labels, batch.weights)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item() * len(batch.labels)
        found.append(total / int((arrays.parts == "train").sum()))
    return found


def stacked(arrays: CellArrays, seeds: range, *, small: bool) -> list[float]:
    """All seeds at once."""
    pairs = [parts_of(arrays, seed) for seed in seeds]
    histories: list[list[dict[str, float]]] = [[] for _ in seeds]
    module = StackedModule([one for one, _ in pairs], "val/accuracy", "max", [None] * len(pairs), histories)
    module.small_convolutions = small
    trainer().fit(module, StackedData([data for _, data in pairs]))
    return [rows[-1]["train/loss"] for rows in histories]


if __name__ == "__main__":
    main()
