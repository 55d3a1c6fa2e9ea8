"""A network of a few thousand weights, more of them in convolutions than SimpLeNet's, whose classifier takes most.

The classifier is over a smaller map, or over its average (Lin et al. 2014, section 3.2).
"""

from collections.abc import Sequence
from itertools import accumulate, chain, pairwise
from typing import Any

from torch import Tensor, nn

from lightning_modules.backbones.base import Backbone
from lightning_modules.backbones.spec import Start
from lightning_modules.grey import Grey


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
        start: Start,
        in_channels: int = 3,
        *,
        layers: Sequence[Sequence[int]],
        side: int | None = None,
    ) -> None:
        if not layers or not all(layers) or min(chain(*layers)) < 1:
            raise ValueError(f"backbone.layers={[list(step) for step in layers]}: want filters for every step")
        super().__init__(_Steps(in_channels, [[max(1, int(width * one)) for one in step] for step in layers]), start)
        self.side = side

    def classifier(self, num_outputs: int) -> nn.Module | None:
        """The last map `(B, C, H, W)` → logits `(B, O)`, for images of one side; None: what averages maps."""
        if self.side is None:
            return None
        last = -(-self.side // self.strides[-1])
        return nn.Sequential(nn.Flatten(), nn.Linear(self.out_channels[-1] * last * last, num_outputs))


class _Steps(nn.Module):
    """As timm's networks describe themselves, as far as `Backbone` asks."""

    def __init__(self, in_channels: int, layers: Sequence[Sequence[int]]) -> None:
        super().__init__()
        self.grey = Grey() if in_channels == 3 else nn.Identity()
        ends = [1 if in_channels == 3 else in_channels, *(step[-1] for step in layers)]
        self.steps = nn.ModuleList(_step([before, *step]) for before, step in zip(ends, layers, strict=False))
        reductions = accumulate([2] * len(layers), lambda so_far, times: so_far * times)
        self.feature_info = [{"num_chs": one, "reduction": by} for one, by in zip(ends[1:], reductions, strict=True)]
        self.num_features = ends[-1]

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


def _step(channels: Sequence[int]) -> nn.Sequential:
    first, *others = [
        (nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU())
        for before, after in pairwise(channels)
    ]
    return nn.Sequential(*first, nn.MaxPool2d(2, ceil_mode=True), *chain(*others))
