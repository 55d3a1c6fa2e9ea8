"""The plain torch networks that are trained and exported, apart from their Lightning shells."""

from abc import ABC, abstractmethod
from typing import override

import torch
from torch import Tensor, nn

from lightning_modules.backbones.base import Backbone


class InputScaling(nn.Module):
    """(pixels - 255 mean) / (255 std), channel by channel.

    Args:
        mean, std: per channel, of pixels divided by 255.

    """

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", 255 * _per_channel(mean), persistent=False)
        self.register_buffer("scale", 1 / (255 * _per_channel(std)), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """0..255, float `(B, C, H, W)` → the same shape."""
        return (pixels - self.mean) * self.scale


class Network(nn.Module, ABC):
    """A backbone and what stands above it; input scaling inside.

    Args:
        backbone: its features are what the rest works on.

    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone
        self.scaling = InputScaling(backbone.mean, backbone.std)

    @property
    def networks(self) -> list["Network"]:
        """Those that an image passes side by side: itself alone."""
        return [self]

    @property
    @abstractmethod
    def above(self) -> list[nn.Module]:
        """What is always trained, whatever of the backbone is frozen."""

    @abstractmethod
    def prepared(self, pixels: Tensor) -> Tensor:
        """Raw pixels 0..255 `(B, C, H, W)` of any dtype → what is scaled, float of the same shape or of three channels."""

    @abstractmethod
    def features(self, images: Tensor) -> Tensor:
        """Scaled images → what the last layer works on."""

    @abstractmethod
    def logits(self, features: Tensor) -> Tensor:
        """The last layer: features → logits `(B, O)` or `(B, O, H, W)`."""

    def forward(self, pixels: Tensor) -> Tensor:
        """Raw pixels 0..255 `(B, C, H, W)` of any dtype → logits."""
        return self.logits(self.features(self.scaling(self.prepared(pixels))))


class GradeNetwork(Network):
    """Backbone, global pooling, dropout, one linear layer (thesis, Table 4.5); input scaling inside.

    A backbone that brings its own classifier has that in place of all three.

    Args:
        num_outputs: O, logits per image.
        dropout: probability of a pooled feature to be dropped while training.

    """

    def __init__(self, backbone: Backbone, num_outputs: int, dropout: float) -> None:
        super().__init__(backbone)
        own = backbone.classifier(num_outputs)
        self.own = own is not None
        self.dropout = nn.Dropout(dropout if own is None else 0.0)
        self.linear: nn.Module = nn.Linear(backbone.num_features, num_outputs) if own is None else own

    @property
    @override
    def above(self) -> list[nn.Module]:
        return [self.linear]

    @override
    def prepared(self, pixels: Tensor) -> Tensor:
        return pixels.to(next(self.linear.parameters()).dtype)

    @override
    def features(self, images: Tensor) -> Tensor:
        last = self.backbone(images)[-1]
        features: Tensor = last if self.own else self.dropout(self.backbone.pooled(last))
        return features

    @override
    def logits(self, features: Tensor) -> Tensor:
        logits: Tensor = self.linear(features)
        return logits


def _per_channel(values: tuple[float, ...]) -> Tensor:
    """`(1, C, 1, 1)`, or `(1, 1, 1, 1)` where all are equal: runtimes are far quicker with a scalar."""
    return torch.tensor(values[:1] if len(set(values)) == 1 else values).view(1, -1, 1, 1)
