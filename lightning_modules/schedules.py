"""How the learning rate runs over a training: functions of (optimizer, total steps)."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from choices.settings import Share


def constant(optimizer: Optimizer, total_steps: int) -> None:
    """The rate stays as the optimizer has it."""


def cosine(optimizer: Optimizer, total_steps: int, *, warmup: Share) -> LambdaLR:
    """Linear rise over the `warmup` share of the steps, then half a cosine down to zero.

    Loshchilov and Hutter 2017, "SGDR", without restarts.
    """
    rise = max(1, round(warmup * total_steps))

    def factor(step: int) -> float:
        if step < rise:
            return (step + 1) / rise
        return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, total_steps - rise)))

    return LambdaLR(optimizer, factor)
