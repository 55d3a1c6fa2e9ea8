"""Training of a network that grades cells."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from heads.grades import GradeHead
from lightning_modules.backbones.base import Backbone
from lightning_modules.data_parallel import Rows, summed
from lightning_modules.fine_tuning import FineTuning
from lightning_modules.networks import GradeNetwork
from lightning_modules.speed import PLAIN, Way, adopt, in_layout

OptimizerFactory = Callable[[Iterable[dict[str, Any]]], Optimizer]
ScheduleFactory = Callable[[Optimizer, int], LRScheduler | None]


class Batch(Protocol):
    """What a datamodule hands out; B samples."""

    images: Tensor
    """Raw pixels, uint8 `(B, C, H, W)`."""
    labels: Tensor
    """Grades, int64 `(B,)`, or votes, float `(B, K)`."""
    weights: Tensor
    """Weight of each sample in the loss, `(B,)`."""


class OffByOneAccuracy(Metric):
    """Share of samples graded right or one step beside (thesis, equation 4.5)."""

    near: Tensor
    total: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("near", torch.tensor(0), dist_reduce_fx="sum")
        self.add_state("total", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, grades: Tensor, labels: Tensor) -> None:
        """Both int64 `(B,)`."""
        self.near += ((grades - labels).abs() <= 1).sum()
        self.total += labels.numel()

    def compute(self) -> Tensor:
        """A scalar from 0 to 1."""
        return self.near / self.total


class GradingModule(pl.LightningModule):
    """Fits a `GradeNetwork` under one head.

    Logged once per epoch: `train/loss`, `train/accuracy`, `val/loss`, `val/accuracy`, `val/off_by_one`,
    `val/macro_f1`. The val loss is the plain mean, without sample weights, so that points of a grid compare.

    Args:
        dropout: before the linear layer.
        label_smoothing: share of every label that is spread over all classes (Szegedy et al. 2016, section 7).
        mixup: α of Beta(α, α), from which the share is drawn by which a batch is blended with itself in another order
            (Zhang et al. 2018); 0 leaves it.
        optimizer: parameters → optimizer.
        schedule: (optimizer, total steps) → schedule stepped once per batch, or None.
        seed: what dropout and mixup draw from, together with the epoch.
        fine_tuning: what is trained when, and how fast; None trains everything alike.
        ordered: whether the classes are grades; `val/off_by_one` is logged for these alone.

    """

    def __init__(
        self,
        backbone: Backbone,
        head: GradeHead,
        *,
        dropout: float,
        optimizer: OptimizerFactory,
        schedule: ScheduleFactory,
        seed: int,
        label_smoothing: float = 0.0,
        mixup: float = 0.0,
        fine_tuning: FineTuning | None = None,
        ordered: bool = True,
    ) -> None:
        super().__init__()
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"task.label_smoothing={label_smoothing:g}: want 0 or more and less than 1")
        if mixup < 0:
            raise ValueError(f"task.mixup={mixup:g}: want 0 or more")
        self.head = head
        self.fine_tuning = FineTuning() if fine_tuning is None else fine_tuning
        self.label_smoothing = label_smoothing
        self.mixup = _mixup(mixup, head.num_classes) if mixup else None
        self.network = GradeNetwork(backbone, head.num_outputs, dropout)
        self.compute(PLAIN, 0)
        self.optimizer_factory, self.schedule_factory, self.seed = (optimizer, schedule, seed)
        classes = head.num_classes
        self.val_loss = torch.tensor(0.0)
        self.val_metrics = MetricCollection(
            {
                "accuracy": MulticlassAccuracy(classes, average="micro"),
                **({"off_by_one": OffByOneAccuracy()} if ordered else {}),
                "macro_f1": MulticlassF1Score(classes, average="macro"),
            },
            prefix="val/",
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """Raw pixels `(B, C, H, W)` → logits `(B, O)`."""
        whole = self.training and len(pixels) == self.compiled_for
        call = self.network if whole or not self.way.compiled else self.network.forward
        logits: Tensor = call(in_layout(pixels, self.way))
        return logits

    def compute(self, way: Way, batch_size: int) -> None:
        """Steps of whole batches are computed this way from now on; precision is the trainer's."""
        self.way, self.compiled_for = way, batch_size
        adopt(self.network, way)

    def on_train_epoch_start(self) -> None:
        """Dropout draws from (seed, epoch): a run resumed at an epoch goes on as if undisturbed."""
        torch.manual_seed(self.seed * 1_000_003 + self.current_epoch)
        self.fine_tuning.freeze(self.network, self.current_epoch)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Weighted loss of one batch, a scalar; of the whole batch where several processes hold its rows."""
        rows = Rows.of(len(batch.labels))
        images, labels, weights = self._softened(batch, rows)
        logits = rows.gather(self(images).float())
        loss = self.head.loss(logits, labels, weights)
        right = (self.head.decode(logits.detach()) == hard(labels)).float().mean()
        figures = {"train/loss": loss.detach(), "train/accuracy": right}
        self.log_dict(figures, on_step=False, on_epoch=True, batch_size=len(logits), sync_dist=True)
        return loss

    def _softened(self, batch: Batch, rows: Rows) -> tuple[Tensor, Tensor, Tensor]:
        """As they are trained on: this process's images `(b, C, H, W)`, all labels `(B,)` or `(B, K)` and weights `(B,)`."""
        images, labels, weights = batch.images, rows.gather(batch.labels), rows.gather(batch.weights)
        if not self.label_smoothing and self.mixup is None:
            return images, labels, weights
        votes = self.head.soft_labels(labels)
        votes = (1 - self.label_smoothing) * votes + self.label_smoothing / self.head.num_classes
        if self.mixup is None:
            return images, votes, weights
        # a row's sum carries the sample's weight through the blending
        images, blended = self.mixup(rows.gather(images).float(), votes * weights[:, None])
        weights = blended.sum(dim=1)
        return rows.own(images), blended / weights[:, None].clamp(min=1e-12), weights

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

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Adds one batch to the epoch's metrics."""
        if not len(batch.labels):
            return
        logits = self(batch.images).float()
        losses = self.head.sample_losses(logits, batch.labels)
        self.val_loss += torch.stack([losses.sum(), losses.new_tensor(len(losses))])
        self.val_metrics.update(self.head.decode(logits), hard(batch.labels))

    def on_validation_epoch_end(self) -> None:
        """Logs the val metrics."""
        total, count = summed(self.val_loss)
        self.log_dict({"val/loss": total / count, **self.val_metrics.compute()}, sync_dist=True)
        self.val_metrics.reset()

    def predict_step(self, batch: Batch, batch_idx: int) -> tuple[Tensor, Tensor]:
        """Grades `(B,)` and probabilities `(B, K)`."""
        logits = self(batch.images).float()
        return self.head.decode(logits), self.head.probabilities(logits)

    def configure_optimizers(self) -> Any:
        """The optimizer, with its schedule stepped per batch where there is one."""
        groups = self.fine_tuning.rates(self.network)
        optimizer = self.optimizer_factory([{"params": parameters} for parameters, _ in groups])
        for group, (_, share) in zip(optimizer.param_groups, groups, strict=True):
            group["lr"] *= share
        schedule = self.schedule_factory(optimizer, int(self.trainer.estimated_stepping_batches))
        if schedule is None:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def _mixup(alpha: float, classes: int) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    from torchvision.transforms.v2 import MixUp  # half a second that most trainings can spare

    made: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] = MixUp(alpha=alpha, num_classes=classes)
    return made


def hard(labels: Tensor) -> Tensor:
    """Grades of labels `(B,)` or votes `(B, K)`: the most voted, the lower one where votes are equal."""
    return labels if labels.ndim == 1 else labels.argmax(dim=1)
