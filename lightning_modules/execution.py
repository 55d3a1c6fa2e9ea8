"""How a network trains fastest on a device: precision, memory format and compiler, measured on steps of its own."""

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

STEPS, WARM_STEPS = 3, 1
LONG_S = 120.0
"""A training that takes no longer runs plain: what could be saved is not worth looking for."""
LONG_ENOUGH_TO_COMPILE_S = 1800.0
"""Compiling takes one to eight minutes on a CPU (a U-Net beside another training: 461 s), only to be tried."""
GAIN = 0.1
"""Share of the time that a way has to save to be taken: less is noise."""
NEAR = 0.05
"""Share of the plain way's loss by which another's may differ on the same weights."""


@dataclass(frozen=True)
class ExecutionMode:
    """How steps are computed."""

    precision: str = "32-true"
    """Lightning's name."""
    channels_last: bool = True
    compiled: str = ""
    """A mode of `torch.compile`; reduce-overhead is CUDA graphs. Empty: not compiled."""

    @property
    def name(self) -> str:
        """Words for a table."""
        layout = "channels last" if self.channels_last else "contiguous"
        return f"{self.precision}, {layout}" + (f", compiled ({self.compiled})" if self.compiled else "")


PLAIN = ExecutionMode()


@dataclass(frozen=True)
class Measured:
    """What one way costs."""

    way: ExecutionMode
    setup_s: float
    """Of the first step beyond the others: compiling, choosing kernels."""
    step_s: float
    loss: float
    """Of the first step; later ones drift apart by rounding alone."""
    error: str = ""
    """Why it does not run here."""

    def total_s(self, steps: int) -> float:
        """Of a whole training."""
        return self.setup_s + steps * self.step_s


Step = Callable[[nn.Module, Tensor], Tensor]


def explore(
    network: nn.Module, loss_of: Step, batch: Tensor, steps: int, plain: ExecutionMode = PLAIN
) -> list[Measured]:
    """Measures the plain way, then, where the training is long, others: the best layout, on it bfloat16, on it compilers.

    Args:
        network: is copied; random states stay as they are.
        loss_of: (network, batch) → a scalar.
        batch: uint8 `(B, 3, S, S)` on the device to be measured.
        steps: of the whole training.
        plain: what is used unless another is faster; its precision is kept where it is not 32-true.

    """
    found: list[Measured] = []

    def look(way: ExecutionMode) -> Measured:
        found.append(measure(network, loss_of, batch, way))
        return best(found, steps)

    kept = look(plain)
    if kept.total_s(steps) < LONG_S:
        return found
    kept = look(replace(kept.way, channels_last=not kept.way.channels_last))
    if plain.precision == PLAIN.precision:
        kept = look(replace(kept.way, precision="bf16-mixed"))
    if kept.total_s(steps) > LONG_ENOUGH_TO_COMPILE_S:
        uncompiled = kept.way
        kept = look(replace(uncompiled, compiled="default"))
        if batch.device.type == "cuda":
            look(replace(uncompiled, compiled="reduce-overhead"))
    return found


def best(found: list[Measured], steps: int) -> Measured:
    """The way with the least time over all steps, the first one where none saves enough."""
    plain = found[0]
    near = [
        one for one in found[1:]
        if not one.error and abs(one.loss - plain.loss) <= NEAR * abs(plain.loss)
        and one.total_s(steps) < (1 - GAIN) * plain.total_s(steps)
    ]  # fmt: skip
    return min([plain, *near], key=lambda one: one.total_s(steps))


def measure(network: nn.Module, loss_of: Step, batch: Tensor, way: ExecutionMode) -> Measured:
    """Seconds of steps as a training takes them, with Adam. A way that does not run here says why."""
    with torch.random.fork_rng(devices=[batch.device] if batch.device.type == "cuda" else []):
        torch.manual_seed(0)
        try:
            times, loss = zip(*_steps(network, loss_of, batch, way), strict=True)
        except RuntimeError as error:  # of the compiler, of a kernel that this device lacks, out of memory
            return Measured(way, 0.0, float("inf"), float("nan"), str(error).partition("\n")[0][:200])
        finally:
            if way.compiled:
                torch.compiler.reset()
    step_s = median(times[WARM_STEPS:])
    wrong = "" if math.isfinite(loss[-1]) else f"the loss is {loss[-1]} after {len(loss)} steps"
    return Measured(way, round(sum(times[:WARM_STEPS]) - WARM_STEPS * step_s, 4), round(step_s, 6), loss[0], wrong)


def _steps(network: nn.Module, loss_of: Step, batch: Tensor, way: ExecutionMode) -> Iterator[tuple[float, float]]:
    """Seconds and loss of each step."""
    device = batch.device
    copied = adopt(deepcopy(network).to(device).train(), way)
    optimizer = torch.optim.Adam([one for one in copied.parameters() if one.requires_grad], lr=1e-4)
    lower = way.precision.endswith("-mixed")
    kind = torch.bfloat16 if way.precision.startswith("bf16") else torch.float16
    for _ in range(WARM_STEPS + STEPS):
        began = time.perf_counter()
        with torch.autocast(device.type, kind) if lower else nullcontext():
            loss = loss_of(copied, in_layout(batch, way))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        value = loss.item()  # waits for the device
        yield time.perf_counter() - began, value


def adopt(network: nn.Module, way: ExecutionMode) -> nn.Module:
    """The network itself, laid out and compiled so; `network.forward` stays uncompiled."""
    network.to(memory_format=torch.channels_last if way.channels_last else torch.contiguous_format)
    if way.compiled:
        # it says that there is no CUDA where there is none
        logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
        network.compile(mode=way.compiled, dynamic=False)
    return network


def in_layout(images: Tensor, way: ExecutionMode) -> Tensor:
    """The batch as the way wants it in memory."""
    return images.contiguous(memory_format=torch.channels_last if way.channels_last else torch.contiguous_format)


def as_record(way: ExecutionMode, found: list[Measured]) -> dict[str, Any]:
    """For a run's record: the way taken, and what each cost in seconds a step."""
    costs = {one.way.name: one.error or {"step_s": one.step_s, "setup_s": one.setup_s} for one in found}
    return asdict(way) | {"measured": costs}
