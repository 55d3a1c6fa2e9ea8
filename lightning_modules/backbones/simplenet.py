"""SimpLeNet, networks of a few thousand weights for 28 x 28 grey pictures, and the teacher of their thesis (seed 003)."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from lightning_modules.backbones.base import Backbone
from lightning_modules.backbones.spec import InitialWeights
from lightning_modules.backbones.stages import Steps

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
        start: InitialWeights,
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
        ends = pairwise([1 if in_channels == 3 else in_channels, *channels])
        steps = (_step(before, after, kernel, pooling) for before, after in ends)
        super().__init__(Steps(steps, channels, grey=in_channels == 3), start)
        self.hidden, self.dropout = hidden, dropout

    def classifier(self, num_outputs: int) -> nn.Module:
        """The last map `(B, C, 28 / 2^n, 28 / 2^n)` → logits `(B, O)`."""
        side = SIDE // self.strides[-1]
        features = self.out_channels[-1] * side * side
        layers: list[nn.Module] = [nn.Flatten()]
        if self.hidden:
            layers += [nn.Linear(features, self.hidden), nn.ReLU(), nn.Dropout(self.dropout)]
        return nn.Sequential(*layers, nn.Linear(self.hidden or features, num_outputs))


def _step(inputs: int, outputs: int, kernel: int, pooling: str) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2),
        nn.ReLU(),
        nn.MaxPool2d(2) if pooling == "max" else nn.Conv2d(outputs, outputs, 2, stride=2),
        *([] if pooling == "max" else [nn.ReLU()]),
    )
