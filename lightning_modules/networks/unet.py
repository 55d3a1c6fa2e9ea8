"""U-Net: a backbone's feature maps, brought back to the image's size step by step."""

from collections.abc import Sequence
from typing import override

from segmentation_models_pytorch.base import SegmentationHead
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder
from torch import Tensor, nn

from lightning_modules.backbones.base import Backbone
from lightning_modules.backbones.grayscale import Grey
from lightning_modules.decoders.plain import PlainDecoder
from lightning_modules.networks.classifier import Network

CHANNELS = (256, 128, 64, 32, 16)
"""Of the published networks' decoders, and the default of segmentation_models.pytorch."""


class MaskNetwork(Network):
    """Backbone and U-Net decoder (Ronneberger et al. 2015); input scaling inside.

    Above a classifier's backbone stands the decoder of segmentation_models.pytorch; above a backbone whose first map is
    as large as the image, the plain one.

    Args:
        backbone: its maps halve the image again and again: strides (1,) 2, 4, 8, ...
        num_outputs: O, logits per pixel.
        decoder_channels: of the decoder's blocks, from the smallest map on, one for each of the backbone's; None takes
            CHANNELS, or what belongs to a plain U-Net.
        grey: whether colours are taken out first (ITU-R BT.601's weights), inside the network, so that no phone has to.

    Raises ValueError for a backbone or channels that do not fit.

    """

    def __init__(
        self,
        backbone: Backbone,
        num_outputs: int,
        decoder_channels: Sequence[int] | None = None,
        *,
        grey: bool = False,
    ) -> None:
        super().__init__(backbone)
        self.grey = Grey() if grey else None
        plain = backbone.strides[0] == 1
        halving = tuple(2 ** (place + (not plain)) for place in range(len(backbone.strides)))
        if backbone.strides != halving:
            raise ValueError(f"backbone strides {backbone.strides}: a U-Net wants {halving}")
        self.decoder: nn.Module
        self.last: nn.Module
        if plain:
            if decoder_channels is not None:
                raise ValueError("task.decoder_channels: a plain U-Net has its own; width= scales them")
            normalised = bool(getattr(backbone.network, "batch_norm", True))  # the plain U-Net may be without
            decoder = PlainDecoder(backbone.out_channels, normalised)
            self.decoder, self.last = decoder, nn.Conv2d(decoder.out_channels, num_outputs, 1)
            return
        channels = CHANNELS[-len(halving) :] if decoder_channels is None else tuple(decoder_channels)
        if len(channels) != len(halving):
            raise ValueError(
                f"task.decoder_channels={list(channels)}: want {len(halving)} of them, one per map of the backbone"
            )
        self.decoder = UnetDecoder((3, *backbone.out_channels), channels, n_blocks=len(halving))
        self.last = SegmentationHead(channels[-1], num_outputs, kernel_size=3)

    @property
    @override
    def above(self) -> list[nn.Module]:
        return [self.decoder, self.last]

    @property
    def multiple(self) -> int:
        """Height and width have to be multiples of this."""
        return int(self.backbone.strides[-1])

    @override
    def prepared(self, pixels: Tensor) -> Tensor:
        """See `Network`. Raises ValueError for sides that are no multiples of the largest stride."""
        height, width = pixels.shape[2:]
        if height % self.multiple or width % self.multiple:
            fitting = [-(-side // self.multiple) * self.multiple for side in (height, width)]
            raise ValueError(
                f"an image of {width} x {height} pixels: this network wants multiples of {self.multiple}, "
                f"such as {fitting[1]} x {fitting[0]}"
            )
        pixels = pixels.to(next(self.last.parameters()).dtype)
        return pixels if self.grey is None else self.grey(pixels).expand(-1, 3, -1, -1)

    @override
    def features(self, images: Tensor) -> Tensor:
        maps = self.backbone(images)
        features: Tensor = self.decoder(maps if self.backbone.strides[0] == 1 else [images, *maps])
        return features

    @override
    def logits(self, features: Tensor) -> Tensor:
        logits: Tensor = self.last(features)
        return logits
