"""Colours taken out inside a network, so that nothing has to be done on the phone."""

import torch
from torch import Tensor, nn

WEIGHTS = (0.299, 0.587, 0.114)
"""Of red, green and blue (ITU-R BT.601)."""


class Grey(nn.Module):
    """`(B, 3, H, W)` → `(B, 1, H, W)`; of a picture that is grey already, its value."""

    def __init__(self) -> None:
        super().__init__()
        self.weights: Tensor
        self.register_buffer("weights", torch.tensor(WEIGHTS).view(1, 3, 1, 1), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """As the class says."""
        return (pixels * self.weights).sum(dim=1, keepdim=True)
