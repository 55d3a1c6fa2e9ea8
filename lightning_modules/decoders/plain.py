"""The expanding path of a plain U-Net (Ronneberger et al. 2015) as the Keras community has built it for steel."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lightning_modules.backbones.plain_unet import double_convolution

SHARES = (0.5, 0.25, 0.25, 0.125, 0.0625)
"""Channels of each step, of the last map's: 64, 32, 32, 16, 8 of 128."""


class PlainDecoder(nn.Module):
    """Transposed convolutions, each followed by the map of the same size and two convolutions.

    Args:
        channels: of the maps, the largest first; the first is as large as the image.
        batch_norm: after every convolution but the transposed ones.

    """

    def __init__(self, channels: Sequence[int], batch_norm: bool) -> None:
        super().__init__()
        widths = [int(share * channels[-1]) for share in SHARES]
        self.up = nn.ModuleList()
        self.fold = nn.ModuleList()
        inputs = channels[-1]
        for width, beside in zip(widths, channels[-2::-1], strict=True):
            self.up.append(nn.ConvTranspose2d(inputs, width, 2, stride=2))
            self.fold.append(double_convolution(width + beside, width, batch_norm))
            inputs = width
        self.out_channels = inputs

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps `(B, channels[i], H / 2^i, W / 2^i)` → `(B, out_channels, H, W)`."""
        *others, pixels = maps
        for up, fold, beside in zip(self.up, self.fold, others[::-1], strict=True):
            pixels = fold(torch.cat([up(pixels), beside], dim=1))
        return pixels
