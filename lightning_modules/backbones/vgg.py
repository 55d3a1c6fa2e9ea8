"""VGG-16 (Simonyan and Zisserman 2015), which the wear thesis could not train: a network to compare with."""

import timm

from lightning_modules.backbones.base import Backbone
from lightning_modules.backbones.spec import InitialWeights


class VGG(Backbone):
    """The convolutions of VGG-16, 14,714,688 weights; its two wide layers are left out, as published.

    Args:
        width: 1.0; the family has one width.

    Raises ValueError for another width, or for weights that pad as TensorFlow does.

    """

    def __init__(self, width: float, start: InitialWeights, in_channels: int = 3) -> None:
        if width != 1.0:
            raise ValueError(f"width={width:g}: vgg16 comes at width 1 only")
        if start.padding != "symmetric":
            raise ValueError(f"padding={start.padding!r}: vgg16 pads symmetrically")
        network = timm.create_model("vgg16", num_classes=0, in_chans=in_channels)
        super().__init__(network, start, unused=("pre_logits", "head"))
