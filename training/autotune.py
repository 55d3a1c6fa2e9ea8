"""Which way of computing a run's steps is taken: the recorded one where the run goes on, else the fastest measured.

Measured are steps of the run's own network on its own device: precision, memory format and compiler.
"""

import json
import math
import platform
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from filelock import FileLock, Timeout
from omegaconf import DictConfig
from torch import Tensor, nn

from jobs.alike import trainings_alike
from lightning_modules.execution import PLAIN, ExecutionMode
from storage.whole_file import write_whole
from sweeps.records.environment import processor
from sweeps.records.run_record import read_record, update_record
from training.probing import BEGIN_S, WARM_STEPS, HeadLoss, Measured, Step, measure, measure_apart

if TYPE_CHECKING:
    from datamodules.base.loaders import CellDataModule
    from datamodules.masks.loaders import MaskDataModule
    from jobs.job import Job
    from lightning_modules.grading import GradingModule
    from lightning_modules.segmentation import SegmentationModule

    Trained = GradingModule | SegmentationModule

SHARE = 1 / 20
"""Of the training's own time that looking for a faster way may take, whatever comes of it."""
LONG_S = 120.0
"""A training that takes no longer runs plain: what could be saved is not worth looking for."""
LONG_ENOUGH_TO_COMPILE_S = 1800.0
"""Compiling takes one to eight minutes on a CPU (a U-Net beside another training: 461 s), only to be tried."""
GAIN = 0.1
"""Share of the time that a way has to save to be taken: less is noise."""
NEAR = 0.05
"""Share of the plain way's loss by which another's may differ on the same weights."""


def choose_execution(job: "Job", module: "Trained", data: "CellDataModule | MaskDataModule") -> ExecutionMode:
    """Decides, enters it in the record, and has the module compute so. Returns the way, for the trainer's precision."""
    cfg = job.cfg
    plain = ExecutionMode(precision=cfg.trainer.precision)
    if cfg.autotune not in ("auto", "plain"):
        raise ValueError(f"autotune={cfg.autotune}: want auto or plain")
    known = read_record(job.folder).get("execution", {})
    found: list[Measured] = []
    if cfg.trainer.devices * cfg.trainer.num_nodes != 1:
        way, known = (
            plain,
            {},
        )  # the other processes compute as the settings say, also where one alone had begun otherwise
    elif known:
        way = ExecutionMode(**{key: known[key] for key in asdict(PLAIN)})
    elif cfg.autotune == "plain":
        way = plain
    else:
        steps = len(data.train_dataloader()) * int(cfg.trainer.max_epochs)
        found = _measured(cfg, module, steps, plain, _seen_in_training(data), trainings_alike())
        way = best(found, steps).way if found else plain
    module.compute(way, cfg.batch_size)
    said = known or as_record(way, found)
    update_record(job.folder, lambda record: record | {"execution": said})
    return way


def _seen_in_training(data: "CellDataModule | MaskDataModule") -> tuple[int, ...]:
    """Height and width of the images that steps are made on: pieces of the pictures where the augmentation cuts some."""
    height, width = data.arrays.images.shape[1:3]
    return height, getattr(data.augmentation, "crop_width", 0) or width


def device_of(accelerator: str) -> torch.device:
    """The device that Lightning will choose, as far as it can be measured: the first GPU, else the CPU."""
    gpu = accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()
    return torch.device("cuda", 0) if gpu else torch.device("cpu")


def _measured(
    cfg: DictConfig, module: "Trained", steps: int, plain: ExecutionMode, size: tuple[int, ...], alike: int
) -> list[Measured]:
    """From the cache where this network has been measured here for a training of about this length, else measured now."""
    device = device_of(cfg.trainer.accelerator)
    here = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{processor()} x {torch.get_num_threads()}"
    network = f"{cfg.backbone.spec.name} {cfg.width:g}, {size[1]} x {size[0]} px, batch {cfg.batch_size}"
    network += f", {sum(one.numel() for one in module.network.parameters())} weights"
    network += ", encoder frozen" if cfg.task.get("freeze_encoder") else ""
    tuning = f"head alone for {cfg.fine_tuning.head_epochs} of {cfg.trainer.max_epochs} epochs"
    length = f"some {2 ** round(math.log2(steps))} steps of {plain.precision}"
    key = "; ".join([here, f"torch {torch.__version__}", network, module.head.__class__.__name__, tuning, length])
    file = Path(str(cfg.paths.cache)) / "speed.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    return measured_once(file, key, lambda: _one_step(cfg, module, device, size), steps, plain, alike)


def measured_once(
    file: Path,
    key: str,
    one_step: Callable[[], tuple[nn.Module, Step, Tensor]],
    steps: int,
    plain: ExecutionMode,
    alike: int,
) -> list[Measured]:
    """What the file has under a key, else measured now and kept.

    Where another training of this machine measures, this one waits no longer than it may look itself, and then goes on plain.

    Args:
        file: a json file that trainings share.
        key: everything that what a step costs hangs on.
        one_step: gives network, loss and batch as `explore` has them; called only where something is measured.
        steps, plain, alike: see `explore`.

    """
    if (kept := _kept(file, key)) or int(SHARE * steps) <= WARM_STEPS:
        return kept
    began = time.perf_counter()
    lock = FileLock(file.with_name(f"speed-{platform.node()}.lock"))  # two at a time would measure each other
    network, loss_of, batch = one_step()
    if not _acquired(lock, 0):
        quick = measure(network, loss_of, batch, plain, most_steps=WARM_STEPS + 1)
        whole_s = steps * quick.quickest_s
        left_s = SHARE * whole_s - (time.perf_counter() - began)
        if quick.error or whole_s < LONG_S or not _acquired(lock, left_s):
            return [quick]
    try:
        if kept := _kept(file, key):
            return kept
        found = explore(network, loss_of, batch, steps, plain, alike, spent_s=time.perf_counter() - began)
    finally:
        lock.release()
    if found and not any(one.busy for one in found):
        with FileLock(file.with_suffix(".lock")):
            write_whole(file, json.dumps(_read(file) | {key: [asdict(one) for one in found]}, indent=1))
    return found


def _acquired(lock: FileLock, seconds: float) -> bool:
    """Whether the lock is had within so many seconds."""
    try:
        lock.acquire(timeout=max(0.0, seconds))
    except Timeout:
        return False
    return True


def _one_step(
    cfg: DictConfig, module: "Trained", device: torch.device, size: tuple[int, ...]
) -> tuple[nn.Module, Step, Tensor]:
    """Network, loss and a batch of noise, with as much trained as in the last epoch."""
    shape = (cfg.batch_size, 3, *size)
    noise = torch.Generator().manual_seed(0)
    batch = torch.randint(0, 256, shape, dtype=torch.uint8, generator=noise).to(device)
    head, network = deepcopy(module.head).to(device), deepcopy(module.network)
    module.freeze_for(network, cfg.trainer.max_epochs - 1)
    return network, HeadLoss(head), batch


def _kept(file: Path, key: str) -> list[Measured]:
    """What was measured of this before."""
    return [Measured(**{**one, "way": ExecutionMode(**one["way"])}) for one in _read(file).get(key, [])]


def _read(file: Path) -> dict[str, list[dict[str, Any]]]:
    """What was measured before; nothing where the file is missing or damaged."""
    try:
        kept: dict[str, list[dict[str, Any]]] = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return kept


def explore(
    network: nn.Module,
    loss_of: Step,
    batch: Tensor,
    steps: int,
    plain: ExecutionMode = PLAIN,
    alike: int = 1,
    spent_s: float = 0.0,
) -> list[Measured]:
    """Measures the plain way, then, where the training is long, others: the best layout, on it bfloat16, on it compilers.

    All of it ends within SHARE of the training's time, told by the quickest step of the plain way: a slow moment makes no long
    training. Nothing but the plain way is measured on a busy machine, on which no difference means anything.

    Args:
        network: is copied; random states stay as they are.
        loss_of: (network, batch) → a scalar; can be pickled.
        batch: uint8 `(B, 3, S, S)` on the device to be measured.
        steps: of the whole training.
        plain: what is used unless another is faster; its precision is kept where it is not 32-true.
        alike: trainings of this shape that are about to run here; they share what a compiler has built.
        spent_s: of the training's time that has gone into looking already.

    """
    began = time.perf_counter() - spent_s
    most = int(SHARE * steps)
    if most <= WARM_STEPS:
        return []
    first = measure(network, loss_of, batch, plain, most_steps=most)
    found = [first]
    whole_s = steps * first.quickest_s
    ends = began + SHARE * whole_s
    if first.error or first.busy or whole_s < LONG_S:
        return found

    def look(way: ExecutionMode, ends: float) -> Measured:
        """In a process of its own, which is ended in time, whatever a kernel or a compiler does; there is none without time left."""
        kept = best(found, steps)
        left = ends - time.perf_counter()
        if left > BEGIN_S:
            found.append(measure_apart(network, loss_of, batch, way, left, slower_than=kept.step_s))
        return best(found, steps)

    kept = look(replace(first.way, channels_last=not first.way.channels_last), ends)
    if plain.precision == PLAIN.precision:
        kept = look(replace(kept.way, precision="bf16-mixed"), ends)
    if kept.quickest_s * steps * alike > LONG_ENOUGH_TO_COMPILE_S:
        uncompiled, ends = kept.way, ends + SHARE * whole_s * (alike - 1)
        look(replace(uncompiled, compiled="default"), ends)
        if batch.device.type == "cuda":
            look(replace(uncompiled, compiled="reduce-overhead"), ends)
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


def as_record(way: ExecutionMode, found: list[Measured]) -> dict[str, Any]:
    """For a run's record: the way taken, what each cost in seconds a step, and why others were not looked at."""
    costs = {one.way.name: one.error or {"step_s": one.step_s, "setup_s": one.setup_s} for one in found}
    busy = next((one.busy for one in found[:1] if one.busy), "")
    return asdict(way) | {"measured": costs} | ({"busy": busy} if busy else {})
