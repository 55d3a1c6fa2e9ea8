"""Batch normalisation of networks with a handful of channels, on the CPU, batch innermost in memory: see `small_convolutions`."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function


def first(given: Tensor, at: int | None, count: int) -> Tensor:
    """The stack's dimension at the front; what all share is repeated."""
    return given.expand(count, *given.shape) if at is None else given.movedim(at, 0)


class _Norm(Function):
    """One network's maps `(C, H, W, B)`, scale and shift `(C,)` → normalised maps, and each channel's mean and 1 / deviation
    `(C,)`; under vmap those of all, as if each channel of each network were a channel of its own.
    """

    @staticmethod
    def forward(maps: Tensor, scale: Tensor, shift: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        found = _normalised(maps[None], scale[None], shift[None], eps)
        return found[0][0], found[1][0], found[2][0]

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Nothing is kept: gradients are the stacked one's."""

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], *inputs: Any
    ) -> tuple[tuple[Tensor, Tensor, Tensor], tuple[int, int, int]]:
        maps, scale, shift = (first(one, at, info.batch_size) for one, at in zip(inputs[:3], in_dims, strict=False))
        return _normalised(maps, scale, shift, inputs[3]), (0, 0, 0)


def _normalised(maps: Tensor, scale: Tensor, shift: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    stack, channels = maps.shape[:2]
    flat = maps.reshape(1, stack * channels, -1)
    out, mean, spread = torch.native_batch_norm(
        flat, scale.reshape(-1), shift.reshape(-1), None, None, training=True, momentum=0.0, eps=eps
    )
    return out.reshape(maps.shape), mean.reshape(stack, channels), spread.reshape(stack, channels)


class SmallNorm(nn.BatchNorm2d):
    """Computes what an `nn.BatchNorm2d` does, with its parameters and running statistics; inside `torch.vmap` only.

    Args:
        layer: with a momentum, a scale and a shift.

    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, layer: nn.BatchNorm2d) -> None:
        super().__init__(layer.num_features, layer.eps, layer.momentum)
        self.weight, self.bias = layer.weight, layer.bias
        for name, buffer in layer.named_buffers():
            setattr(self, name, buffer)
        self.train(layer.training)

    def forward(self, maps: Tensor) -> Tensor:
        """`(B, C, H, W)` → the same size."""
        inner = maps.permute(1, 2, 3, 0)
        if not self.training:
            scale = self.weight * (self.running_var + self.eps).rsqrt()
            shift = self.bias - self.running_mean * scale
            return (inner * scale[:, None, None, None] + shift[:, None, None, None]).permute(3, 0, 1, 2)
        found, mean, spread = _Norm.apply(inner, self.weight, self.bias, self.eps)
        count = inner.shape[1] * inner.shape[2] * inner.shape[3]
        variance = (spread.detach().pow(-2) - self.eps) * (count / (count - 1))
        share = float(self.momentum or 0)
        self.running_mean.mul_(1 - share).add_(mean.detach() * share)
        self.running_var.mul_(1 - share).add_(variance * share)
        self.num_batches_tracked.add_(1)
        normalised: Tensor = found.permute(3, 0, 1, 2)
        return normalised
