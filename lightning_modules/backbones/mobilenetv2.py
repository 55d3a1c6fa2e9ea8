"""MobileNet V2: Sandler et al. 2018, "MobileNetV2", Table 2; thesis section 3.3.2."""

from timm.models.efficientnet import _gen_mobilenet_v2

from lightning_modules.backbones.base import Backbone, timm_padding
from lightning_modules.backbones.spec import InitialWeights


class MobileNetV2(Backbone):
    """Inverted residuals with linear bottlenecks, ReLU6; last map 1280 channels at any width up to 1."""

    def __init__(self, width: float, start: InitialWeights, in_channels: int = 3) -> None:
        network = _gen_mobilenet_v2(
            "mobilenetv2_100", width, pad_type=timm_padding(start.padding), num_classes=0, in_chans=in_channels
        )
        super().__init__(network, start)
