"""A plain chain of steps that describes itself as timm's networks do, as far as `Backbone` asks."""

from collections.abc import Iterable, Sequence
from typing import Any

from torch import Tensor, nn

from lightning_modules.backbones.grayscale import Grey


class Steps(nn.Module):
    """One step after the other, each halving the map.

    Args:
        steps: `(B, C[i - 1], H, W)` → `(B, C[i], H / 2, W / 2)`.
        channels: C, of the maps after each.
        grey: whether RGB images are made grey first; the first step then takes one channel.

    """

    def __init__(self, steps: Iterable[nn.Module], channels: Sequence[int], *, grey: bool = False) -> None:
        super().__init__()
        self.grey = Grey() if grey else nn.Identity()
        self.steps = nn.ModuleList(steps)
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
