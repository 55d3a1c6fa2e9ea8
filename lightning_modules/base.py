"""What all training has in common: optimizer, schedule, fine-tuning, the way of computing, one loss per epoch and part."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics import MetricCollection

from heads.base import Head
from lightning_modules.data_parallel import Rows, summed
from lightning_modules.distillation import Distillation
from lightning_modules.execution import PLAIN, ExecutionMode, adopt, in_layout
from lightning_modules.fine_tuning import FineTuning
from lightning_modules.networks.classifier import Network
from lightning_modules.optimizers import OptimizerFactory, build_optimizer
from lightning_modules.schedules import constant

ScheduleFactory = Callable[[Optimizer, int], LRScheduler | None]


@dataclass(frozen=True)
class TrainingSettings:
    """What every training is told, whatever its task."""

    optimizer: OptimizerFactory = torch.optim.Adam
    """Parameters → optimizer."""
    schedule: ScheduleFactory = constant
    """(optimizer, total steps) → schedule stepped once per batch, or None."""
    seed: int = 0
    """What a network draws from, together with the epoch."""
    fine_tuning: FineTuning = field(default_factory=FineTuning)
    """What is trained when, and how fast."""
    ordered: bool = True
    """Whether the classes are grades."""
    distillation: Distillation | None = None
    """What teachers ask of the logits, beside or instead of the labels; None: the labels alone."""


class TaskModule(pl.LightningModule):
    """A network in training; what its labels mean is the subclass's.

    The val loss is the plain mean over samples, without weights, so that points of a grid compare.

    Args:
        network: raw pixels → logits.
        head: what logits and labels mean.
        settings: see `TrainingSettings`.
        val_metrics: updated by the subclass, logged and reset at the end of every val epoch.

    """

    def __init__(self, network: Network, head: Head, settings: TrainingSettings, val_metrics: MetricCollection) -> None:
        super().__init__()
        self.settings, self.seed, self.fine_tuning = settings, settings.seed, settings.fine_tuning
        self.distillation = settings.distillation
        self.network, self.head = network, head
        self.compute(PLAIN, 0)
        self.val_loss = torch.tensor(0.0)
        self.val_metrics = val_metrics

    def forward(self, pixels: Tensor) -> Tensor:
        """Raw pixels `(B, C, H, W)` → logits."""
        whole = self.training and len(pixels) == self.compiled_for
        call = self.network if whole or not self.way.compiled else self.network.forward
        logits: Tensor = call(in_layout(pixels, self.way))
        return logits

    def compute(self, way: ExecutionMode, batch_size: int) -> None:
        """Steps of whole batches are computed this way from now on; precision is the trainer's."""
        self.way, self.compiled_for = way, batch_size
        adopt(self.network, way)

    def on_train_epoch_start(self) -> None:
        """A network draws from (seed, epoch): a run resumed at an epoch goes on as if undisturbed."""
        torch.manual_seed(self.seed * 1_000_003 + self.current_epoch)
        self.freeze_for(self.network, self.current_epoch)

    def freeze_for(self, network: Network, epoch: int) -> None:
        """Sets what of a network is trained in an epoch, counted from 0: of this one, or of a copy that is measured."""
        self.fine_tuning.freeze(network, epoch)

    def on_train_epoch_end(self) -> None:
        """Raises FloatingPointError once the loss is no number, which no later epoch could mend."""
        loss = self.trainer.callback_metrics["train/loss"]
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"the training loss is {loss.item()} in epoch {self.current_epoch}: try a smaller optimizer.lr"
            )

    def batch_loss(self, logits: Tensor, batch: Any, labels: Tensor, weights: Tensor, rows: Rows) -> Tensor:
        """The loss of a whole batch, a scalar: the head's own, and where there are teachers theirs.

        Args:
            logits: of all rows.
            batch: as the loaders hand it out, of the rows that this process holds.
            labels, weights: of all rows.
            rows: which of them this process holds.

        """
        if self.distillation is None:
            return self.head.loss(logits, labels, weights)
        own = self.distillation.teacher_logits(batch)
        return self.distillation.loss(self.head, logits, labels, rows.gather(own), weights)

    def on_validation_epoch_start(self) -> None:
        """Starts the epoch's sums."""
        self.val_loss = torch.zeros(2, device=self.device)

    def add_val_losses(self, losses: Tensor) -> None:
        """Takes the losses `(B,)` of a val batch."""
        self.val_loss += torch.stack([losses.sum(), losses.new_tensor(len(losses))])

    def on_validation_epoch_end(self) -> None:
        """Logs the val metrics."""
        self.log_dict(self.val_figures(), sync_dist=True)

    def val_figures(self) -> dict[str, Tensor]:
        """What the epoch's val batches came to, each a scalar; the sums begin anew."""
        total, count = summed(self.val_loss)
        figures = {"val/loss": total / count, **self.val_metrics.compute()}
        self.val_metrics.reset()
        return figures

    def configure_optimizers(self) -> Any:
        """The optimizer, with its schedule stepped per batch where there is one."""
        groups = self.fine_tuning.rates(self.network)
        if of_head := list(self.head.parameters()):  # CORAL's thresholds
            groups = [*groups, (of_head, 1.0)]
        precision = getattr(self.trainer, "precision_plugin", None)
        scaled = getattr(precision, "scaler", None) is not None
        optimizer = build_optimizer(
            self.settings.optimizer, [{"params": parameters} for parameters, _ in groups], scaled=scaled
        )
        for group, (_, share) in zip(optimizer.param_groups, groups, strict=True):
            group["lr"] *= share
        schedule = self.settings.schedule(optimizer, int(self.trainer.estimated_stepping_batches))
        if schedule is None:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
