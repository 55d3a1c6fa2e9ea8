"""What all training has in common: optimizer, schedule, fine-tuning, the way of computing, one loss per epoch and part."""

from collections.abc import Callable, Iterable
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics import MetricCollection

from heads.grades import GradeHead
from heads.masks import MaskHead
from heads.scalar import ScalarHead
from lightning_modules.data_parallel import summed
from lightning_modules.execution import PLAIN, Way, adopt, in_layout
from lightning_modules.fine_tuning import FineTuning
from lightning_modules.networks.classifier import Network

OptimizerFactory = Callable[[Iterable[dict[str, Any]]], Optimizer]
ScheduleFactory = Callable[[Optimizer, int], LRScheduler | None]


class TrainedModule(pl.LightningModule):
    """A network in training; what its labels mean is the subclass's.

    The val loss is the plain mean over samples, without weights, so that points of a grid compare.

    Args:
        network: raw pixels → logits.
        head: what logits and labels mean.
        optimizer: parameters → optimizer.
        schedule: (optimizer, total steps) → schedule stepped once per batch, or None.
        seed: what a network draws from, together with the epoch.
        fine_tuning: what is trained when, and how fast; None trains everything alike.
        val_metrics: updated by the subclass, logged and reset at the end of every val epoch.

    """

    def __init__(
        self,
        network: Network,
        head: GradeHead | MaskHead | ScalarHead,
        *,
        optimizer: OptimizerFactory,
        schedule: ScheduleFactory,
        seed: int,
        fine_tuning: FineTuning | None,
        val_metrics: MetricCollection,
    ) -> None:
        super().__init__()
        self.fine_tuning = FineTuning() if fine_tuning is None else fine_tuning
        self.network, self.head = network, head
        self.compute(PLAIN, 0)
        self.optimizer_factory, self.schedule_factory, self.seed = (optimizer, schedule, seed)
        self.val_loss = torch.tensor(0.0)
        self.val_metrics = val_metrics

    def forward(self, pixels: Tensor) -> Tensor:
        """Raw pixels `(B, C, H, W)` → logits."""
        whole = self.training and len(pixels) == self.compiled_for
        call = self.network if whole or not self.way.compiled else self.network.forward
        logits: Tensor = call(in_layout(pixels, self.way))
        return logits

    def compute(self, way: Way, batch_size: int) -> None:
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
        optimizer = self.optimizer_factory([{"params": parameters} for parameters, _ in groups])
        for group, (_, share) in zip(optimizer.param_groups, groups, strict=True):
            group["lr"] *= share
        schedule = self.schedule_factory(optimizer, int(self.trainer.estimated_stepping_batches))
        if schedule is None:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
