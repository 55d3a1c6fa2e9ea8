"""The plain torch networks that are trained and exported, apart from their Lightning shells."""

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from lightning_modules.backbones.base import Backbone


class GradeNetwork(nn.Module):
    """Backbone, global average pooling, dropout, one linear layer (thesis, Table 4.5); input scaling inside.

    Args:
        num_outputs: O, logits per image.
        dropout: probability of a pooled feature to be dropped while training.

    """

    def __init__(self, backbone: Backbone, num_outputs: int, dropout: float) -> None:
        super().__init__()
        self.backbone = backbone
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(backbone.out_channels[-1], num_outputs)
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", 255 * torch.tensor(backbone.mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("scale", 1 / (255 * torch.tensor(backbone.std).view(1, -1, 1, 1)), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Raw pixels 0..255 `(B, C, H, W)` of any dtype → logits `(B, O)`."""
        images = (pixels.to(self.linear.weight.dtype) - self.mean) * self.scale
        features = adaptive_avg_pool2d(self.backbone(images)[-1], 1).flatten(1)
        logits: Tensor = self.linear(self.dropout(features))
        return logits
