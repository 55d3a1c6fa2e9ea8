"""How defect masks become targets and outputs become masks: contract 1 of the design, for pixels.

Shapes: B images, K classes, H × W pixels. Classes do not exclude each other: every one is a yes or no at every pixel.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import sigmoid_focal_loss


class MaskHead(nn.Module, ABC):
    """Turns masks into targets and logits into masks.

    Args:
        num_classes: K, at least 1.
        threshold: a pixel whose probability is above belongs to the class; between 0 and 1.

    """

    def __init__(self, num_classes: int, threshold: float = 0.5) -> None:
        super().__init__()
        if num_classes < 1:
            raise ValueError(f"num_classes={num_classes}: a mask needs at least 1 class")
        if not 0 < threshold < 1:
            raise ValueError(f"encoding.threshold={threshold:g}: want more than 0 and less than 1")
        self.num_classes, self.threshold = num_classes, threshold

    @property
    def num_outputs(self) -> int:
        """O: how many logits the network has to give per pixel."""
        return self.num_classes

    @abstractmethod
    def sample_losses(self, logits: Tensor, masks: Tensor) -> Tensor:
        """Logits and masks `(B, K, H, W)` → loss of every image, `(B,)`, before weights."""

    def loss(self, logits: Tensor, masks: Tensor, sample_weights: Tensor | None = None) -> Tensor:
        """Mean over the batch of weight × loss, a scalar. Raises ValueError for shapes that would broadcast."""
        if logits.shape != masks.shape:
            raise ValueError(f"masks of shape {tuple(masks.shape)}: want {tuple(logits.shape)}, as the logits")
        if sample_weights is not None and sample_weights.shape != logits.shape[:1]:
            raise ValueError(f"sample_weights of shape {tuple(sample_weights.shape)}: want ({len(logits)},)")
        losses = self.sample_losses(logits, masks.to(logits.dtype))
        return losses.mean() if sample_weights is None else (losses * sample_weights).mean()

    def taught_loss(self, logits: Tensor, teacher: Tensor) -> Tensor:
        """The loss of one network where another's probabilities are the labels, both logits of one shape; a scalar."""
        return self.loss(logits, self.probabilities(teacher).clamp(0, 1))

    def some_labels(self, images: Tensor) -> Tensor:
        """Masks for images `(B, C, H, W)` that mean nothing, to time a step with: bool `(B, K, H, W)`."""
        batch, _, height, width = images.shape
        return torch.zeros(batch, self.num_classes, height, width, dtype=torch.bool, device=images.device)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Logits → probabilities, both `(B, K, H, W)`."""
        return logits.sigmoid()

    def decode(self, logits: Tensor) -> Tensor:
        """Logits → masks, `(B, K, H, W)` bool."""
        return self.probabilities(logits) > self.threshold


class BinaryCrossEntropy(MaskHead):
    """Mean over pixels and classes (the published one: seed 002, section 5.2)."""

    def sample_losses(self, logits: Tensor, masks: Tensor) -> Tensor:
        """As the base class has it."""
        return functional.binary_cross_entropy_with_logits(logits, masks, reduction="none").mean(dim=(1, 2, 3))


class DiceBinaryCrossEntropy(BinaryCrossEntropy):
    """Binary cross-entropy and 1 - soft Dice (Milletari et al. 2016, with a smoothing term for empty masks), weighted.

    Args:
        dice_share: of the sum; 0 is cross-entropy alone.
        smooth: pixels that are added above and below the fraction.

    """

    def __init__(
        self, num_classes: int, threshold: float = 0.5, *, dice_share: float = 0.5, smooth: float = 1.0
    ) -> None:
        super().__init__(num_classes, threshold)
        if not 0 <= dice_share <= 1:
            raise ValueError(f"encoding.dice_share={dice_share:g}: want 0 to 1")
        self.dice_share, self.smooth = dice_share, smooth

    def sample_losses(self, logits: Tensor, masks: Tensor) -> Tensor:
        """As the base class has it; Dice is the mean over the classes of each image."""
        chances = logits.sigmoid()
        both = (chances * masks).sum(dim=(2, 3))
        either = chances.sum(dim=(2, 3)) + masks.sum(dim=(2, 3))
        dice = ((2 * both + self.smooth) / (either + self.smooth)).mean(dim=1)
        return (1 - self.dice_share) * super().sample_losses(logits, masks) + self.dice_share * (1 - dice)


class Focal(MaskHead):
    """Focal loss (Lin et al. 2017, equation 5), mean over pixels and classes.

    Args:
        alpha: weight of pixels that belong to a class, against 1 - alpha of the others; from 0 to 1; -1 weighs none.
        gamma: how much less pixels count that are right already.

    """

    def __init__(self, num_classes: int, threshold: float = 0.5, *, alpha: float = 0.25, gamma: float = 2.0) -> None:
        super().__init__(num_classes, threshold)
        self.alpha, self.gamma = alpha, gamma

    def sample_losses(self, logits: Tensor, masks: Tensor) -> Tensor:
        """As the base class has it."""
        losses: Tensor = sigmoid_focal_loss(logits, masks, self.alpha, self.gamma, reduction="none")
        return losses.mean(dim=(1, 2, 3))


def image_labels(masks: Tensor, least_share: float) -> Tensor:
    """Masks `(B, K, H, W)` bool → which classes an image has, `(B, K)` bool: more than this share of its pixels.

    Published: more than 200 of 128 × 800 pixels, 0.195 %.
    """
    return masks.to(torch.float32).mean(dim=(2, 3)) > least_share
