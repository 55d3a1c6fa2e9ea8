"""MobileNet V1: Howard et al. 2017, "MobileNets", Table 1; thesis section 3.3.1."""

from timm.models.efficientnet import _gen_mobilenet_v1

from lightning_modules.backbones.base import Backbone, timm_padding
from lightning_modules.backbones.spec import InitialWeights


class MobileNet(Backbone):
    """Depthwise separable convolutions, ReLU6, last map 1024 · width channels.

    timm registers only some widths by name and passes them by position, so its (private) builder is called here and
    nowhere else; timm is pinned for that.
    """

    def __init__(self, width: float, start: InitialWeights, in_channels: int = 3) -> None:
        network = _gen_mobilenet_v1(
            "mobilenetv1_100", width, pad_type=timm_padding(start.padding), num_classes=0, in_chans=in_channels
        )
        super().__init__(network, start)
