"""Training of a network that answers with a number."""

from typing import Protocol

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from heads.scalar import ScalarHead
from lightning_modules.backbones.base import Backbone
from lightning_modules.base import TaskModule, TrainingSettings
from lightning_modules.data_parallel import Rows
from lightning_modules.networks.classifier import GradeNetwork


class NumberBatch(Protocol):
    """What a datamodule hands out; B samples."""

    images: Tensor
    """Raw pixels, uint8 `(B, C, H, W)`."""
    labels: Tensor
    """Numbers in their unit, float32 `(B, 1)`."""
    weights: Tensor
    """Weight of each sample in the loss, `(B,)`."""


class Errors(Metric):
    """What numbers are off by, over all samples at once, in double precision.

    Args:
        low, high: the ends of the range, to which sums are scaled.

    """

    sums: Tensor

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        self.low, self.span = low, high - low
        self.add_state("sums", torch.zeros(5, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, given: Tensor, numbers: Tensor) -> None:
        """Both `(B,)`, in their unit."""
        true = (numbers.double() - self.low) / self.span
        error = (given.double() - numbers.double()) / self.span
        self.sums += torch.stack(
            [torch.ones_like(true).sum(), error.abs().sum(), error.square().sum(), true.sum(), true.square().sum()]
        )

    def compute(self) -> dict[str, Tensor]:
        """MAE and RMSE in the numbers' unit, R² (0 where all numbers are equal), as mae, rmse and r2."""
        count, absolute, squared, total, squares = self.sums
        spread = squares - total.square() / count
        r2 = torch.where(spread > 1e-12 * squares, 1 - squared / spread.clamp(min=1e-300), torch.zeros_like(spread))
        found = {"mae": absolute / count * self.span, "rmse": (squared / count).sqrt() * self.span, "r2": r2}
        return {name: value.float() for name, value in found.items()}


class RegressionModule(TaskModule):
    """Fits a backbone with one linear output under one head (Lathuilière et al. 2019, "vanilla regression").

    Logged once per epoch: `train/loss`, `train/mae`, `val/loss`, `val/mae` and `val/rmse` in the numbers' unit, `val/r2`
    (coefficient of determination). Losses are on the head's scale.

    Args:
        dropout: before the linear layer.
        settings: see `TrainingSettings`.

    """

    def __init__(self, backbone: Backbone, head: ScalarHead, settings: TrainingSettings, *, dropout: float) -> None:
        super().__init__(
            GradeNetwork(backbone, head.num_outputs, dropout),
            head,
            settings,
            val_metrics=MetricCollection({"errors": Errors(head.low, head.high)}, prefix="val/"),
        )
        self.head: ScalarHead = head

    def training_step(self, batch: NumberBatch, batch_idx: int) -> Tensor:
        """Weighted loss of one batch, a scalar; of the whole batch where several processes hold its rows."""
        rows = Rows.of(len(batch.labels))
        numbers, weights = rows.gather(batch.labels), rows.gather(batch.weights)
        logits = rows.gather(self(batch.images).float())
        loss = self.batch_loss(logits, batch, numbers, weights, rows)
        error = (self.head.decode(logits.detach()) - numbers).abs().mean()
        figures = {"train/loss": loss.detach(), "train/mae": error}
        self.log_dict(figures, on_step=False, on_epoch=True, batch_size=len(logits), sync_dist=True)
        return loss

    def validation_step(self, batch: NumberBatch, batch_idx: int) -> None:
        """Adds one batch to the epoch's metrics."""
        if not len(batch.labels):
            return
        logits = self(batch.images).float()
        self.add_val_losses(self.head.sample_losses(logits, batch.labels))
        self.val_metrics.update(self.head.decode(logits)[:, 0], batch.labels[:, 0])

    def predict_step(self, batch: NumberBatch, batch_idx: int) -> Tensor:
        """Numbers `(B,)`."""
        return self.head.decode(self(batch.images).float())[:, 0]
