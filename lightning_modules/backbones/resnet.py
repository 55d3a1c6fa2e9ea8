"""ResNet (He et al. 2016), the encoders of the steel thesis: large ones, to hold small ones against."""

import timm

from lightning_modules.backbones.base import Backbone
from lightning_modules.backbones.spec import InitialWeights


class ResNet(Backbone):
    """One member of the family, at its own width.

    Args:
        variant: timm's name of it, for example `resnet34`.
        width: 1.0; the family has one width.

    Raises ValueError for another width, or for weights that pad as TensorFlow does.

    """

    def __init__(self, variant: str, width: float, start: InitialWeights, in_channels: int = 3) -> None:
        if width != 1.0:
            raise ValueError(f"width={width:g}: {variant} comes at width 1 only")
        if start.padding != "symmetric":
            raise ValueError(f"padding={start.padding!r}: {variant} pads symmetrically")
        super().__init__(timm.create_model(variant, num_classes=0, in_chans=in_channels), start)
