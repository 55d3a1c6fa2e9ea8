"""Training of a network that gives a picture any number of labels."""

from collections.abc import Iterable
from typing import Protocol, override

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import MultilabelAccuracy, MultilabelF1Score
from torchmetrics.utilities.data import dim_zero_cat

from heads.binary import BinaryHead
from lightning_modules.backbones.base import Backbone
from lightning_modules.base import TaskModule, TrainingSettings
from lightning_modules.data_parallel import Rows
from lightning_modules.networks.classifier import GradeNetwork


class LabelBatch(Protocol):
    """What a datamodule hands out; B samples."""

    images: Tensor
    """Raw pixels, uint8 `(B, C, H, W)`."""
    labels: Tensor
    """0 and 1 for each label, float32 `(B, K)`."""
    weights: Tensor
    """Weight of each sample in the loss, `(B,)`."""


class MeanAveragePrecision(Metric):
    """Mean over the labels that occur of the average precision over all samples at once."""

    probabilities: list[Tensor]
    labels: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("probabilities", [], dist_reduce_fx="cat")
        self.add_state("labels", [], dist_reduce_fx="cat")

    def update(self, probabilities: Tensor, labels: Tensor) -> None:
        """Both `(B, K)`; labels int."""
        self.probabilities.append(probabilities.detach())
        self.labels.append(labels)

    def compute(self) -> Tensor:
        """A scalar from 0 to 1."""
        chances, labels = dim_zero_cat(self.probabilities), dim_zero_cat(self.labels) > 0
        each = [
            average_precision(labels[:, at], chances[:, at]) for at in range(labels.shape[1]) if labels[:, at].any()
        ]
        return torch.stack(each).mean() if each else chances.new_tensor(0.0)


def average_precision(labels: Tensor, probabilities: Tensor) -> Tensor:
    """Bool and float `(N,)` → Σ (R_n - R_(n-1)) P_n, equal probabilities taken together; a scalar."""
    values, order = probabilities.double().sort(descending=True)
    hits = labels[order].double().cumsum(0)
    last = torch.ones_like(values, dtype=torch.bool)
    last[:-1] = values[1:] != values[:-1]
    places = last.nonzero()[:, 0]
    found, seen = hits[places], places + 1.0
    new = torch.diff(found, prepend=found.new_zeros(1))
    return ((new / hits[-1]) * (found / seen)).sum().float()


class MultilabelModule(TaskModule):
    """Fits a `GradeNetwork` under a head of yes and no.

    Logged once per epoch: `train/loss`, `train/label_accuracy`, `val/loss`, `val/mean_average_precision`, and at the head's threshold
    `val/label_accuracy`, `val/macro_f1`.

    Args:
        dropout: before the linear layer.
        settings: see `TrainingSettings`.

    """

    def __init__(self, backbone: Backbone, head: BinaryHead, settings: TrainingSettings, *, dropout: float) -> None:
        labels, at = head.num_classes, head.threshold
        super().__init__(
            GradeNetwork(backbone, head.num_outputs, dropout),
            head,
            settings,
            val_metrics=MetricCollection(
                {
                    "mean_average_precision": MeanAveragePrecision(),
                    "label_accuracy": MultilabelAccuracy(labels, threshold=at, average="micro"),
                    "macro_f1": MultilabelF1Score(labels, threshold=at, average="macro"),
                },
                prefix="val/",
                compute_groups=False,
            ),
        )
        self.head: BinaryHead = head

    @override
    def training_step(self, batch: LabelBatch, batch_idx: int) -> Tensor:
        """Weighted loss of one batch, a scalar; of the whole batch where several processes hold its rows."""
        rows = Rows.of(len(batch.labels))
        labels, weights = rows.gather(batch.labels), rows.gather(batch.weights)
        logits = rows.gather(self(batch.images).float())
        loss = self.batch_loss(logits, batch, labels, weights, rows)
        right = (self.head.decode(logits.detach()) == (labels > 0)).float().mean()
        figures = {"train/loss": loss.detach(), "train/label_accuracy": right}
        self.log_dict(figures, on_step=False, on_epoch=True, batch_size=len(logits), sync_dist=True)
        return loss

    @override
    def validation_step(self, batch: LabelBatch, batch_idx: int) -> None:
        if not len(batch.labels):
            return
        logits = self(batch.images).float()
        self.add_val_losses(self.head.sample_losses(logits, batch.labels))
        self.val_metrics.update(self.head.probabilities(logits), batch.labels.long())

    @override
    def predict_step(self, batch: LabelBatch, batch_idx: int) -> Tensor:
        """Probabilities `(B, K)`."""
        return self.head.probabilities(self(batch.images).float())


@torch.inference_mode()
def label_probabilities(module: TaskModule, batches: Iterable[Tensor]) -> npt.NDArray[np.float64]:
    """Raw pixels `(B, 3, S, S)`, batch by batch → probabilities `(N, K)`, in eval mode."""
    module.eval()
    head = module.head
    assert isinstance(head, BinaryHead)
    found = [head.probabilities(module(images.to(module.device)).float()).double().cpu() for images in batches]
    return torch.cat(found).numpy()
