"""Chain Shackle Regression Net, the 16 layers that the wear thesis began with (seed 004, section 3.4)."""

from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from lightning_modules.backbones.base import Backbone
from lightning_modules.backbones.spec import Start

CHANNELS = (64, 128, 256, 512)
"""Of the four blocks of four convolutions each."""
LAYERS = 4


class CSRN(Backbone):
    """Four blocks of four convolutions of 3 x 3 with ReLU, nothing normalised; each block ends with the maximum of 2 x 2, which
    the text leaves open and LS-Net, which it comes from, has (Nguyen et al. 2020).

    Args:
        width: factor of all channels.

    """

    def __init__(self, width: float, start: Start, in_channels: int = 3) -> None:
        super().__init__(_Blocks(in_channels, tuple(int(width * count) for count in CHANNELS)), start)


class _Blocks(nn.Module):
    """As timm's networks describe themselves, as far as `Backbone` asks."""

    def __init__(self, in_channels: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_block(before, after) for before, after in pairwise((in_channels, *channels)))
        self.feature_info = [{"num_chs": count, "reduction": 2 ** (1 + at)} for at, count in enumerate(channels)]
        self.num_features = channels[-1]

    def forward_intermediates(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The last map, and all maps."""
        maps: list[Tensor] = []
        for block in self.blocks:
            images = block(images)
            maps.append(images)
        return images, maps

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Which parameters belong to which layer, counted from the image."""
        return {"stem": r"^blocks\.0", "blocks": r"^blocks\.(\d+)"}


def _block(inputs: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before in (inputs, *[outputs] * (LAYERS - 1)):
        convolution = nn.Conv2d(before, outputs, 3, padding=1)
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
        layers += [convolution, nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.MaxPool2d(2, ceil_mode=True))
