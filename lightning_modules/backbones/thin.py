"""A network of a few thousand weights, more of them in convolutions than SimpLeNet's, whose classifier takes most.

The classifier is over a smaller map, or over its average (Lin et al. 2014, section 3.2).
"""

from collections.abc import Sequence
from itertools import chain, pairwise

from torch import nn

from lightning_modules.backbones.base import Backbone
from lightning_modules.backbones.spec import InitialWeights
from lightning_modules.backbones.stages import Steps


class Thin(Backbone):
    """Convolutions of 3 x 3 without a bias, each with batch normalisation and a ReLU; each step halves the map once.

    Args:
        layers: filters of each step: one convolution, the halving (the maximum of 2 x 2), then the others.
        side: of the images, pixels, where the classifier is over all of the last map; None: over its average.

    Below a linear layer of ten classes [[8], [14, 16]] has 3,342 weights, at a side of 28 [[5], [8, 10], [8]] has 3,197.

    """

    def __init__(
        self,
        width: float,
        start: InitialWeights,
        in_channels: int = 3,
        *,
        layers: Sequence[Sequence[int]],
        side: int | None = None,
    ) -> None:
        if not layers or not all(layers) or min(chain(*layers)) < 1:
            raise ValueError(f"backbone.layers={[list(step) for step in layers]}: want filters for every step")
        scaled = [[max(1, int(width * one)) for one in step] for step in layers]
        ends = [1 if in_channels == 3 else in_channels, *(step[-1] for step in scaled)]
        steps = (_step([before, *step]) for before, step in zip(ends, scaled, strict=False))
        super().__init__(Steps(steps, ends[1:], grey=in_channels == 3), start)
        self.side = side

    def classifier(self, num_outputs: int) -> nn.Module | None:
        """The last map `(B, C, H, W)` → logits `(B, O)`, for images of one side; None: what averages maps."""
        if self.side is None:
            return None
        last = -(-self.side // self.strides[-1])
        return nn.Sequential(nn.Flatten(), nn.Linear(self.out_channels[-1] * last * last, num_outputs))


def _step(channels: Sequence[int]) -> nn.Sequential:
    first, *others = [
        (nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU())
        for before, after in pairwise(channels)
    ]
    return nn.Sequential(*first, nn.MaxPool2d(2, ceil_mode=True), *chain(*others))
