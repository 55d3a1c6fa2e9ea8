"""Chain Shackle Regression Net, the 16 layers that the wear thesis began with (seed 004, section 3.4)."""

from itertools import pairwise

from torch import nn

from lightning_modules.backbones.base import Backbone
from lightning_modules.backbones.spec import InitialWeights
from lightning_modules.backbones.stages import Steps

CHANNELS = (64, 128, 256, 512)
"""Of the four blocks of four convolutions each."""
LAYERS = 4


class CSRN(Backbone):
    """Four blocks of four convolutions of 3 x 3 with ReLU, nothing normalised; each block ends with the maximum of 2 x 2, which
    the text leaves open and LS-Net, which it comes from, has (Nguyen et al. 2020).

    Args:
        width: factor of all channels.

    """

    def __init__(self, width: float, start: InitialWeights, in_channels: int = 3) -> None:
        channels = [int(width * count) for count in CHANNELS]
        blocks = (_block(before, after) for before, after in pairwise((in_channels, *channels)))
        super().__init__(Steps(blocks, channels), start)


def _block(inputs: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before in (inputs, *[outputs] * (LAYERS - 1)):
        convolution = nn.Conv2d(before, outputs, 3, padding=1)
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
        layers += [convolution, nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.MaxPool2d(2, ceil_mode=True))
