"""Training of a small network on what a larger one, or several, say of the same pictures (Hinton et al. 2015)."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn import functional

from heads.grades import GradeHead
from lightning_modules.backbones.base import Backbone
from lightning_modules.base import OptimizerFactory, ScheduleFactory
from lightning_modules.fine_tuning import FineTuning
from lightning_modules.grading import GradingModule

RANGE = 0.05, 50.0
"""Of a learned temperature."""


class DistillationModule(GradingModule):
    """Fits a `GradeNetwork` to softened probabilities of its teachers and to the labels.

    A training batch's labels are float `(B, 1 + M · O)`: the label, -1 where there is none, and the logits of M teachers
    of O outputs each. Probabilities at temperature T are those that a head gives of logits / T, for any head.

    Args:
        teachers: their heads, in the order of the logits; probabilities of several are averaged.
        temperature: T of teachers and student, above 0.
        soft_share: of the teachers' loss; the rest is the head's own loss on the labels.
        loss: `mse`, the sum of squared differences of both probabilities (seed 003, section 2.3.3), or `kl`, the
            Kullback-Leibler divergence; either times T², so that its gradients keep their size (Hinton et al., section 2).
        teacher_weights: how many numbers the teachers have learnt, for the record.
        others: see `GradingModule`.

    Raises ValueError for settings that fit nothing.

    """

    def __init__(
        self,
        backbone: Backbone,
        head: GradeHead,
        *,
        temperature: float | str,
        soft_share: float,
        loss: str,
        dropout: float,
        teachers: Sequence[GradeHead] = (),
        teacher_weights: int = 0,
        optimizer: OptimizerFactory,
        schedule: ScheduleFactory,
        seed: int,
        fine_tuning: FineTuning | None = None,
        ordered: bool = True,
    ) -> None:
        super().__init__(
            backbone, head, dropout=dropout, optimizer=optimizer, schedule=schedule, seed=seed,
            fine_tuning=fine_tuning, ordered=ordered,
        )  # fmt: skip
        temperature = 1.0 if temperature == "learned" and not teachers else temperature  # a finished network needs none
        if isinstance(temperature, str) or not temperature > 0:
            raise ValueError(f"task.temperature={temperature}: want a number above 0, or learned")
        if not 0 <= soft_share <= 1:
            raise ValueError(f"task.soft_share={soft_share:g}: want 0 to 1")
        if loss not in LOSSES:
            raise ValueError(f"task.loss={loss}: want one of {', '.join(LOSSES)}")
        self.teacher_weights = teacher_weights
        # no module list: a student's checkpoint holds nothing of its teachers
        self.teachers = tuple(teacher.requires_grad_(requires_grad=False) for teacher in teachers)
        self.temperature, self.soft_share, self.soft_loss = temperature, soft_share, LOSSES[loss]

    def learn(self, logits: Tensor, labels: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """As in `GradingModule`; labels float `(B, 1 + M · O)`; what has no label has no right answer."""
        told, wanted = labels[:, 0].long(), softened(labels[:, 1:], self.teachers, self.temperature)
        loss = (self.sample_losses(logits, told, wanted) * weights).mean()
        known = told >= 0
        right = (
            (self.head.decode(logits.detach()) == told)[known].float().mean() if known.any() else loss.new_tensor(0.0)
        )
        return loss, right

    def sample_losses(self, logits: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
        """Logits `(B, O)`, labels int64 `(B,)`, teachers' probabilities `(B, K)` → loss of each sample `(B,)`."""
        heat = self.temperature
        soft = heat**2 * self.soft_loss(self.head.probabilities(logits / heat), wanted)
        if self.soft_share == 1:
            return soft
        known = labels >= 0
        hard = torch.zeros_like(soft)
        if known.any():
            hard[known] = self.head.sample_losses(logits[known], labels[known]).to(soft.dtype)
        return torch.where(known, self.soft_share, 1.0) * soft + (1 - self.soft_share) * hard


def softened(logits: Tensor, heads: Sequence[GradeHead], temperature: float) -> Tensor:
    """Logits of M teachers `(B, M · O)` → the mean of their probabilities `(B, K)` at a temperature."""
    each = torch.split(logits, [head.num_outputs for head in heads], dim=1)
    pairs = [(head.to(logits.device), one / temperature) for head, one in zip(heads, each, strict=True)]
    return torch.stack([head.probabilities(one) for head, one in pairs]).mean(dim=0)


def squared(given: Tensor, wanted: Tensor) -> Tensor:
    """Probabilities, both `(B, K)` → sum of squared differences `(B,)`."""
    return (given - wanted).square().sum(dim=1)


def divergence(given: Tensor, wanted: Tensor) -> Tensor:
    """Probabilities, both `(B, K)` → Kullback-Leibler divergence of `wanted` from `given` `(B,)`, nats."""
    return functional.kl_div(given.clamp(min=1e-7).log(), wanted, reduction="none").sum(dim=1)


LOSSES = {"mse": squared, "kl": divergence}


def calibrated(logits: Tensor, labels: Tensor, heads: Sequence[GradeHead]) -> float:
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
