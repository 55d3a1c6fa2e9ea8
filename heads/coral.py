"""CORAL: Cao, Mirjalili, Raschka, "Rank consistent ordinal regression", Pattern Recognition Letters 2020."""

from typing import override

import torch
from torch import Tensor, nn
from torch.nn import functional

from heads.grades import GradeHead, exceedance, from_exceedance, one_hot_scan, running, scan


class Coral(GradeHead):
    """One shared score and K - 1 learned thresholds: P(grade > i) = sigmoid(score + bias_i).

    P(k) = P(grade > k - 1) - P(grade > k). Training drives the biases into falling order (theorem 1 of the paper);
    while they are not, the running minimum of P(grade > i) stands in for it, so that no probability is negative.
    The grade counts P(grade > i) > 0.5, equation 5, which with the running minimum is the scan.
    """

    needs_ordered_classes = True

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        steps = num_classes - 1
        self.bias = nn.Parameter(torch.arange(steps, 0, -1, dtype=torch.float32) / steps)

    @property
    def num_outputs(self) -> int:
        """1: the shared score; the thresholds belong to the head."""
        return 1

    def levels(self, scores: Tensor) -> Tensor:
        """Scores `(B, 1)` → logits of P(grade > i), `(B, K - 1)`."""
        # one column for each: WebGPU adds a single column to the first bias alone, without a word
        return torch.cat([scores] * len(self.bias), dim=1) + self.bias

    def encode(self, labels: Tensor) -> Tensor:
        """Grade 2 of 5 → [1, 1, 0, 0]. `(B, K - 1)`."""
        return exceedance(self.soft_labels(labels))

    def sample_losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Binary cross-entropy, sum over the steps (equation 4), `(B,)`."""
        levels = self.levels(logits)
        return functional.binary_cross_entropy_with_logits(
            levels, self.encode(labels).to(levels), reduction="none"
        ).sum(dim=1)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Differences of the (monotone) P(grade > i), `(B, K)`."""
        return from_exceedance(running(torch.minimum, self.levels(logits).sigmoid()))

    def decode(self, logits: Tensor) -> Tensor:
        """How many P(grade > i) from the start exceed one half, `(B,)`."""
        return scan(self.levels(logits), 0.0)

    @override
    def decision(self, logits: Tensor) -> Tensor:
        return one_hot_scan(self.levels(logits), 0.0)

    def mean_logits(self, logits: Tensor) -> Tensor:
        """Raises ValueError: see `Head`."""
        raise ValueError("the thresholds of CORAL differ between networks: there is no mean of their scores")
