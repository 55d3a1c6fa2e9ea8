"""Optimizers as torch computes them fastest."""

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

from torch.optim import Optimizer

OptimizerFactory = Callable[[Iterable[dict[str, Any]]], Optimizer]


def build_optimizer(factory: OptimizerFactory, groups: list[dict[str, Any]], *, scaled: bool = False) -> Optimizer:
    """The optimizer of parameter groups, all of its operations in one kernel (`fused=True`) where torch has that one.

    Args:
        factory: a class of torch.optim or a partial of one; what it says of `fused`, `foreach` or `differentiable` stands.
        groups: of floating point parameters, where they will be trained.
        scaled: whether gradients are scaled (float16): a fused step would unscale them itself, after they were clipped.

    """
    said = set(factory.keywords) if isinstance(factory, functools.partial) else set()
    devices = {parameter.device.type for group in groups for parameter in group["params"]}
    free = not scaled and devices <= {"cpu", "cuda"} and not said & {"fused", "foreach", "differentiable"}
    if free and "fused" in inspect.signature(factory).parameters:
        return factory(groups, fused=True)  # type: ignore[call-arg]
    return factory(groups)
