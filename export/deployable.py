"""The model that ships: contract 4 of docs/architecture.md, raw pixels in and answers out."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from timm.layers import Conv2dSame
from torch import Tensor, nn
from torch.nn import functional

from export.distance import DISTANCE, Distance
from heads.base import Head
from lightning_modules.backbones.reparametrised import reparametrise
from lightning_modules.base import TaskModule
from lightning_modules.networks.classifier import Network

Answer = Callable[[Any, Tensor], dict[str, Tensor]]
"""A head and logits → the outputs of a file by name, floats all."""


class Deployable(nn.Module):
    """One image, as a camera gives it, to a task's answers; scaling and decoding are inside.

    Args:
        network: raw pixels `(B, 3, H, W)` → logits.
        head: what logits mean.
        answer: see `Answer`.
        distance: of the network's features, as one more output, see `export.distance`; None: there is none.

    """

    head: Any
    outputs: tuple[str, ...]
    """Names of what `forward` gives; known once it has been called."""

    def __init__(self, network: Network, head: Head, answer: Answer, distance: Distance | None = None) -> None:
        super().__init__()
        self.network, self.head, self.answer, self.distance = network, head, answer, distance

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Raw RGB 0..255, float `(B, H, W, 3)` → the outputs."""
        pixels = image.permute(0, 3, 1, 2)
        if self.distance is None:
            given = self.answer(self.head, self.network(pixels))
        else:
            features = self.network.features(self.network.scaling(self.network.prepared(pixels)))
            given = self.answer(self.head, self.network.logits(features)) | {DISTANCE: self.distance(features)}
        self.outputs = tuple(given)
        return tuple(given.values())


def deployable(
    module: TaskModule, size: tuple[int, int], answer: Answer, distance: Distance | None = None
) -> Deployable:
    """The deployable model of a trained module, in eval mode, with paddings fixed for its height and width.

    The module itself is left as it was.
    """
    model = Deployable(deepcopy(module.network), deepcopy(module.head), answer, deepcopy(distance))
    model = model.cpu().eval().to(memory_format=torch.contiguous_format)
    example = torch.zeros(1, *size, 3)
    for network in model.network.networks:
        reparametrise(network.backbone, torch.linspace(-1, 1, 3 * size[0] * size[1]).view(1, 3, *size))
    decompose_activations(model)
    fold_scale(model, example)
    fix_padding(model, example)
    return model.eval()


class HardSigmoid(nn.Module):
    """`relu6(x + 3) / 6`, which every delegate takes: HARD_SWISH in int8 and RELU_0_TO_1 are left to slow kernels, or refused."""

    def forward(self, values: Tensor) -> Tensor:
        """Any shape → the same."""
        return functional.relu6(values + 3) * (1 / 6)


class HardSwish(HardSigmoid):
    """`x * relu6(x + 3) / 6`."""

    def forward(self, values: Tensor) -> Tensor:
        """Any shape → the same."""
        return values * super().forward(values)


def decompose_activations(model: nn.Module) -> None:
    """Replaces activations that TFLite has as one operator by the same in plain ones."""
    plain = {nn.Hardsigmoid: HardSigmoid, nn.Hardswish: HardSwish}
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if type(layer) in plain:
                setattr(parent, name, plain[type(layer)]())


class Centred(nn.Module):
    """What is left of the input scaling once its factor is in the weights."""

    def __init__(self, mean: Tensor) -> None:
        super().__init__()
        self.mean: Tensor
        self.register_buffer("mean", mean)

    def forward(self, pixels: Tensor) -> Tensor:
        """`(B, C, H, W)` → the same shape."""
        return pixels - self.mean


@torch.inference_mode()
def fold_scale(model: Deployable, example: Tensor) -> None:
    """Moves the factor of the input scaling into the first convolution of each network, which saves a pass over the pixels.

    The mean stays: taken into a bias, it would be wrong where zeros pad the picture.
    """
    order: list[nn.Conv2d] = []
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    hooks = [layer.register_forward_hook(lambda it, *_: order.append(it)) for layer in layers]
    model(example)
    for hook in hooks:
        hook.remove()
    scaling = model.network.scaling
    for network in model.network.networks:
        own = set(network.modules())
        first = next(layer for layer in order if layer in own)
        first.weight = nn.Parameter(first.weight * scaling.scale, requires_grad=False)
    model.network.scaling = Centred(scaling.mean)  # type: ignore[assignment]


@torch.inference_mode()
def fix_padding(model: nn.Module, example: Tensor) -> None:
    """Replaces each convolution that computes its `same` padding from its input by one whose padding is a constant.

    Traced as it is, the computation would become a hundred operators of the exported graph.
    """
    seen: list[tuple[str, Conv2dSame, tuple[int, int]]] = []
    hooks = [
        layer.register_forward_hook(lambda it, given, _, name=name: seen.append((name, it, given[0].shape[2:])))
        for name, layer in model.named_modules()
        if isinstance(layer, Conv2dSame)
    ]
    model(example)
    for hook in hooks:
        hook.remove()
    for name, layer, size in seen:
        parent, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(parent), leaf, _padded(layer, size))


def _padded(layer: Conv2dSame, size: tuple[int, int]) -> nn.Module:
    """The same convolution after a constant padding; `size` is height and width of its input."""
    before_after = []
    for side, taps, stride, dilation in zip(size, layer.kernel_size, layer.stride, layer.dilation, strict=True):
        total = max((-(-side // stride) - 1) * stride + (taps - 1) * dilation + 1 - side, 0)
        before_after.append((total // 2, total - total // 2))
    plain = nn.Conv2d(
        layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride, 0, layer.dilation, layer.groups,
        bias=layer.bias is not None,
    )  # fmt: skip
    plain.weight, plain.bias = layer.weight, layer.bias
    (top, bottom), (left, right) = before_after
    if top == bottom and left == right:
        plain.padding = (top, left)
        return plain
    return nn.Sequential(nn.ZeroPad2d((left, right, top, bottom)), plain)
