"""What happens around the epochs of a training."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback, ModelCheckpoint
from tqdm import tqdm


class History(Callback):
    """Every logged figure per epoch, as plain numbers; survives a resume.

    Args:
        judge: is given all epochs after each one but the last, and says why the training should end here, or nothing.

    """

    def __init__(self, judge: Callable[[list[dict[str, float]]], str] | None = None) -> None:
        self.judge = judge
        self.epochs: list[dict[str, float]] = []
        self.stopped = ""
        """Why the judge ended the training."""
        self._started = 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Starts the clock of the epoch."""
        self._started = time.perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Adds the epoch, validation included."""
        figures = {name: float(value) for name, value in trainer.callback_metrics.items()}
        seconds = time.perf_counter() - self._started
        self.epochs.append({"epoch": trainer.current_epoch, "seconds": round(seconds, 3), **figures})
        if trainer.current_epoch + 1 < (trainer.max_epochs or 0):
            why = self.judge(self.epochs) if self.judge is not None else ""
            self.stopped = trainer.strategy.broadcast(why)  # of several processes the first has the judge
            trainer.should_stop = trainer.should_stop or bool(self.stopped)

    def state_dict(self) -> dict[str, Any]:
        """The epochs so far."""
        return {"epochs": self.epochs}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes up where a checkpoint left off."""
        self.epochs = list(state_dict["epochs"])


class ProgressLine(Callback):
    """One quiet bar over all steps of the run, with the latest value of one figure.

    Args:
        figure: such as val/accuracy.

    """

    def __init__(self, figure: str) -> None:
        self.figure = figure
        self._bar: tqdm[Any] | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Opens the bar, at the epoch that a resumed run has reached."""
        if not trainer.is_global_zero:
            return
        total = int(trainer.num_training_batches)
        self._bar = tqdm(
            total=total * (trainer.max_epochs or 1),
            initial=total * trainer.current_epoch,
            unit="batch",
            leave=False,
            disable=None,  # no bar into a file or a pipe
            dynamic_ncols=True,
        )

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        """Moves on by a batch."""
        if self._bar is not None:
            self._bar.set_description(f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}", refresh=False)
            self._bar.update()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Shows the latest value."""
        value = trainer.callback_metrics.get(self.figure)
        if self._bar is not None and value is not None:
            self._bar.set_postfix_str(f"{self.figure.replace('/', ' ')} {float(value):.3g}", refresh=False)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Closes the bar."""
        self._close()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Closes the bar."""
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


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
