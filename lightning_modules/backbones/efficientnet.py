"""EfficientNet B0 to B2 (Tan and Le 2019; thesis section 3.3.3) and EfficientNet-Lite, its form without
squeeze-and-excite and with ReLU6, made for phones.
"""

import timm

from lightning_modules.backbones.base import Backbone, timm_padding
from lightning_modules.backbones.spec import Start


class EfficientNet(Backbone):
    """One member of the family, at its own width.

    Args:
        variant: timm's name of it, for example `efficientnet_b0` or `tf_efficientnet_lite0`.
        width: 1.0; the family scales depth, width and resolution together instead.

    """

    def __init__(self, variant: str, width: float, start: Start, in_channels: int = 3) -> None:
        if width != 1.0:
            raise ValueError(f"width={width:g}: {variant} comes at width 1 only")
        network = timm.create_model(variant, pad_type=timm_padding(start.padding), num_classes=0, in_chans=in_channels)
        super().__init__(network, start)
