"""What a step costs in one way of computing it: here, or in a process of its own that is ended when its time is up."""

import math
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from statistics import median

import torch
from torch import Tensor, nn

from heads.base import Head
from lightning_modules.execution import ExecutionMode, adopt, in_layout
from lightning_modules.optimizers import build_optimizer

STEPS, WARM_STEPS = 3, 1
BEGIN_S = 10.0
"""What a process of its own takes to begin; with less time left there is none."""
BUSY_LOAD = 1.5
"""Processes that want to run, for each core, from which on a machine is busy."""
BUSY_SPREAD = 1.5
"""Slowest step by quickest, the same work, from which on it is."""

Step = Callable[[nn.Module, Tensor], Tensor]


@dataclass(frozen=True)
class Measured:
    """What one way costs."""

    way: ExecutionMode
    setup_s: float
    """Of the first step beyond the others: compiling, choosing kernels."""
    step_s: float
    """The median."""
    loss: float
    """Of the first step; later ones drift apart by rounding alone."""
    error: str = ""
    """Why it does not run here, or was not measured to its end."""
    quickest_s: float = field(default=math.inf)
    """The quickest step, which a busy machine lengthens least."""
    busy: str = ""
    """Why no other way can be held against it."""

    def total_s(self, steps: int) -> float:
        """Of a whole training."""
        return self.setup_s + steps * self.step_s


@dataclass(frozen=True)
class HeadLoss:
    """A head's loss on whatever labels it makes up."""

    head: Head

    def __call__(self, network: nn.Module, images: Tensor) -> Tensor:
        """A scalar."""
        logits = network(images).float()
        return self.head.loss(logits, self.head.labels_like(logits.detach()))


def measure(
    network: nn.Module, loss_of: Step, batch: Tensor, way: ExecutionMode, most_steps: int = WARM_STEPS + STEPS,
    slower_than: float = math.inf,
) -> Measured:  # fmt: skip
    """Seconds of steps as a training takes them, with Adam. A way that does not run here says why.

    It is given up at the first step after the first that takes longer than `slower_than` seconds.
    """
    times: list[float] = []
    losses: list[float] = []
    wrong = ""
    with torch.random.fork_rng(devices=[batch.device] if batch.device.type == "cuda" else []):
        torch.manual_seed(0)
        try:
            for seconds, loss in _steps(network, loss_of, batch, way, min(most_steps, WARM_STEPS + STEPS)):
                times.append(seconds)
                losses.append(loss)
                if len(times) > WARM_STEPS and seconds > slower_than:
                    wrong = f"given up: a step took {seconds:.3g} s, the best way's takes {slower_than:.3g}"
                    break
        except RuntimeError as error:  # of the compiler, of a kernel that this device lacks, out of memory
            return Measured(way, 0.0, math.inf, math.nan, str(error).partition("\n")[0][:200])
        finally:
            if way.compiled:
                torch.compiler.reset()
    after = times[WARM_STEPS:]
    step_s = median(after)
    if not math.isfinite(losses[-1]):
        wrong = f"the loss is {losses[-1]} after {len(losses)} steps"
    setup_s = round(max(0.0, sum(times[:WARM_STEPS]) - WARM_STEPS * step_s), 4)
    return Measured(way, setup_s, round(step_s, 6), losses[0], wrong, round(min(after), 6), _busy(after))


def _busy(times: list[float]) -> str:
    """Why these seconds of the same work tell nothing of another way's; empty where they do."""
    if max(times) > BUSY_SPREAD * min(times):
        return f"the same step took {min(times):.3g} to {max(times):.3g} s"
    load, cores = (
        os.getloadavg()[0],
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
    )
    return f"load {load:.1f} on {cores} cores" if load > BUSY_LOAD * cores else ""


def _steps(
    network: nn.Module, loss_of: Step, batch: Tensor, way: ExecutionMode, count: int
) -> Iterator[tuple[float, float]]:
    """Seconds and loss of each step."""
    device = batch.device
    copied = adopt(deepcopy(network).to(device).train(), way)
    trained = [one for one in copied.parameters() if one.requires_grad]
    optimizer = build_optimizer(partial(torch.optim.Adam, lr=1e-4), [{"params": trained}])
    lower = way.precision.endswith("-mixed")
    kind = torch.bfloat16 if way.precision.startswith("bf16") else torch.float16
    for _ in range(count):
        began = time.perf_counter()
        with torch.autocast(device.type, kind) if lower else nullcontext():
            loss = loss_of(copied, in_layout(batch, way))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        value = loss.item()  # waits for the device
        yield time.perf_counter() - began, value


def measure_apart(
    network: nn.Module, loss_of: Step, batch: Tensor, way: ExecutionMode, seconds: float, slower_than: float
) -> Measured:
    """The same in a process that is ended after so many seconds, its start among them."""
    ends = time.perf_counter() + seconds
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    asked = (theirs, network, loss_of, batch.cpu(), batch.device.type, way, slower_than, torch.get_num_threads())
    child = context.Process(target=_answer, args=asked, daemon=True)
    try:
        child.start()
        theirs.close()
        if not ours.poll(max(0.0, ends - time.perf_counter())):
            return _not_measured(way, f"given up after {seconds:.0f} s")
        found: Measured = ours.recv()
        return found
    except (EOFError, OSError, AssertionError) as error:  # it died, or this process may have no others
        return _not_measured(way, f"not measured ({type(error).__name__})")
    finally:
        ours.close()
        if child.pid is not None:
            child.kill()
            child.join()


def _not_measured(way: ExecutionMode, why: str) -> Measured:
    return Measured(way, 0.0, math.inf, math.nan, why)


def _answer(
    to: Connection, network: nn.Module, loss_of: Step, batch: Tensor, device: str, way: ExecutionMode, slower_than: float,
    threads: int,
) -> None:  # fmt: skip
    torch.set_num_threads(threads)
    with suppress(BrokenPipeError):
        to.send(measure(network, loss_of, batch.to(device), way, slower_than=slower_than))
