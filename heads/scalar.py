"""How a number becomes a target and an output becomes a number: contract 1 of the design, for numbers.

Shapes: B samples, one output. Losses are computed on a scale on which the data's range is 0 to 1, so that one learning rate
does for a share of wear and for a percentage.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import override

import torch
from torch import Tensor
from torch.nn import functional

from heads.base import Head, check_sample_weights


class ScalarHead(Head):
    """Turns numbers into targets and logits into numbers; the network's output is linear.

    Args:
        num_classes: bands of the data, which the output does not depend on.
        low, high: the ends of the data's range, in its unit; they become 0 and 1.

    """

    targets = ("numbers",)
    output_per_class = False

    def __init__(self, num_classes: int, *, low: float = 0.0, high: float = 1.0) -> None:
        super().__init__(num_classes)
        if not low < high:
            raise ValueError(f"encoding.low={low:g} and encoding.high={high:g}: want low below high")
        self.low, self.high = float(low), float(high)

    @property
    def num_outputs(self) -> int:
        """1: the number itself, on a scale from 0 to 1."""
        return 1

    def encode(self, numbers: Tensor) -> Tensor:
        """Numbers in their unit → targets, the same shape."""
        return (numbers - self.low) / (self.high - self.low)

    def decode(self, logits: Tensor) -> Tensor:
        """Logits → numbers in their unit, the same shape; an answer may lie outside the range."""
        return logits * (self.high - self.low) + self.low

    @abstractmethod
    def errors(self, differences: Tensor) -> Tensor:
        """What each difference of a logit from its target costs, the same shape."""

    def sample_losses(self, logits: Tensor, numbers: Tensor) -> Tensor:
        """Logits and numbers `(B, 1)` → loss of every sample, `(B,)`, before weights."""
        return self.errors(logits - self.encode(numbers)).mean(dim=1)

    def loss(self, logits: Tensor, numbers: Tensor, sample_weights: Tensor | None = None) -> Tensor:
        """Mean over the batch of weight × loss, a scalar. Raises ValueError for shapes that would broadcast."""
        if numbers.shape != logits.shape:
            raise ValueError(f"numbers of shape {tuple(numbers.shape)}: want {tuple(logits.shape)}, as the logits")
        check_sample_weights(logits, sample_weights)
        losses = self.sample_losses(logits, numbers)
        return losses.mean() if sample_weights is None else (losses * sample_weights).mean()

    @override
    def taught_loss(self, logits: Tensor, teacher: Tensor) -> Tensor:
        """How far one network is from another; no margin."""
        return (logits - teacher).abs().mean()

    @override
    def mean_logits(self, logits: Tensor) -> Tensor:
        return logits.mean(dim=0)

    @override
    def softened(self, logits: Tensor, temperature: float) -> Tensor:
        """The logits themselves: a number has no temperature."""
        return logits

    @override
    def labels_like(self, logits: Tensor) -> Tensor:
        """Numbers, float `(B, 1)`."""
        return torch.full_like(logits, self.low)

    @override
    def describe(self, logits: Tensor, class_names: Sequence[str]) -> tuple[str, int]:
        return f"{float(self.decode(logits)[0, 0]):.4g}", 0

    @override
    def evidence(self, target: int, answer: Tensor) -> Callable[[Tensor], Tensor]:
        """What speaks for a larger number: the output itself."""
        return lambda logits: logits[0]


class L1(ScalarHead):
    """Absolute error (seed 004, section 4.5)."""

    @override
    def errors(self, differences: Tensor) -> Tensor:
        return differences.abs()


class L1Margin(ScalarHead):
    """Absolute error beyond a margin within which an answer costs nothing (seed 004, equation 3.1).

    Args:
        margin: on the scale of 0 to 1; published: 0.2.

    """

    def __init__(self, num_classes: int, *, low: float = 0.0, high: float = 1.0, margin: float = 0.2) -> None:
        super().__init__(num_classes, low=low, high=high)
        if margin < 0:
            raise ValueError(f"encoding.margin={margin:g}: want 0 or more")
        self.margin = margin

    @override
    def errors(self, differences: Tensor) -> Tensor:
        return (differences.abs() - self.margin).clamp(min=0)


class SquaredError(ScalarHead):
    """Squared error."""

    @override
    def errors(self, differences: Tensor) -> Tensor:
        return differences.square()


class Huber(ScalarHead):
    """Squared near 0, absolute further out (Huber 1964).

    Args:
        delta: where the one becomes the other, on the scale of 0 to 1.

    """

    def __init__(self, num_classes: int, *, low: float = 0.0, high: float = 1.0, delta: float = 0.05) -> None:
        super().__init__(num_classes, low=low, high=high)
        if delta <= 0:
            raise ValueError(f"encoding.delta={delta:g}: want more than 0")
        self.delta = delta

    @override
    def errors(self, differences: Tensor) -> Tensor:
        return functional.huber_loss(differences, torch.zeros_like(differences), reduction="none", delta=self.delta)
