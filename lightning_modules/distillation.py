"""Training of a small network on what a larger one, or several, say of the same pictures (Hinton et al. 2015), for any task."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor, nn
from torch.nn import functional

from heads.base import Head

RANGE = 0.05, 50.0
"""Of a learned temperature."""


class Distillation:
    """What teachers ask of a student's logits: answers at temperature T that are near to theirs.

    Args:
        heads: the teachers', in the order of their logits; answers of several are averaged.
        temperature: T of teachers and student, above 0; numbers have none.
        soft_share: of the teachers' loss; the rest is the head's own loss on the labels.
        loss: `mse`, the sum of squared differences of both answers (seed 003, section 2.3.3), or `kl`, the
            Kullback-Leibler divergence; either times T², so that its gradients keep their size (Hinton et al., section 2).
        weights: how many numbers the teachers have learnt, for the record.
        networks: the teachers themselves, where their logits are not kept: asked at each step, without gradient.

    Raises ValueError for settings that fit nothing.

    """

    def __init__(
        self,
        heads: Sequence[Head],
        *,
        temperature: float,
        soft_share: float,
        loss: str,
        weights: int = 0,
        networks: Sequence[nn.Module] = (),
    ) -> None:
        if loss not in LOSSES:
            raise ValueError(f"method.loss={loss}: want one of {', '.join(LOSSES)}")
        # no module list: a student's checkpoint holds nothing of its teachers
        self.heads = tuple(head.requires_grad_(requires_grad=False) for head in heads)
        self.networks = tuple(network.eval().requires_grad_(requires_grad=False) for network in networks)
        self.temperature, self.soft_share, self.soft_loss = temperature, soft_share, LOSSES[loss]
        self.weights = weights

    def teacher_logits(self, batch: Any) -> Tensor:
        """All teachers' logits of a batch, `(b, M · O, …)`: those that came with it, or what the teachers say now."""
        if not self.networks:
            given: Tensor = batch.teacher_logits
            return given
        with torch.no_grad():
            return torch.cat(
                [network.to(batch.images.device)(batch.images).float() for network in self.networks], dim=1
            )

    def loss(self, head: Head, logits: Tensor, labels: Tensor, teacher_logits: Tensor, weights: Tensor) -> Tensor:
        """Mean over the batch of weight × loss, a scalar. A sample without a label, -1, learns from the teachers alone."""
        wanted = softened(teacher_logits, self.heads, self.temperature)
        soft = self.temperature**2 * self.soft_loss(head.softened(logits, self.temperature), wanted)
        if self.soft_share == 1:
            return (soft * weights).mean()
        known = labelled(labels)
        hard = torch.zeros_like(soft)
        if known.any():
            hard[known] = head.sample_losses(logits[known], labels[known]).to(soft.dtype)
        losses = torch.where(known, self.soft_share, 1.0) * soft + (1 - self.soft_share) * hard
        return (losses * weights).mean()


def labelled(labels: Tensor) -> Tensor:
    """Which samples have a label, `(B,)`: a class below 0 is none; other labels are always there."""
    if labels.ndim == 1 and not labels.is_floating_point():
        return labels >= 0
    return torch.ones(len(labels), dtype=torch.bool, device=labels.device)


def softened(logits: Tensor, heads: Sequence[Head], temperature: float) -> Tensor:
    """Logits of M teachers `(B, M · O, …)` → the mean of their answers at a temperature."""
    each = torch.split(logits, [head.num_outputs for head in heads], dim=1)
    pairs = [(head.to(logits.device), one) for head, one in zip(heads, each, strict=True)]
    return torch.stack([head.softened(one, temperature) for head, one in pairs]).mean(dim=0)


def squared(given: Tensor, wanted: Tensor) -> Tensor:
    """Answers of one shape → sum of squared differences over the outputs, mean over pixels where there are some, `(B,)`."""
    return (
        (given - wanted).square().sum(dim=1).flatten(1).mean(dim=1)
        if given.ndim > 2
        else (given - wanted).square().sum(dim=1)
    )


def divergence(given: Tensor, wanted: Tensor) -> Tensor:
    """Probabilities, both `(B, K, …)` → Kullback-Leibler divergence of `wanted` from `given` `(B,)`, nats."""
    each = functional.kl_div(given.clamp(min=1e-7).log(), wanted, reduction="none").sum(dim=1)
    return each.flatten(1).mean(dim=1) if each.ndim > 1 else each


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"mse": squared, "kl": divergence}


def calibrated(logits: Tensor, labels: Tensor, heads: Sequence[Head]) -> float:
    """The temperature at which the teachers' probabilities fit labels that they were not trained on best.

    Guo et al. 2017, "On calibration of modern neural networks", section 4.2: least negative log-likelihood.

    Args:
        logits: `(N, M · O)`.
        labels: int64 `(N,)`.

    """

    def cost(log_heat: float) -> float:
        chances = softened(logits, heads, math.exp(log_heat))
        return float(-chances.gather(1, labels[:, None]).clamp(min=1e-12).log().mean())

    return math.exp(minimize_scalar(cost, bounds=np.log(RANGE), method="bounded").x)
