"""Convolutions and poolings of networks with a handful of channels, on the CPU, batch innermost in memory.

Libraries lay out eight or sixteen channels side by side for the processor's vector units, so a layer of three leaves most of
them idle. Here a vector holds the same pixel of many images (`small_kernels`).
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import FunctionCtx
from torch.nn import functional

from lightning_modules.backbones.grayscale import WEIGHTS, Grey
from lightning_modules.multi_seed.kernels import correlations, poolings, spreading, step_of
from lightning_modules.multi_seed.norms import SmallNorm, first

MOST_CHANNELS = 20
"""Of a layer; with more of them oneDNN is as fast."""
SIZES = (2, 3, 4, 5, 7)
"""Of kernels, pixels."""


def _correlated(images: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Images `(S, C, H, W, B)` → padded where the kernel is odd, and their correlation with the weights `(S, O, h, w, B)`."""
    stack, outputs, _, k, _ = weight.shape
    step = step_of(k)
    padded = functional.pad(images, (0, 0, *[k // 2] * 4)).contiguous() if step == 1 else images.contiguous()
    height, width = (side // step for side in images.shape[2:4])
    out = images.new_empty((stack, outputs, height, width, images.shape[4]))
    correlations(k)[0](padded.numpy(), weight.contiguous().numpy(), bias.contiguous().numpy(), out.numpy())
    return padded, out


class _StackedConvolution(Function):
    """Images `(S, C, H, W, B)`, weights `(S, O, C, k, k)`, biases `(S, O)` → `(S, O, h, w, B)`, all float32."""

    @staticmethod
    def forward(ctx: FunctionCtx, images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        padded, out = _correlated(images.detach(), weight.detach(), bias.detach())
        ctx.save_for_backward(padded, weight)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        padded, weight = ctx.saved_tensors
        given = grads[0].contiguous()
        by_weight = torch.empty_like(weight, memory_format=torch.contiguous_format)
        correlations(weight.shape[-1])[1](padded.numpy(), given.numpy(), by_weight.numpy())
        by_images = None
        if ctx.needs_input_grad[0] and step_of(weight.shape[-1]) > 1:
            by_images = torch.empty_like(padded)
            spreading(weight.shape[-1])(given.numpy(), weight.detach().contiguous().numpy(), by_images.numpy())
        elif ctx.needs_input_grad[0]:
            turned = weight.detach().flip(3, 4).transpose(1, 2)
            by_images = _correlated(given, turned, given.new_zeros(turned.shape[:2]))[1]
        return by_images, by_weight, given.sum(dim=(2, 3, 4))


class _StackedPooling(Function):
    """Maps `(S, C, H, W, B)`, H and W even → `(S, C, H / 2, W / 2, B)`."""

    @staticmethod
    def forward(ctx: FunctionCtx, maps: Tensor) -> Tensor:
        stack, channels, height, width, batch = maps.shape
        out = maps.new_empty((stack, channels, height // 2, width // 2, batch))
        which = torch.empty_like(out, dtype=torch.uint8)
        poolings()[0](maps.detach().contiguous().numpy(), out.numpy(), which.numpy())
        ctx.save_for_backward(which)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (which,) = ctx.saved_tensors
        stack, channels, height, width, batch = which.shape
        out = grads[0].new_empty((stack, channels, 2 * height, 2 * width, batch))
        poolings()[1](grads[0].contiguous().numpy(), which.numpy(), out.numpy())
        return out


class _Convolution(Function):
    """One network's `(C, H, W, B)`, `(O, C, k, k)`, `(O,)` → `(O, H, W, B)`; under vmap the stacked one."""

    @staticmethod
    def forward(images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return _correlated(images.detach()[None], weight.detach()[None], bias.detach()[None])[1][0]

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Nothing is kept: gradients are the stacked one's."""

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Tensor) -> tuple[Tensor, int]:
        stacked = [first(one, at, info.batch_size) for one, at in zip(inputs, in_dims, strict=True)]
        return _StackedConvolution.apply(*stacked), 0


class _Pooling(Function):
    """One network's `(C, H, W, B)` → `(C, H / 2, W / 2, B)`; under vmap the stacked one."""

    @staticmethod
    def forward(maps: Tensor) -> Tensor:
        return functional.max_pool2d(maps.permute(3, 0, 1, 2), 2).permute(1, 2, 3, 0)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Nothing is kept: gradients are the stacked one's."""

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], maps: Tensor) -> tuple[Tensor, int]:
        return _StackedPooling.apply(first(maps, in_dims[0], info.batch_size)), 0


class SmallConvolution(nn.Module):
    """Computes what an `nn.Conv2d` does, with its parameters; inside `torch.vmap` only.

    Args:
        layer: as `fits` has it.

    """

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__()
        self.weight, self.bias = layer.weight, layer.bias

    def forward(self, images: Tensor) -> Tensor:
        """`(B, C, H, W)` → `(B, O, H, W)`, or a patch's size smaller."""
        step = step_of(self.weight.shape[-1])
        if images.shape[2] % step or images.shape[3] % step:
            return functional.conv2d(images, self.weight, self.bias, stride=step)
        bias = self.weight.new_zeros(self.weight.shape[0]) if self.bias is None else self.bias
        found: Tensor = _Convolution.apply(images.permute(1, 2, 3, 0), self.weight, bias)
        return found.permute(3, 0, 1, 2)


class SmallPooling(nn.Module):
    """Computes what `nn.MaxPool2d(2)` does; inside `torch.vmap` only.

    Args:
        up: whether sizes round up.

    """

    def __init__(self, *, up: bool = False) -> None:
        super().__init__()
        self.up = up

    def forward(self, maps: Tensor) -> Tensor:
        """`(B, C, H, W)` → `(B, C, H / 2, W / 2)`."""
        if maps.shape[2] % 2 or maps.shape[3] % 2:
            return functional.max_pool2d(maps, 2, ceil_mode=self.up)
        found: Tensor = _Pooling.apply(maps.permute(1, 2, 3, 0))
        return found.permute(3, 0, 1, 2)


class SmallGrey(nn.Module):
    """Computes what `Grey` does in a third of the passes over memory."""

    def forward(self, pixels: Tensor) -> Tensor:
        """`(B, 3, H, W)` → `(B, 1, H, W)`."""
        red, green, blue = WEIGHTS
        return (pixels[:, 0] * red).add(pixels[:, 1], alpha=green).add(pixels[:, 2], alpha=blue)[:, None]


def fits(layer: nn.Module) -> bool:
    """Whether a layer is a convolution of few channels and a square kernel: odd, with a stride of 1 and the same
    size out, or even, with a stride of its size and no padding.
    """
    if not isinstance(layer, nn.Conv2d):
        return False
    k = layer.kernel_size[0]
    step, around = step_of(k), k // 2 if k % 2 else 0
    plain = layer.stride == (step, step) and layer.dilation == (1, 1) and layer.groups == 1
    square = k in SIZES and layer.kernel_size == (k, k) and layer.padding == (around, around)
    return (
        plain
        and square
        and layer.padding_mode == "zeros"
        and layer.out_channels <= MOST_CHANNELS
        and layer.in_channels <= MOST_CHANNELS
    )


def with_small_convolutions(network: nn.Module) -> nn.Module:
    """Puts them where they fit, and normalisations and poolings behind them; parameters keep their names. Changes and returns the network.

    A pooling behind a ReLU goes before it: the same numbers, of which a quarter remain to be compared with 0.
    """
    for parent in list(network.modules()):
        children = list(parent.named_children())
        for name, child in children:
            if isinstance(child, Grey):
                setattr(parent, name, SmallGrey())
        if not any(fits(child) for _, child in children):
            continue
        before: tuple[str, nn.Module | None] = "", None
        for name, child in children:
            if isinstance(child, nn.Conv2d) and fits(child):
                setattr(parent, name, SmallConvolution(child))
            elif (
                isinstance(child, nn.BatchNorm2d) and isinstance(before[1], nn.Conv2d) and _normalises(child, before[1])
            ):
                setattr(parent, name, SmallNorm(child))
            elif isinstance(child, nn.MaxPool2d) and _halves(child):
                if isinstance(before[1], nn.ReLU) and isinstance(parent, nn.Sequential):
                    setattr(parent, before[0], SmallPooling(up=child.ceil_mode))
                    setattr(parent, name, before[1])
                else:
                    setattr(parent, name, SmallPooling(up=child.ceil_mode))
            before = name, child
    return network


def _normalises(layer: nn.BatchNorm2d, before: nn.Conv2d) -> bool:
    return fits(before) and layer.affine and layer.track_running_stats and layer.momentum is not None


def _halves(layer: nn.MaxPool2d) -> bool:
    plain = not layer.padding and layer.dilation == 1 and not layer.return_indices
    return plain and layer.kernel_size in (2, (2, 2)) and layer.stride in (2, (2, 2))
