"""The thesis's ordinal encoding (section 4.1.4, Table 4.4, equations 4.3 and 4.4), after Cheng 2008."""

from typing import override

import torch
from torch import Tensor
from torch.nn import functional

from heads.grades import GradeHead, exceedance, from_exceedance, logits_of_steps, one_hot_scan, running, scan


class Ordinal(GradeHead):
    """K - 1 independent sigmoid outputs; output i says whether the scan passes step i.

    The grade is read by the scan: count outputs above `threshold` from the start until the first that is not. The
    probability that goes with it treats the outputs as independent steps:
    P(k) = s_0 · … · s_(k-1) · (1 - s_k), and P(K - 1) = s_0 · … · s_(K-2). The rows sum to 1. The scan is not always
    the argmax of these: [.6, .6, .6, .6] scans to 4 while P(0) = .4 is the largest.
    """

    needs_ordered_classes = True

    def __init__(self, num_classes: int, threshold: float = 0.5) -> None:
        super().__init__(num_classes)
        if not 0 < threshold < 1:
            raise ValueError(f"encoding.threshold={threshold}: want a probability between 0 and 1")
        self.threshold = threshold

    @property
    def num_outputs(self) -> int:
        """K - 1."""
        return self.num_classes - 1

    def encode(self, labels: Tensor) -> Tensor:
        """Grade 2 of 5 → [1, 1, 0, 0]; votes → the share above each step. `(B, K - 1)`."""
        return exceedance(self.soft_labels(labels))

    def sample_losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Binary cross-entropy, mean over the outputs (equation 4.3), `(B,)`."""
        targets = self.encode(labels).to(logits)
        return functional.binary_cross_entropy_with_logits(logits, targets, reduction="none").mean(dim=1)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Products of the steps, see the class, `(B, K)`."""
        return from_exceedance(running(torch.mul, logits.sigmoid()))

    def decode(self, logits: Tensor) -> Tensor:
        """The scan over sigmoid(logits), `(B,)`."""
        return scan(logits.sigmoid(), self.threshold)

    @override
    def decision(self, logits: Tensor) -> Tensor:
        return one_hot_scan(logits.sigmoid(), self.threshold)

    def mean_logits(self, logits: Tensor) -> Tensor:
        """Steps whose products are the mean P(grade > i), `(B, K - 1)`."""
        return logits_of_steps(torch.stack([running(torch.mul, one.sigmoid()) for one in logits]).mean(dim=0))
