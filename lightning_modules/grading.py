"""Training of a network that grades cells."""

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from heads.grades import GradeHead
from lightning_modules.backbones.base import Backbone
from lightning_modules.base import TaskModule, TrainingSettings
from lightning_modules.data_parallel import Rows
from lightning_modules.distillation import labelled
from lightning_modules.networks.classifier import GradeNetwork


class Batch(Protocol):
    """What a datamodule hands out; B samples."""

    images: Tensor
    """Raw pixels, uint8 `(B, C, H, W)`."""
    labels: Tensor
    """Grades, int64 `(B,)`, votes, float `(B, K)`, or candidates, bool `(B, K)`."""
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


class GradingModule(TaskModule):
    """Fits a `GradeNetwork` under one head.

    Logged once per epoch: `train/loss`, `train/accuracy`, `val/loss`, `val/accuracy`, `val/off_by_one`,
    `val/macro_f1`. The val loss is the plain mean, without sample weights, so that points of a grid compare.

    Args:
        dropout: before the linear layer.
        label_smoothing: share of every label that is spread over all classes (Szegedy et al. 2016, section 7).
        mixup: α of Beta(α, α), from which the share is drawn by which a batch is blended with itself in another order
            (Zhang et al. 2018); 0 leaves it.
        settings: see `TrainingSettings`; `val/off_by_one` is logged for ordered classes alone.

    """

    def __init__(
        self,
        backbone: Backbone,
        head: GradeHead,
        settings: TrainingSettings,
        *,
        dropout: float,
        label_smoothing: float = 0.0,
        mixup: float = 0.0,
    ) -> None:
        classes = head.num_classes
        super().__init__(
            GradeNetwork(backbone, head.num_outputs, dropout),
            head,
            settings,
            val_metrics=MetricCollection(
                {
                    "accuracy": MulticlassAccuracy(classes, average="micro"),
                    **({"off_by_one": OffByOneAccuracy()} if settings.ordered else {}),
                    "macro_f1": MulticlassF1Score(classes, average="macro"),
                },
                prefix="val/",
            ),
        )
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"task.label_smoothing={label_smoothing:g}: want 0 or more and less than 1")
        if mixup < 0:
            raise ValueError(f"task.mixup={mixup:g}: want 0 or more")
        self.head: GradeHead = head
        self.label_smoothing = label_smoothing
        self.mixup = _mixup(mixup, classes) if mixup else None

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Weighted loss of one batch, a scalar; of the whole batch where several processes hold its rows."""
        rows = Rows.of(len(batch.labels))
        images, labels, weights = self.prepared(batch, rows)
        logits = rows.gather(self(images).float())
        loss, right = self.learn(logits, batch, labels, weights, rows)
        epoch: dict[str, Any] = {"on_step": False, "on_epoch": True, "sync_dist": True}
        self.log("train/loss", loss.detach(), batch_size=len(logits), **epoch)
        # under teachers a batch may have samples without a label, which are neither right nor wrong
        known = len(logits) if self.distillation is None else int(labelled(labels).sum())
        self.log("train/accuracy", right, batch_size=known, **epoch)
        return loss

    def learn(self, logits: Tensor, batch: Batch, labels: Tensor, weights: Tensor, rows: Rows) -> tuple[Tensor, Tensor]:
        """The loss of a whole batch and the share of right answers, scalars; arguments as in `batch_loss`."""
        right = self.right(logits.detach(), labels)
        if labels.dtype == torch.bool:
            labels = self.smoothed(self.head.among_candidates(logits, labels))
        return self.batch_loss(logits, batch, labels, weights, rows), right

    def right(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Share of right answers among samples that have a label, a scalar."""
        grades = self.head.decode(logits)
        if labels.dtype == torch.bool:
            return labels.gather(1, grades[:, None])[:, 0].float().mean()
        known = labelled(labels)
        return (grades == hard(labels))[known].float().mean() if known.any() else logits.new_tensor(0.0)

    def prepared(self, batch: Batch, rows: Rows) -> tuple[Tensor, Tensor, Tensor]:
        """As they are trained on: this process's images `(b, C, H, W)`, all labels `(B,)` or `(B, K)` and weights `(B,)`."""
        images, labels, weights = batch.images, rows.gather(batch.labels), rows.gather(batch.weights)
        if labels.dtype == torch.bool:
            if self.mixup is not None:
                raise ValueError("task.mixup: cells that may be of several grades cannot be blended; want 0")
            return images, labels, weights  # `learn` smooths them: who of the candidates it is depends on the logits
        if self.distillation is not None or (not self.label_smoothing and self.mixup is None):
            return images, labels, weights
        votes = self.smoothed(self.head.soft_labels(labels))
        if self.mixup is None:
            return images, votes, weights
        # a row's sum carries the sample's weight through the blending
        images, blended = self.mixup(rows.gather(images).float(), votes * weights[:, None])
        weights = blended.sum(dim=1)
        return rows.own(images), blended / weights[:, None].clamp(min=1e-12), weights

    def smoothed(self, votes: Tensor) -> Tensor:
        """Soft labels `(B, K)`, a share of each spread over all classes."""
        return (1 - self.label_smoothing) * votes + self.label_smoothing / self.head.num_classes

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Adds one batch to the epoch's metrics."""
        if not len(batch.labels):
            return
        logits = self(batch.images).float()
        self.add_val_losses(self.head.sample_losses(logits, batch.labels))
        self.val_metrics.update(self.head.decode(logits), hard(batch.labels))

    def predict_step(self, batch: Batch, batch_idx: int) -> tuple[Tensor, Tensor]:
        """Grades `(B,)` and probabilities `(B, K)`."""
        logits = self(batch.images).float()
        return self.head.decode(logits), self.head.probabilities(logits)


def _mixup(alpha: float, classes: int) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    from torchvision.transforms.v2 import MixUp  # half a second that most trainings can spare

    made: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] = MixUp(alpha=alpha, num_classes=classes)
    return made


def hard(labels: Tensor) -> Tensor:
    """Grades of labels `(B,)` or votes `(B, K)`: the most voted, the lower one where votes are equal."""
    return labels if labels.ndim == 1 else labels.argmax(dim=1)
