"""A quiet Lightning trainer with a run's callbacks and logger."""

import atexit
import gc
import logging
import random
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from inspect import signature
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytorch_lightning as pl
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.callbacks import Callback, EarlyStopping, EMAWeightAveraging, ModelCheckpoint
from pytorch_lightning.strategies import DDPStrategy
from torch.nn.parallel import DistributedDataParallel

from lightning_modules.progress_line import ProgressLine
from sweeps.records.wandb_export import prepare, remember
from training.checkpoint_io import WholeCheckpoints

if TYPE_CHECKING:
    from jobs.job import Job


class History(Callback):
    """Every logged figure per epoch, as plain numbers; survives a resume.

    Args:
        judge: is given all epochs after each one but the last, where a run goes on before the first too, and says why the training should
            end here, or nothing.

    """

    def __init__(self, judge: Callable[[list[dict[str, float]]], str] | None = None) -> None:
        self.judge = judge
        self.epochs: list[dict[str, float]] = []
        self.stopped = ""
        """Why the judge ended the training."""
        self._started = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """A run that goes on may have been stopped already, and killed before its record said so."""
        if self.epochs:
            self._ask(trainer)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Starts the clock of the epoch."""
        self._started = time.perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Adds the epoch, validation included."""
        figures = {name: float(value) for name, value in trainer.callback_metrics.items()}
        seconds = time.perf_counter() - self._started
        self.epochs.append({"epoch": trainer.current_epoch, "seconds": round(seconds, 3), **figures})
        self._ask(trainer)

    def _ask(self, trainer: pl.Trainer) -> None:
        if len(self.epochs) < (trainer.max_epochs or 0):
            why = self.judge(self.epochs) if self.judge is not None else ""
            self.stopped = trainer.strategy.broadcast(why)  # of several processes the first has the judge
            trainer.should_stop = trainer.should_stop or bool(self.stopped)

    def state_dict(self) -> dict[str, Any]:
        """The epochs so far."""
        return {"epochs": self.epochs}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes up where a checkpoint left off."""
        self.epochs = list(state_dict["epochs"])


def build_trainer(
    job: "Job",
    history: History,
    resume: Path | None,
    precision: str,
    plugins: list[Any] | None = None,
) -> pl.Trainer:
    """A quiet trainer with the run's callbacks and logger; a run that goes on, from `resume`, does so in its W&B run."""
    quiet()
    cfg, folder = job.cfg, job.folder / "checkpoints"
    monitor, budget = cfg.callbacks.monitor, cfg.callbacks
    mode = job.metrics.direction_of(monitor)
    kept = checkpoints(folder, monitor, mode, budget.keep_best, budget.keep_last)
    others: list[Any] = []
    if cfg.callbacks.patience is not None:
        others.append(EarlyStopping("val/loss", patience=cfg.callbacks.patience, check_finite=False))
    if cfg.callbacks.ema is not None:
        others.append(EMAWeightAveraging(decay=cfg.callbacks.ema))
    logger: Any = run_logger(job, resumed=resume is not None) or False
    return pl.Trainer(
        **settings_of(cfg) | {"precision": precision} | ({"limit_val_batches": 0} if cfg.fit != "fold" else {}),
        callbacks=[history, ProgressLine(f"val/{job.metrics.headlines[0]}"), *others, *kept],
        logger=logger,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        **_parallel(cfg, plugins),
    )


def settings_of(cfg: DictConfig) -> dict[str, Any]:
    """What Lightning's trainer is told of the configuration; its strategy is made elsewhere."""
    plain: dict[str, Any] = OmegaConf.to_container(cfg.trainer, resolve=True)  # type: ignore[assignment]
    return {key: value for key, value in plain.items() if key != "strategy"}


def run_logger(job: "Job", *, resumed: bool) -> Any:
    """The run's logger, which knows its configuration; None where it has none."""
    settings = job.cfg.logger
    OmegaConf.register_new_resolver("run_folder", lambda: str(job.folder), replace=True)
    OmegaConf.register_new_resolver("run_name", lambda: job.folder.name, replace=True)
    begin = partial(prepare, job.folder, resumed=resumed, offline=bool(settings and settings.get("offline")))
    OmegaConf.register_new_resolver("wandb_id", begin, replace=True)
    if not settings:
        return None
    logger = instantiate(settings)
    logger.log_hyperparams(job.config)
    if "wandb" in sys.modules and sys.modules["wandb"].run is not None:
        remember(job.folder, sys.modules["wandb"].run)
    return logger


def build_stack_trainer(cfg: DictConfig, checkpoint: Path) -> pl.Trainer:
    """A quiet trainer of a stack, which keeps its last epoch in one file; its networks have loggers of their own."""
    quiet()
    kept = ModelCheckpoint(checkpoint.parent, checkpoint.stem, save_top_k=1, enable_version_counter=False)
    return pl.Trainer(
        **settings_of(cfg),
        callbacks=[ProgressLine(cfg.callbacks.monitor), kept], plugins=[WholeCheckpoints()], logger=False, enable_progress_bar=False, enable_model_summary=False,
        num_sanity_val_steps=0,
    )  # fmt: skip


def _parallel(cfg: DictConfig, plugins: list[Any] | None) -> dict[str, Any]:
    """What a trainer is told of the other processes."""
    kept = WholeCheckpoints()
    if plugins is None:
        return {"plugins": [kept]}
    # torch 2.15 has renamed it; no buffer differs between processes
    buffers = {"forward_sync_buffers", "broadcast_buffers"} & signature(DistributedDataParallel).parameters.keys()
    settings: dict[str, Any] = {max(buffers): False}
    settings["find_unused_parameters"] = bool(
        cfg.fine_tuning.head_epochs or cfg.fine_tuning.top_epochs or cfg.task.get("freeze_encoder")
    )
    strategy = DDPStrategy(**settings)
    return {"strategy": strategy, "plugins": [*plugins, kept], "use_distributed_sampler": False}


def log_final(trainer: pl.Trainer, metrics: Mapping[str, Any]) -> None:
    """Hands the figures that the record gets to the logger too, as `final/<name>`."""
    if trainer.logger is not None:
        scalars = {f"final/{name}": value for name, value in metrics.items() if isinstance(value, int | float)}
        trainer.logger.log_metrics(scalars, step=trainer.global_step)


def forget_last_job() -> None:
    """Frees what an earlier job of this process left: a trainer and its network hold each other.

    What the libraries hold is frozen, so that the next call need not look through it again (0.3 s).
    """
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)  # else nanobind reports leaks at the end


def seed_everything(seed: int) -> None:
    """Python's, numpy's and torch's generators; nothing is printed."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def quiet() -> None:
    """Silences what Lightning and W&B say of a normal run; errors stay."""
    # TensorBoard's own switch against TensorFlow, which it would import (8 s, several lines) just to write files.
    sys.modules.setdefault("tensorboard.compat.notf", ModuleType("tensorboard.compat.notf"))
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    for text in (
        "does not have many workers",
        "The `srun` command is available",
        "Checkpoint directory",
        "smaller than the logging interval",
        "Experiment logs directory",
        "`isinstance.treespec, LeafSpec.` is deprecated",
    ):
        warnings.filterwarnings("ignore", message=f".*{text}")


def checkpoints(folder: Path, monitor: str, mode: str, keep_best: bool, keep_last: bool) -> list[ModelCheckpoint]:
    """The checkpoint budget of a run: `best.ckpt` by the monitored figure and `last.ckpt`, each once at most.

    Args:
        mode: max or min: which value of the figure is the best.

    """
    common: dict[str, Any] = {"dirpath": folder, "auto_insert_metric_name": False, "enable_version_counter": False}
    kept = []
    if keep_best:
        kept.append(ModelCheckpoint(filename="best", monitor=monitor, mode=mode, save_top_k=1, **common))
    if keep_last:
        kept.append(ModelCheckpoint(filename="last", monitor=None, save_top_k=1, **common))
    return kept
