"""Which way of computing a run's steps is taken: the recorded one where the run goes on, else the fastest measured."""

import json
import math
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from filelock import FileLock
from omegaconf import DictConfig
from torch import nn

from lightning_modules.execution import PLAIN, ExecutionMode, Measured, as_record, best, explore
from sweeps.records.environment import processor
from sweeps.records.run_record import read_record, update_record, write_whole

if TYPE_CHECKING:
    from datamodules.base.loaders import CellDataModule
    from datamodules.masks.loaders import MaskDataModule
    from jobs.job import Job
    from lightning_modules.grading import GradingModule
    from lightning_modules.segmentation import SegmentationModule

    Trained = GradingModule | SegmentationModule


def choose_execution(
    cfg: DictConfig, job: "Job", module: "Trained", data: "CellDataModule | MaskDataModule"
) -> ExecutionMode:
    """Decides, enters it in the record, and has the module compute so. Returns the way, for the trainer's precision."""
    plain = ExecutionMode(precision=cfg.trainer.precision)
    if cfg.autotune not in ("auto", "plain"):
        raise ValueError(f"autotune={cfg.autotune}: want auto or plain")
    known = read_record(job.folder).get("execution", {})
    found: list[Measured] = []
    if known:
        way = ExecutionMode(**{key: known[key] for key in asdict(PLAIN)})
    elif cfg.autotune == "plain" or cfg.trainer.devices != 1:
        way = plain
    else:
        steps = len(data.train_dataloader()) * int(cfg.trainer.max_epochs)
        found = _measured(cfg, module, steps, plain, _seen_in_training(data))
        way = best(found, steps).way
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
    cfg: DictConfig, module: "Trained", steps: int, plain: ExecutionMode, size: tuple[int, ...]
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
    with FileLock(file.with_suffix(".lock")):
        kept = _read(file)
        if key not in kept:
            found = _measure(cfg, module, device, steps, plain, size)
            kept[key] = [asdict(one) for one in found]
            write_whole(file, json.dumps(kept, indent=1))
    return [Measured(**{**one, "way": ExecutionMode(**one["way"])}) for one in kept[key]]


def _measure(
    cfg: DictConfig, module: "Trained", device: torch.device, steps: int, plain: ExecutionMode, size: tuple[int, ...]
) -> list[Measured]:
    """On one batch of noise, with as much trained as in the last epoch."""
    shape = (cfg.batch_size, 3, *size)
    noise = torch.Generator().manual_seed(0)
    batch = torch.randint(0, 256, shape, dtype=torch.uint8, generator=noise).to(device)
    head, network = deepcopy(module.head).to(device), deepcopy(module.network)
    module.freeze_for(network, cfg.trainer.max_epochs - 1)

    def loss_of(copied: nn.Module, images: torch.Tensor) -> torch.Tensor:
        logits = copied(images).float()
        return head.loss(logits, head.labels_like(logits.detach()))

    return explore(network, loss_of, batch, steps, plain)


def _read(file: Path) -> dict[str, list[dict[str, Any]]]:
    """What was measured before; nothing where the file is missing or damaged."""
    try:
        kept: dict[str, list[dict[str, Any]]] = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return kept
