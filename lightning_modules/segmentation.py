"""Training of a network that marks defects pixel by pixel."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from heads.binary import BinaryHead
from lightning_modules.backbones.base import Backbone
from lightning_modules.base import TaskModule, TrainingSettings
from lightning_modules.data_parallel import Rows
from lightning_modules.networks.classifier import Network
from lightning_modules.networks.unet import MaskNetwork


class MaskBatch(Protocol):
    """What a datamodule hands out; B samples."""

    images: Tensor
    """Raw pixels, uint8 `(B, C, H, W)`."""
    masks: Tensor
    """Which classes every pixel belongs to, `(B, K, H, W)` bool."""
    weights: Tensor
    """Weight of each sample in the loss, `(B,)`."""


class Dice(Metric):
    """Mean over images and classes of 2 |A ∩ B| / (|A| + |B|), 1 where both masks are empty (Kaggle's rule, Severstal 2019)."""

    total: Tensor
    pairs: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.tensor(0.0, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("pairs", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, given: Tensor, masks: Tensor) -> None:
        """Both `(B, K, H, W)` bool."""
        both, either = _overlap(given, masks)
        self.total += torch.where(either == 0, 1.0, 2 * both / either.clamp(min=1)).sum().double()
        self.pairs += both.numel()

    def compute(self) -> Tensor:
        """A scalar from 0 to 1."""
        return (self.total / self.pairs).float()


class PooledDice(Metric):
    """2 |A ∩ B| / (|A| + |B|) over all pixels of all images and classes at once (seed 002, figure 59)."""

    both: Tensor
    either: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("both", "either"):
            self.add_state(name, torch.tensor(0.0, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, given: Tensor, masks: Tensor) -> None:
        """Both `(B, K, H, W)` bool."""
        both, either = _overlap(given, masks)
        self.both += both.sum().double()
        self.either += either.sum().double()

    def compute(self) -> Tensor:
        """A scalar from 0 to 1; 1 where there is nothing to find and nothing was found."""
        return torch.where(self.either == 0, 1.0, 2 * self.both / self.either.clamp(min=1)).float()


def _overlap(given: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels in both masks and the sum of both, `(B, K)`."""
    both = (given & masks).sum(dim=(2, 3)).float()
    return both, (given.sum(dim=(2, 3)) + masks.sum(dim=(2, 3))).float()


class SegmentationModule(TaskModule):
    """Fits a U-Net under one head.

    Logged once per epoch: `train/loss`, `train/dice_pooled`, `val/loss`, `val/dice` (Kaggle's rule), `val/dice_pooled`.

    Args:
        decoder_channels, grey: see `MaskNetwork`.
        freeze_encoder: whether the backbone keeps its weights and statistics (published: it did).
        settings: see `TrainingSettings`.

    """

    def __init__(
        self,
        backbone: Backbone,
        head: BinaryHead,
        settings: TrainingSettings,
        *,
        decoder_channels: Sequence[int] | None = None,
        grey: bool = False,
        freeze_encoder: bool = False,
    ) -> None:
        super().__init__(
            MaskNetwork(backbone, head.num_outputs, decoder_channels, grey=grey),
            head,
            settings,
            val_metrics=MetricCollection({"dice": Dice(), "dice_pooled": PooledDice()}, prefix="val/"),
        )
        self.head: BinaryHead = head
        self.freeze_encoder = freeze_encoder
        self.train_dice = PooledDice()

    def freeze_for(self, network: Network, epoch: int) -> None:
        """As in the base class; a frozen encoder keeps its weights and statistics."""
        super().freeze_for(network, epoch)
        if self.freeze_encoder:
            network.backbone.requires_grad_(requires_grad=False).eval()

    def training_step(self, batch: MaskBatch, batch_idx: int) -> Tensor:
        """Weighted loss of one batch, a scalar; of the whole batch where several processes hold its rows."""
        rows = Rows.of(len(batch.images))
        masks, weights = rows.gather(batch.masks), rows.gather(batch.weights)
        logits = rows.gather(self(batch.images).float())
        loss = self.batch_loss(logits, batch, masks, weights, rows)
        self.train_dice.update(self.head.decode(logits.detach()), masks)
        self.log("train/dice_pooled", self.train_dice, on_step=False, on_epoch=True)
        self.log("train/loss", loss.detach(), on_step=False, on_epoch=True, batch_size=len(logits), sync_dist=True)
        return loss

    def validation_step(self, batch: MaskBatch, batch_idx: int) -> None:
        """Adds one batch to the epoch's metrics."""
        if not len(batch.images):
            return
        logits = self(batch.images).float()
        self.add_val_losses(self.head.sample_losses(logits, batch.masks.float()))
        self.val_metrics.update(self.head.decode(logits), batch.masks)

    def predict_step(self, batch: MaskBatch, batch_idx: int) -> tuple[Tensor, Tensor]:
        """Masks `(B, K, H, W)` bool and probabilities of the same shape."""
        logits = self(batch.images).float()
        return self.head.decode(logits), self.head.probabilities(logits)
