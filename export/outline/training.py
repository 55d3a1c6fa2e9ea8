"""Learns the mask and writes the file."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from export.outline.network import OutlineNetwork
from export.outline.samples import Rendered, draw

BATCH = 16


class Samples(IterableDataset[tuple[torch.Tensor, torch.Tensor]]):
    """As many samples as asked for; each depends on the seed and its number alone."""

    def __init__(self, phones: list[Rendered], count: int, seed: int) -> None:
        self.phones, self.count, self.seed = phones, count, seed

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Worker k of n draws every n-th sample."""
        worker = get_worker_info()
        first, step = (worker.id, worker.num_workers) if worker else (0, 1)
        for number in range(first, self.count, step):
            picture, mask = draw(self.phones, np.random.default_rng((self.seed, number)))
            yield torch.from_numpy(picture).permute(2, 0, 1).float(), torch.from_numpy(mask)


class OutlineModule(pl.LightningModule):
    """Binary cross-entropy and Dice (Milletari et al. 2016), AdamW, a warm-up and half a cosine."""

    def __init__(self, steps: int, lr: float = 2e-3) -> None:
        super().__init__()
        self.network = OutlineNetwork().to(memory_format=torch.channels_last)
        self.steps, self.lr = steps, lr

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], index: int) -> torch.Tensor:
        """The loss of a batch."""
        pictures, masks = batch
        logits = self.network(pictures)
        given = torch.sigmoid(logits)
        shared, whole = (given * masks).sum((1, 2)), (given + masks).sum((1, 2))
        dice = 1 - (2 * shared + 1) / (whole + 1)
        return functional.binary_cross_entropy_with_logits(logits, masks) + dice.mean()

    def configure_optimizers(self) -> Any:
        """Rates per step."""
        optimizer = torch.optim.AdamW(self.parameters(), self.lr, weight_decay=1e-4)

        def rate(step: int) -> float:
            return min(1.0, step / 200) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.steps)))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def train(phones: list[Rendered], count: int, *, seed: int = 0, workers: int = 1) -> nn.Module:
    """A network that has seen `count` samples of the rendered phones."""
    torch.manual_seed(seed)
    module = OutlineModule(steps=count // BATCH)
    loader = DataLoader(
        Samples(phones, count, seed), BATCH, num_workers=workers, drop_last=True, prefetch_factor=8 if workers else None
    )
    trainer = pl.Trainer(
        max_epochs=1, logger=False, enable_checkpointing=False, enable_model_summary=False, enable_progress_bar=True,
        num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(module, loader)
    return module.network.eval()
