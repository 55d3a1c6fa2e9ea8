"""ShuffleNetV2 (Ma et al. 2018): channels are split and shuffled in place of grouped 1 × 1 convolutions. By torchvision."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torchvision.models import shufflenet_v2_x0_5, shufflenet_v2_x1_0, shufflenet_v2_x1_5, shufflenet_v2_x2_0

from lightning_modules.backbones.base import Backbone
from lightning_modules.backbones.spec import InitialWeights

BUILDERS: dict[float, Callable[..., nn.Module]] = {
    0.5: shufflenet_v2_x0_5,
    1.0: shufflenet_v2_x1_0,
    1.5: shufflenet_v2_x1_5,
    2.0: shufflenet_v2_x2_0,
}
"""By width."""


class Stages(nn.Module):
    """torchvision's network without its classifier, described as timm's networks are."""

    def __init__(self, network: Any, in_channels: int) -> None:
        super().__init__()
        if in_channels != 3:
            network.conv1[0] = nn.Conv2d(in_channels, network.conv1[0].out_channels, 3, 2, 1, bias=False)
        self.conv1, self.maxpool = network.conv1, network.maxpool
        self.stage2, self.stage3, self.stage4, self.conv5 = (
            network.stage2,
            network.stage3,
            network.stage4,
            network.conv5,
        )
        stem = network.conv1[0].out_channels
        channels = [stem, stem, *network._stage_out_channels[1:4]]
        self.feature_info = [{"num_chs": count, "reduction": 2 ** (1 + at)} for at, count in enumerate(channels)]
        self.num_features = int(network._stage_out_channels[4])

    def forward_intermediates(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The last map, after the final convolution, and the maps of all stages."""
        maps = [self.conv1(images)]
        pixels = self.maxpool(maps[0])
        maps.append(pixels)
        for stage in (self.stage2, self.stage3, self.stage4):
            pixels = stage(pixels)
            maps.append(pixels)
        return self.conv5(pixels), maps

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Which parameters belong to which layer, counted from the image."""
        blocks = [(rf"^stage{stage}\.(\d+)", (stage,)) for stage in (2, 3, 4)]
        return {"stem": r"^conv1", "blocks": [*blocks, (r"^conv5", (5, 0))]}


class ShuffleNetV2(Backbone):
    """One width of the family.

    Args:
        width: one of BUILDERS.

    Raises ValueError for another width, or for weights that pad as TensorFlow does.

    """

    def __init__(self, width: float, start: InitialWeights, in_channels: int = 3) -> None:
        if width not in BUILDERS:
            raise ValueError(f"width={width:g}: shufflenetv2 comes at {', '.join(f'{one:g}' for one in BUILDERS)}")
        if start.padding != "symmetric":
            raise ValueError(f"padding={start.padding!r}: shufflenetv2 pads symmetrically")
        super().__init__(Stages(BUILDERS[width](weights=None), in_channels), start)
