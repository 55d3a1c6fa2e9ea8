"""SimpLeNet, networks of a few thousand weights for 28 x 28 grey pictures, and the teacher of their thesis (seed 003)."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from lightning_modules.backbones.base import Backbone
from lightning_modules.backbones.spec import Start
from lightning_modules.grey import Grey

SIDE = 28
"""Pixels; what the classifier is made for."""


class SimpLeNet(Backbone):
    """Convolutions of one stride, each halved by a maximum or by a convolution, and a classifier over all that is left.

    Args:
        filters: of each step.
        kernel: pixels, of the convolutions at full stride.
        pooling: `max` (2 x 2) or `conv` (2 x 2, stride 2, learnt).
        hidden: units between the last map and the classifier; 0: none.
        dropout: before the classifier, where there are hidden units.

    Weights: tables 2.1 to 2.3 of seed 003; its text and listing 1 fix what the tables leave open.

    """

    def __init__(
        self,
        width: float,
        start: Start,
        in_channels: int = 3,
        *,
        filters: Sequence[int],
        kernel: int = 5,
        pooling: str = "max",
        hidden: int = 0,
        dropout: float = 0.4,
    ) -> None:
        if pooling not in ("max", "conv"):
            raise ValueError(f"backbone.pooling={pooling}: want max or conv")
        channels = [int(width * count) for count in filters]
        super().__init__(_Steps(in_channels, channels, kernel, pooling), start)
        self.hidden, self.dropout = hidden, dropout

    def classifier(self, num_outputs: int) -> nn.Module:
        """The last map `(B, C, 28 / 2^n, 28 / 2^n)` → logits `(B, O)`."""
        side = SIDE // self.strides[-1]
        features = self.out_channels[-1] * side * side
        layers: list[nn.Module] = [nn.Flatten()]
        if self.hidden:
            layers += [nn.Linear(features, self.hidden), nn.ReLU(), nn.Dropout(self.dropout)]
        return nn.Sequential(*layers, nn.Linear(self.hidden or features, num_outputs))


class _Steps(nn.Module):
    """As timm's networks describe themselves, as far as `Backbone` asks."""

    def __init__(self, in_channels: int, channels: Sequence[int], kernel: int, pooling: str) -> None:
        super().__init__()
        self.grey = Grey() if in_channels == 3 else nn.Identity()
        before = [1 if in_channels == 3 else in_channels, *channels]
        self.steps = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2),
                nn.ReLU(),
                nn.MaxPool2d(2) if pooling == "max" else nn.Conv2d(outputs, outputs, 2, stride=2),
                *([] if pooling == "max" else [nn.ReLU()]),
            )
            for inputs, outputs in zip(before, channels, strict=False)
        )
        self.feature_info = [{"num_chs": count, "reduction": 2 ** (1 + at)} for at, count in enumerate(channels)]
        self.num_features = channels[-1]

    def forward_intermediates(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The last map, and all maps."""
        pixels: Tensor = self.grey(images)
        maps: list[Tensor] = []
        for step in self.steps:
            pixels = step(pixels)
            maps.append(pixels)
        return pixels, maps

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Which parameters belong to which layer, counted from the image."""
        return {"stem": r"^steps\.0", "blocks": r"^steps\.(\d+)"}
