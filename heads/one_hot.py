"""One output per class, softmax: the thesis's one-hot encoding (section 4.1.4, equations 4.1 and 4.2)."""

import torch
from torch import Tensor
from torch.nn import functional

from heads.base import SMALLEST
from heads.grades import GradeHead


class OneHot(GradeHead):
    """K logits; P(k) = softmax(logits)[k]; grade = argmax; loss = categorical cross-entropy."""

    @property
    def num_outputs(self) -> int:
        """K."""
        return self.num_classes

    def encode(self, labels: Tensor) -> Tensor:
        """Grade 2 of 5 → [0, 0, 1, 0, 0]; votes → their shares. `(B, K)`."""
        return self.soft_labels(labels)

    def sample_losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy `(B,)`, equation 4.1."""
        return functional.cross_entropy(logits, self.encode(labels).to(logits), reduction="none")

    def probabilities(self, logits: Tensor) -> Tensor:
        """Softmax over the logits, `(B, K)`."""
        return logits.softmax(dim=1)

    def decode(self, logits: Tensor) -> Tensor:
        """Index of the largest logit, `(B,)`."""
        return logits.argmax(dim=1)

    def mean_logits(self, logits: Tensor) -> Tensor:
        """Logarithms of the mean probabilities, `(B, K)`."""
        return logits.softmax(dim=2).mean(dim=0).clamp(min=SMALLEST).log()


class FocalOneHot(OneHot):
    """As `OneHot`, with the focal loss (Lin et al. 2017, equation 4) over the softmax.

    Args:
        num_classes: see `GradeHead`.
        gamma: how much less a sure right answer counts; 0 is cross-entropy.

    """

    def __init__(self, num_classes: int, gamma: float) -> None:
        super().__init__(num_classes)
        if gamma < 0:
            raise ValueError(f"encoding.gamma={gamma}: want 0 or more")
        self.gamma = gamma

    def sample_losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        """`-Σ q (1 - p)^γ log p`, `(B,)`."""
        log_chances = logits.log_softmax(dim=1)
        pull = (1 - log_chances.exp()).clamp_min(0) ** self.gamma
        return -(self.encode(labels).to(logits) * pull * log_chances).sum(dim=1)


class LogitAdjusted(OneHot):
    """As `OneHot`, trained with the logit-adjusted loss (Menon et al. 2021, equation 10): what is learned is apart from how frequent a class was.

    Args:
        num_classes: see `GradeHead`.
        tau: how much of the logarithm of the frequencies is added to the logits of a training.

    """

    def __init__(self, num_classes: int, tau: float) -> None:
        super().__init__(num_classes)
        self.tau = tau
        self.register_buffer("log_shares", torch.zeros(num_classes), persistent=False)
        self.log_shares: Tensor

    def know_counts(self, counts: Tensor) -> None:
        """Takes the frequencies; a class without samples counts as one of half a sample."""
        counts = counts.clamp_min(0.5)
        self.log_shares = (counts / counts.sum()).log().to(self.log_shares)

    def sample_losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of the adjusted logits, `(B,)`; of the plain ones where no counts are known."""
        return super().sample_losses(logits + self.tau * self.log_shares, labels)
