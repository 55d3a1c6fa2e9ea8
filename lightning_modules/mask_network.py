"""U-Net: a backbone's feature maps, brought back to the image's size step by step."""

from collections.abc import Sequence

from segmentation_models_pytorch.base import SegmentationHead
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder
from torch import Tensor, nn

from lightning_modules.backbones.base import Backbone
from lightning_modules.networks import Network


class MaskNetwork(Network):
    """Backbone and U-Net decoder (Ronneberger et al. 2015) of segmentation_models.pytorch; input scaling inside.

    Args:
        backbone: its maps halve the image again and again: strides 2, 4, 8, ...
        num_outputs: O, logits per pixel.
        decoder_channels: of the decoder's blocks, from the smallest map on, one for each of the backbone's.

    Raises ValueError for a backbone or channels that do not fit.

    """

    def __init__(self, backbone: Backbone, num_outputs: int, decoder_channels: Sequence[int]) -> None:
        super().__init__(backbone)
        halving = tuple(2 ** (1 + place) for place in range(len(backbone.strides)))
        if backbone.strides != halving:
            raise ValueError(f"backbone strides {backbone.strides}: a U-Net wants {halving}")
        if len(decoder_channels) != len(halving):
            raise ValueError(
                f"task.decoder_channels={list(decoder_channels)}: want {len(halving)} of them, one per map of the backbone"
            )
        channels = (3, *backbone.out_channels)
        self.decoder = UnetDecoder(channels, tuple(decoder_channels), n_blocks=len(halving))
        self.last = SegmentationHead(decoder_channels[-1], num_outputs, kernel_size=3)

    @property
    def above(self) -> list[nn.Module]:
        """As the base class has it."""
        return [self.decoder, self.last]

    @property
    def multiple(self) -> int:
        """Height and width have to be multiples of this."""
        return int(self.backbone.strides[-1])

    def forward(self, pixels: Tensor) -> Tensor:
        """Raw pixels 0..255 `(B, C, H, W)` of any dtype → logits `(B, O, H, W)`.

        Raises ValueError for sides that are no multiples of the largest stride.
        """
        height, width = pixels.shape[2:]
        if height % self.multiple or width % self.multiple:
            fitting = [-(-side // self.multiple) * self.multiple for side in (height, width)]
            raise ValueError(
                f"an image of {width} x {height} pixels: this network wants multiples of {self.multiple}, "
                f"such as {fitting[1]} x {fitting[0]}"
            )
        weight = next(self.last.parameters())
        images = self.scaling(pixels.to(weight.dtype))
        logits: Tensor = self.last(self.decoder([images, *self.backbone(images)]))
        return logits
