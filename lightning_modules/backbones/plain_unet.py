"""The contracting path of a plain U-Net: pairs of 3 x 3 convolutions with maxima between them, nothing pretrained."""

from typing import Any

import torch
from torch import Tensor, nn

from lightning_modules.backbones.base import Backbone
from lightning_modules.backbones.spec import InitialWeights

CHANNELS = (8, 16, 32, 64, 64, 128)
"""Of the maps at 1, 1/2, ... 1/32 of the side. With its expanding path and 4 classes: 600,756 weights (seed 002, 4.1)."""


class PlainUNet(Backbone):
    """Six levels, the first at full resolution; above it stands `decoders.plain`.

    Args:
        width: factor of all channels.
        batch_norm: after every convolution. Without, the weights are as many as published, and training from a random
            start is slower.

    """

    def __init__(self, width: float, start: InitialWeights, in_channels: int = 3, *, batch_norm: bool = True) -> None:
        channels = tuple(int(width * count) for count in CHANNELS)
        super().__init__(_Levels(in_channels, channels, batch_norm), start)


def double_convolution(inputs: int, outputs: int, batch_norm: bool) -> nn.Sequential:
    """Twice: 3 x 3, batch normalisation or a bias, ReLU. `(B, inputs, H, W)` → `(B, outputs, H, W)`."""
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        convolution = nn.Conv2d(channels, outputs, 3, padding=1, bias=not batch_norm)
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        if convolution.bias is not None:
            nn.init.zeros_(convolution.bias)
        layers += [convolution, *([nn.BatchNorm2d(outputs)] if batch_norm else []), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


class _Levels(nn.Module):
    """As timm's networks describe themselves, as far as `Backbone` asks."""

    def __init__(self, in_channels: int, channels: tuple[int, ...], batch_norm: bool) -> None:
        super().__init__()
        inputs = (in_channels, *channels)
        self.levels = nn.ModuleList(
            double_convolution(before, after, batch_norm) for before, after in zip(inputs, channels, strict=False)
        )
        self.batch_norm = batch_norm
        self.feature_info = [{"num_chs": count, "reduction": 2**level} for level, count in enumerate(channels)]
        self.num_features = channels[-1]

    def forward_intermediates(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The last map, and all maps."""
        maps: list[Tensor] = []
        for level, convolutions in enumerate(self.levels):
            images = convolutions(torch.max_pool2d(images, 2) if level else images)
            maps.append(images)
        return images, maps

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Which parameters belong to which layer, counted from the image."""
        return {"stem": r"^levels\.0", "blocks": r"^levels\.(\d+)"}
