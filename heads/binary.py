"""A yes or no for each class, of every pixel or of every picture: contract 1 for classes that do not exclude each other.

Shapes: B images, K classes; of masks H × W pixels: logits and labels are `(B, K, H, W)`, of sets of labels `(B, K)`.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar, override

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import sigmoid_focal_loss

from heads.base import Head, check_sample_weights, log_odds


class BinaryHead(Head):
    """Turns a logit per class into a probability and a yes or no.

    Args:
        num_classes: K, at least 1.
        threshold: a class whose probability is above is there; between 0 and 1.

    """

    targets: ClassVar[tuple[str, ...]] = ("masks", "label_sets")

    def __init__(self, num_classes: int, threshold: float = 0.5) -> None:
        super().__init__(num_classes)
        if num_classes < 1:
            raise ValueError(f"num_classes={num_classes}: want at least 1 class")
        if not 0 < threshold < 1:
            raise ValueError(f"encoding.threshold={threshold:g}: want more than 0 and less than 1")
        self.threshold = threshold

    @property
    @override
    def num_outputs(self) -> int:
        return self.num_classes

    @override
    def loss(self, logits: Tensor, labels: Tensor, sample_weights: Tensor | None = None) -> Tensor:
        if logits.shape != labels.shape:
            raise ValueError(f"labels of shape {tuple(labels.shape)}: want {tuple(logits.shape)}, as the logits")
        check_sample_weights(logits, sample_weights)
        losses = self.sample_losses(logits, labels.to(logits.dtype))
        return losses.mean() if sample_weights is None else (losses * sample_weights).mean()

    @override
    def taught_loss(self, logits: Tensor, teacher: Tensor) -> Tensor:
        return self.loss(logits, self.probabilities(teacher).clamp(0, 1))

    @override
    def softened(self, logits: Tensor, temperature: float) -> Tensor:
        return self.probabilities(logits / temperature)

    @override
    def labels_like(self, logits: Tensor) -> Tensor:
        """Nothing anywhere, bool, of the logits' shape."""
        return torch.zeros_like(logits, dtype=torch.bool)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Logits → probabilities of the same shape."""
        return logits.sigmoid()

    @override
    def decode(self, logits: Tensor) -> Tensor:
        """Logits → bool of the same shape."""
        return self.probabilities(logits) > self.threshold

    @override
    def mean_logits(self, logits: Tensor) -> Tensor:
        return log_odds(self.probabilities(logits).mean(dim=0))

    @override
    def describe(self, logits: Tensor, class_names: Sequence[str]) -> tuple[str, int]:
        """Of masks the share of the pixels that each class has, of sets of labels their probabilities."""
        given = self.decode(logits)[0].float()
        shares = given.flatten(1).mean(dim=1) if given.ndim > 1 else self.probabilities(logits)[0] * given
        words = ", ".join(
            f"{name} {100 * float(one):.1f} %" for name, one in zip(class_names, shares, strict=True) if one > 0
        )
        return words or "nothing", int(shares.argmax())

    @override
    def evidence(self, target: int, answer: Tensor) -> Callable[[Tensor], Tensor]:
        """The class's logit: of masks its mean over the pixels where the answer has it, or over all where it has none."""
        if answer.ndim == 1:
            return lambda logits: logits[target]
        found = self.decode(answer.detach()[None])[0, target].float()
        marked = found if found.any() else torch.ones_like(found)
        return lambda logits: (logits[target] * marked).sum() / marked.sum()


class BinaryCrossEntropy(BinaryHead):
    """Mean over classes, and over pixels where there are some (published for masks: seed 002, section 5.2)."""

    @override
    def sample_losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        losses = functional.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype), reduction="none")
        return losses.flatten(1).mean(dim=1)


class Focal(BinaryHead):
    """Focal loss (Lin et al. 2017, equation 5), mean over classes, and over pixels where there are some.

    Args:
        alpha: weight of what belongs to a class, against 1 - alpha of the rest; from 0 to 1; -1 weighs none.
        gamma: how much less counts what is right already.

    """

    def __init__(self, num_classes: int, threshold: float = 0.5, *, alpha: float = 0.25, gamma: float = 2.0) -> None:
        super().__init__(num_classes, threshold)
        self.alpha, self.gamma = alpha, gamma

    @override
    def sample_losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        losses: Tensor = sigmoid_focal_loss(logits, labels.to(logits.dtype), self.alpha, self.gamma, reduction="none")
        return losses.flatten(1).mean(dim=1)


class DiceBinaryCrossEntropy(BinaryCrossEntropy):
    """Binary cross-entropy and 1 - soft Dice (Milletari et al. 2016, with a smoothing term for empty masks), weighted.

    Args:
        dice_share: of the sum; 0 is cross-entropy alone.
        smooth: pixels that are added above and below the fraction.

    """

    targets = ("masks",)

    def __init__(
        self, num_classes: int, threshold: float = 0.5, *, dice_share: float = 0.5, smooth: float = 1.0
    ) -> None:
        super().__init__(num_classes, threshold)
        if not 0 <= dice_share <= 1:
            raise ValueError(f"encoding.dice_share={dice_share:g}: want 0 to 1")
        self.dice_share, self.smooth = dice_share, smooth

    @override
    def sample_losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Dice is the mean over the classes of each image."""
        chances = logits.sigmoid()
        both = (chances * labels).sum(dim=(2, 3))
        either = chances.sum(dim=(2, 3)) + labels.sum(dim=(2, 3))
        dice = ((2 * both + self.smooth) / (either + self.smooth)).mean(dim=1)
        return (1 - self.dice_share) * super().sample_losses(logits, labels) + self.dice_share * (1 - dice)
