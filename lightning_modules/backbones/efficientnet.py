"""EfficientNet B0 to B2 (Tan and Le 2019; thesis section 3.3.3) and EfficientNet-Lite, its form without
squeeze-and-excite and with ReLU6, made for phones.
"""

import timm
from torch import nn

from lightning_modules.backbones.base import Backbone, timm_padding
from lightning_modules.backbones.spec import InitialWeights

ACTIVATIONS = ("silu", "hard_swish", "relu6", "relu")


class EfficientNet(Backbone):
    """One member of the family, at its own width.

    Args:
        variant: timm's name of it, for example `efficientnet_b0` or `tf_efficientnet_lite0`.
        width: 1.0; the family scales depth, width and resolution together instead.
        activation: one of ACTIVATIONS, None for the variant's own. SiLU, that of B0 to B2, has no bound above and a dip below zero, which int8
            represents badly; ReLU6 has neither.
        squeeze_excite: without it, no channel is scaled by a mean over the picture: what EfficientNet-Lite leaves
            out for the sake of int8 (with another activation, the two changes that make Lite of B0). Published
            weights have it.

    Raises ValueError for another width or activation.

    """

    def __init__(
        self,
        variant: str,
        width: float,
        start: InitialWeights,
        in_channels: int = 3,
        activation: str | None = None,
        squeeze_excite: bool = True,
    ) -> None:
        if width != 1.0:
            raise ValueError(f"width={width:g}: {variant} comes at width 1 only")
        if activation not in (None, *ACTIVATIONS):
            raise ValueError(f"backbone.activation={activation}: want one of {', '.join(ACTIVATIONS)}")
        own = {} if activation is None else {"act_layer": activation}
        network = timm.create_model(
            variant, pad_type=timm_padding(start.padding), num_classes=0, in_chans=in_channels, **own
        )
        if not squeeze_excite:
            for block in [module for module in network.modules() if hasattr(module, "se")]:
                block.se = nn.Identity()
        super().__init__(network, start)
