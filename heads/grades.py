"""What every encoding of ordered grades shares: contract 1 of the design.

A head stands between plain labels and the network's outputs. Shapes: B samples, K classes, O outputs of the network.
Labels are grades `(B,)` of an integer type, or votes / soft labels `(B, K)` of a floating type whose rows are
normalised to sum to 1, or, for the loss of a training, candidates `(B, K)` of type bool: one of them is the grade.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import override

import torch
from torch import Tensor
from torch.nn import functional

from heads.base import SMALLEST, Head, check_sample_weights, log_odds

STEEP, TINY = 6e4, 1e-7
"""What is above a threshold by the least that half precision has, times the one, is far more than the other."""


class GradeHead(Head):
    """Turns grades into targets and logits into answers.

    Args:
        num_classes: K, at least 2; grades run from 0 (best) to K - 1 (worst).

    """

    targets = ("grades",)

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        if num_classes < 2:
            raise ValueError(f"num_classes={num_classes}: a grade needs at least 2 classes")

    @abstractmethod
    def encode(self, labels: Tensor) -> Tensor:
        """Labels `(B,)` or `(B, K)` → targets of the loss, float `(B, K)` or `(B, K - 1)`."""

    @abstractmethod
    def probabilities(self, logits: Tensor) -> Tensor:
        """Logits `(B, O)` → class probabilities `(B, K)`; rows sum to 1."""

    @abstractmethod
    def decode(self, logits: Tensor) -> Tensor:
        """Logits `(B, O)` → grades `(B,)`, int64. Not always the argmax of `probabilities`."""

    def decision(self, logits: Tensor) -> Tensor | None:
        """Logits `(B, O)` → `(B, K)`, 1 at the grade that `decode` gives and 0 elsewhere, for exported files.

        None where the largest probability is that grade. No integers: delegates of phones and browsers take floats alone.
        """
        return None

    @override
    def softened(self, logits: Tensor, temperature: float) -> Tensor:
        return self.probabilities(logits / temperature)

    @override
    def describe(self, logits: Tensor, class_names: Sequence[str]) -> tuple[str, int]:
        grade = int(self.decode(logits)[0])
        return f"{class_names[grade]}, {float(self.probabilities(logits)[0, grade]):.3f}", grade

    @override
    def evidence(self, target: int, answer: Tensor) -> Callable[[Tensor], Tensor]:
        """The log odds of the class."""

        def log_odds(logits: Tensor) -> Tensor:
            chance: Tensor = self.probabilities(logits.double()[None])[0, target].clamp(1e-15, 1 - 1e-15)
            return chance.log() - (-chance).log1p()

        return log_odds

    @override
    def taught_loss(self, logits: Tensor, teacher: Tensor) -> Tensor:
        return self.loss(logits, self.probabilities(teacher).clamp(0, 1))

    def loss(self, logits: Tensor, labels: Tensor, sample_weights: Tensor | None = None) -> Tensor:
        """Mean over the batch of weight × loss, a scalar: Keras's reading of class weights (thesis, section 4.1.2).

        `sample_weights` is `(B,)`; None means 1 for every sample. Raises ValueError for shapes that would broadcast.
        """
        batch = len(logits)
        if tuple(labels.shape) not in [(batch,), (batch, self.num_classes)]:
            given = tuple(labels.shape)
            raise ValueError(f"labels of shape {given}: want (B,) or (B, {self.num_classes}), with B = {batch} here")
        if labels.dtype == torch.bool and labels.ndim == 1:
            raise ValueError(f"candidates of shape ({batch},): want (B, {self.num_classes})")
        check_sample_weights(logits, sample_weights)
        if labels.dtype == torch.bool:
            labels = self.among_candidates(logits, labels)
        losses = self.sample_losses(logits, labels)
        return losses.mean() if sample_weights is None else (losses * sample_weights).mean()

    def among_candidates(self, logits: Tensor, candidates: Tensor) -> Tensor:
        """Logits `(B, O)`, bool `(B, K)` → soft labels `(B, K)`: what the network itself thinks of the candidates, without gradient.

        Partial labels by Lv et al. 2020, "Progressive identification of true labels for partial-label learning". With the softmax
        the gradient is that of -log Σ P(candidate); where one candidate is left, the loss is that of the grade.
        """
        with torch.no_grad():
            # what is far from all candidates is told between them all the same
            share = self.probabilities(logits.detach().float()).clamp(min=1e-37) * candidates
            return (share / share.sum(dim=1, keepdim=True)).to(logits.dtype)

    @override
    def labels_like(self, logits: Tensor) -> Tensor:
        """Grades, int64 `(B,)`."""
        return torch.arange(len(logits), device=logits.device) % self.num_classes

    def soft_labels(self, labels: Tensor) -> Tensor:
        """Labels `(B,)` or `(B, K)` → float distributions over the classes `(B, K)`."""
        if labels.ndim == 1:
            return functional.one_hot(labels.long(), self.num_classes).to(torch.get_default_dtype())
        if labels.shape[-1] != self.num_classes:
            raise ValueError(f"labels of shape {tuple(labels.shape)}: want (B,) or (B, {self.num_classes})")
        return labels / labels.sum(dim=1, keepdim=True)


def exceedance(distributions: Tensor) -> Tensor:
    """Distributions over K classes `(B, K)` → P(grade > i) for i = 0..K-2, `(B, K - 1)`.

    For a certain grade this is the thesis's ordinal code, Table 4.4: grade 2 of 5 → [1, 1, 0, 0].
    """
    return 1 - distributions.cumsum(dim=1)[:, :-1]


# What follows is part of the exported file as well: only operations that ONNX and TFLite have.


def from_exceedance(exceeds: Tensor) -> Tensor:
    """P(grade > i), not increasing in i, `(B, K - 1)` → class probabilities `(B, K)` by differences."""
    inner = [exceeds[:, :-1] - exceeds[:, 1:]] if exceeds.shape[1] > 1 else []
    return torch.cat(
        [1 - exceeds[:, :1], *inner, exceeds[:, -1:]], dim=1
    )  # graphics chips refuse a padding of two axes


def running(combine: Callable[[Tensor, Tensor], Tensor], values: Tensor) -> Tensor:
    """Column i is columns 0 to i combined: `torch.mul` makes running products, `torch.minimum` running minima."""
    columns = [values[:, step : step + 1] for step in range(values.shape[1])]
    for step in range(1, len(columns)):
        columns[step] = combine(columns[step - 1], columns[step])
    return torch.cat(columns, dim=1)


def logits_of_steps(exceeds: Tensor) -> Tensor:
    """P(grade > i) `(B, K - 1)` → logits of P(grade > i | grade > i - 1), of the same shape."""
    later = [exceeds[:, 1:] / exceeds[:, :-1].clamp(min=SMALLEST)] if exceeds.shape[1] > 1 else []
    return log_odds(torch.cat([exceeds[:, :1], *later], dim=1))


def scan(levels: Tensor, threshold: float) -> Tensor:
    """Counts, from the start, the levels above the threshold until the first that is not: `(B, L)` → int64 `(B,)`.

    Thesis, section 4.1.4: with threshold 0.5, [0.8, 0.9, 0.2, 0.6] → 2.
    """
    stops = (levels <= threshold).to(levels.dtype)
    return functional.pad(stops, (0, 1), value=1.0).argmax(dim=1)  # argmax names the first of equals


def one_hot_scan(levels: Tensor, threshold: float) -> Tensor:
    """What `scan` gives, as 1 at that place and 0 elsewhere: `(B, L)` → `(B, L + 1)`."""
    above = functional.relu6((levels - threshold) * STEEP)
    return from_exceedance(running(torch.minimum, above / (above + TINY)))
