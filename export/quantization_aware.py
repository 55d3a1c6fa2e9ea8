"""Fine-tuning of a trained network under the rounding of int8 (Jacob et al. 2018, "Quantization and training of
neural networks for efficient integer-arithmetic-only inference", section 3).

Batch normalisation is folded into the convolutions first and stays as it is. What is learnt are weights that give,
rounded, the probabilities that the network gave unrounded: no label is asked, so the grades stay the ones that were
evaluated, and every head's own loss serves.
"""

import itertools
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.fusion import fuse_conv_bn_eval
from tqdm import tqdm

from lightning_modules.base import TaskModule

RECTIFIERS = (nn.ReLU, nn.ReLU6)
"""What a runtime computes inside the convolution, so that nothing is rounded before it."""
MOMENTUM = 0.05
"""How fast a range follows the batches."""


def tuned_for_int8(module: TaskModule, loader: Any, epochs: int, lr: float) -> TaskModule:
    """`quantization_aware` over so many epochs of a training set's loader."""

    def passes() -> Iterator[Iterable[Any]]:
        for epoch in range(epochs):
            loader.batch_sampler.sampler.set_epoch(epoch)
            yield loader

    return quantization_aware(module, passes(), steps=epochs * len(loader), lr=lr)


class RoundedWeight(nn.Module):
    """Weights as int8 holds them: symmetric, a scale per output channel."""

    def forward(self, weight: Tensor) -> Tensor:
        """`(O, I, H, W)` → the same shape; gradients pass straight through."""
        scale = weight.detach().abs().amax(dim=(1, 2, 3)).clamp(min=1e-12) / 127
        return torch.fake_quantize_per_channel_affine(weight, scale, torch.zeros_like(scale).int(), 0, -127, 127)


class RoundedActivation(nn.Module):
    """Activations as int8 holds them: one range for a tensor, a moving mean of the batches' extremes."""

    def __init__(self) -> None:
        super().__init__()
        self.low: Tensor
        self.high: Tensor
        self.register_buffer("low", torch.tensor(math.inf))
        self.register_buffer("high", torch.tensor(-math.inf))

    def forward(self, values: Tensor) -> Tensor:
        """Any shape → the same shape; gradients pass straight through inside the range."""
        if self.training:
            self._follow(values.detach())
        low, high = self.low.clamp(max=0), self.high.clamp(min=0)
        scale = ((high - low) / 255).clamp(min=1e-12)
        zero = (-128 - low / scale).round().clamp(-128, 127).int()
        return torch.fake_quantize_per_tensor_affine(values, scale, zero, -128, 127)

    def _follow(self, values: Tensor) -> None:
        for bound, seen in ((self.low, values.min()), (self.high, values.max())):
            bound.copy_(bound.lerp(seen, MOMENTUM) if bound.isfinite() else seen)


def quantization_aware(
    module: TaskModule, epochs_of_batches: Iterable[Iterable[Any]], *, steps: int, lr: float
) -> TaskModule:
    """A copy of a trained module, tuned under int8's rounding and without it again, in eval mode on the CPU.

    Args:
        module: left as it was.
        epochs_of_batches: what it is tuned on, as for training.
        steps: batches in all; the rate falls to zero over them along half a cosine.
        lr: Adam's rate at the start, as a share of each tensor's root mean square: folding leaves tensors of very
            different sizes, and one rate for all destroys the small ones before it moves the large ones.

    Raises FloatingPointError when the loss is no number.

    """
    teacher = deepcopy(module).cpu().eval()
    student = deepcopy(teacher)
    batches = (batch for epoch in epochs_of_batches for batch in epoch)
    first = next(iter(batches), None)
    if first is None:
        return student
    fold_batch_norm(student.network, first.images[:2])
    with rounded(student.network) as roundings:
        optimizer = torch.optim.Adam(
            [{"params": [one], "lr": lr * _size(one)} for one in student.network.parameters() if one.requires_grad]
        )
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        bar = tqdm(total=steps, desc="quantisation-aware", unit="batch", leave=False, disable=None)
        for batch in _chain(first, batches):
            for rounding in roundings:
                rounding.train()
            with torch.no_grad():
                wanted = teacher(batch.images)
            loss = student.head.taught_loss(student(batch.images), wanted)
            if not torch.isfinite(loss):
                raise FloatingPointError("the loss of quantisation-aware tuning is no number: try a smaller lr")
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            bar.update()
        bar.close()
    return student.eval()


def _chain(first: Any, others: Iterable[Any]) -> Iterator[Any]:
    yield first
    yield from others


def _size(values: Tensor) -> float:
    """Root mean square."""
    return float(values.detach().square().mean().sqrt())


@torch.no_grad()
def fold_batch_norm(network: nn.Module, example: Tensor) -> None:
    """Takes every batch normalisation that follows a convolution into it; the network, in eval mode, computes the same.

    Args:
        example: a batch that `network` takes; it shows which follows which.

    """
    made: dict[int, tuple[str, nn.Conv2d]] = {}
    kept: list[Tensor] = []  # an address is not given again while its tensor lives
    pairs: list[tuple[str, nn.Conv2d, str, nn.BatchNorm2d]] = []

    def convolved(name: str, layer: nn.Conv2d, output: Tensor) -> None:
        made[id(output)] = name, layer
        kept.append(output)

    def normalised(name: str, layer: nn.BatchNorm2d, given: Tensor) -> None:
        if id(given) in made:
            pairs.append((*made[id(given)], name, layer))

    hooks = []
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Conv2d):
            hooks.append(layer.register_forward_hook(lambda it, _, out, name=name: convolved(name, it, out)))
        elif isinstance(layer, nn.BatchNorm2d):
            hooks.append(layer.register_forward_pre_hook(lambda it, given, name=name: normalised(name, it, given[0])))
    network(example)
    for hook in hooks:
        hook.remove()
    for conv_name, conv, norm_name, norm in pairs:
        network.set_submodule(conv_name, fuse_conv_bn_eval(conv, norm))
        # timm's batch normalisation carries the activation that follows it
        network.set_submodule(norm_name, getattr(norm, "act", nn.Identity()))


@contextmanager
def rounded(network: nn.Module) -> Iterator[list[RoundedActivation]]:
    """Rounds, as long as it lasts, weights of convolutions and what convolutions, activations and shortcuts give.

    The network has no batch normalisation left. The classifier and what is around the convolutions stay in float, as
    they do in the file.
    """
    convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    rectified = _before_rectifiers(network)
    roundings, hooks = [], []
    for layer in network.modules():
        before_rectifier = isinstance(layer, nn.Conv2d) and layer in rectified
        if before_rectifier or not (_is_activation(layer) or isinstance(layer, nn.Conv2d) or _adds_shortcut(layer)):
            continue
        rounding = RoundedActivation()
        roundings.append(rounding)
        hooks.append(layer.register_forward_hook(lambda _, __, output, rounding=rounding: rounding(output)))
    for layer in convolutions:
        parametrize.register_parametrization(layer, "weight", RoundedWeight())
    try:
        yield roundings
    finally:
        for hook in hooks:
            hook.remove()
        for layer in convolutions:
            parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)


def _is_activation(layer: nn.Module) -> bool:
    return type(layer).__module__.endswith(("modules.activation", "layers.activations")) and not isinstance(
        layer, nn.Identity
    )


def _adds_shortcut(layer: nn.Module) -> bool:
    """Timm's blocks say so themselves."""
    return bool(getattr(layer, "has_skip", False))


def _before_rectifiers(network: nn.Module) -> set[nn.Module]:
    """Convolutions whose next layer, in the order of the modules, is a rectifier."""
    leaves = [layer for layer in network.modules() if not list(layer.children()) and not isinstance(layer, nn.Identity)]
    return {
        one for one, after in itertools.pairwise(leaves)
        if isinstance(one, nn.Conv2d) and isinstance(after, RECTIFIERS)
    }  # fmt: skip
