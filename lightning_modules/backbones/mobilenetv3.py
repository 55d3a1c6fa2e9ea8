"""MobileNet V3 small: Howard et al. 2019, "Searching for MobileNetV3", Table 2."""

from timm.models.mobilenetv3 import _gen_mobilenet_v3

from lightning_modules.backbones.base import Backbone, timm_padding
from lightning_modules.backbones.spec import InitialWeights


class MobileNetV3Small(Backbone):
    """Squeeze-and-excite and hard-swish; the last map is taken before the convolution that follows pooling."""

    def __init__(self, width: float, start: InitialWeights, in_channels: int = 3) -> None:
        network = _gen_mobilenet_v3(
            "mobilenetv3_small_100", width, pad_type=timm_padding(start.padding), num_classes=0, in_chans=in_channels
        )
        super().__init__(network, start, unused=("conv_head", "norm_head", "act2"))
