"""CORN: Shi, Cao, Raschka, "Deep neural networks for rank-consistent ordinal regression based on conditional
probabilities", Pattern Analysis and Applications 2023.
"""

from typing import override

import torch
from torch import Tensor
from torch.nn import functional

from heads.grades import GradeHead, exceedance, from_exceedance, logits_of_steps, one_hot_scan, running, scan


class Corn(GradeHead):
    """K - 1 conditional outputs: sigmoid(logit_i) = P(grade > i | grade > i - 1).

    P(grade > i) is the product of the first i + 1 outputs (equation 4), so it never rises; P(k) are its differences.
    The grade counts P(grade > i) > 0.5 (equation 6).
    """

    needs_ordered_classes = True

    @property
    def num_outputs(self) -> int:
        """K - 1."""
        return self.num_classes - 1

    def encode(self, labels: Tensor) -> Tensor:
        """Grade 2 of 5 → [1, 1, 0, 0]. `(B, K - 1)`."""
        return exceedance(self.soft_labels(labels))

    def sample_losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of each conditional step over the samples that reach it (equation 8), `(B,)`.

        The paper divides the sum by the number of (sample, step) pairs reached in the batch; these losses are scaled
        so that their mean over the batch is that figure.
        """
        passes = self.encode(labels).to(logits)
        reaches = torch.cat([torch.ones_like(passes[:, :1]), passes[:, :-1]], dim=1)
        steps = -passes * functional.logsigmoid(logits) - (reaches - passes) * functional.logsigmoid(-logits)
        return steps.sum(dim=1) * (len(logits) / reaches.sum())

    def probabilities(self, logits: Tensor) -> Tensor:
        """Differences of the products, `(B, K)`."""
        return from_exceedance(running(torch.mul, logits.sigmoid()))

    def decode(self, logits: Tensor) -> Tensor:
        """How many products exceed one half, `(B,)`."""
        return scan(running(torch.mul, logits.sigmoid()), 0.5)

    @override
    def decision(self, logits: Tensor) -> Tensor:
        return one_hot_scan(running(torch.mul, logits.sigmoid()), 0.5)

    def mean_logits(self, logits: Tensor) -> Tensor:
        """Steps whose products are the mean P(grade > i), `(B, K - 1)`."""
        return logits_of_steps(torch.stack([running(torch.mul, one.sigmoid()) for one in logits]).mean(dim=0))
