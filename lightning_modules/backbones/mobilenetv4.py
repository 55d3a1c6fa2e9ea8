"""MobileNet V4 conv small: Qin et al. 2024, "MobileNetV4", Table 11."""

from timm.models.mobilenetv3 import _gen_mobilenet_v4

from lightning_modules.backbones.base import Backbone, timm_padding
from lightning_modules.backbones.spec import InitialWeights


class MobileNetV4ConvSmall(Backbone):
    """Universal inverted bottlenecks without attention, ReLU."""

    def __init__(self, width: float, start: InitialWeights, in_channels: int = 3) -> None:
        network = _gen_mobilenet_v4(
            "mobilenetv4_conv_small", width, pad_type=timm_padding(start.padding), num_classes=0, in_chans=in_channels
        )
        super().__init__(network, start, unused=("conv_head", "norm_head", "act2"))
