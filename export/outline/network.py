"""The network that masks phones: a U-Net of separable convolutions (Ronneberger et al. 2015; Howard et al. 2017)."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

WIDTHS = (16, 32, 64, 96, 128)


def separable(channels: int, out: int, stride: int = 1) -> nn.Sequential:
    """A 3 × 3 convolution per channel, then one across channels, each with batch norm and ReLU6."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False), nn.BatchNorm2d(channels), nn.ReLU6(),
        nn.Conv2d(channels, out, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU6(),
    )  # fmt: skip


class OutlineNetwork(nn.Module):
    """Photos `(B, 3, 160, 160)`, RGB 0..255 → logits `(B, 80, 80)` that a place belongs to the phone."""

    def __init__(self) -> None:
        super().__init__()
        first = WIDTHS[0]
        self.stem = nn.Sequential(
            nn.Conv2d(3, first, 3, 2, 1, bias=False), nn.BatchNorm2d(first), nn.ReLU6(), separable(first, first)
        )
        self.down = nn.ModuleList(
            nn.Sequential(separable(a, b, 2), separable(b, b), separable(b, b)) for a, b in pairwise(WIDTHS)
        )
        self.deep = nn.Sequential(separable(WIDTHS[-1], WIDTHS[-1]), separable(WIDTHS[-1], WIDTHS[-1]))
        self.whole = nn.Linear(WIDTHS[-1], WIDTHS[-1])
        """The whole picture's say at every place."""
        back = WIDTHS[::-1]
        self.up = nn.ModuleList(separable(a + b, b) for a, b in pairwise(back))
        self.smooth = nn.ModuleList(separable(b, b) for b in back[1:])
        self.head = nn.Conv2d(first, 1, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """See the class."""
        levels = [self.stem((images - 127.5) / 64)]
        for down in self.down:
            levels.append(down(levels[-1]))
        maps = self.deep(levels[-1])
        maps = maps + self.whole(maps.mean((2, 3)))[:, :, None, None]
        for up, smooth, level in zip(self.up, self.smooth, levels[-2::-1], strict=True):
            maps = functional.interpolate(maps, scale_factor=2.0, mode="bilinear", align_corners=False)
            maps = smooth(up(torch.cat([maps, level], 1)))
        return torch.squeeze(self.head(maps), 1)


class Deployable(nn.Module):
    """The network as a file has it: photos `(B, 160, 160, 3)` in, probabilities `(B, 80, 80)` out."""

    def __init__(self, network: OutlineNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return torch.sigmoid(self.network(image.permute(0, 3, 1, 2)))
