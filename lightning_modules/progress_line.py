"""What a person sees of a training."""

import sys
import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from tqdm import tqdm

EVERY_S = 30.0
"""Between two lines where there is no terminal; a shorter training says nothing on its way."""


class ProgressLine(Callback):
    """One quiet bar over all steps of the run, with the latest value of one figure; into a file or a pipe a line now and then.

    Args:
        figure: such as val/accuracy.

    """

    def __init__(self, figure: str) -> None:
        self.figure = figure
        self._bar: tqdm[Any] | None = None
        self._latest = ""
        self._began = self._said = 0.0
        self._from = 0

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
        self._began = self._said = time.monotonic()
        self._from = trainer.global_step

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        """Moves on by a batch."""
        if self._bar is not None:
            self._bar.set_description(f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}", refresh=False)
            self._bar.update()
            if self._bar.disable and time.monotonic() - self._said >= EVERY_S:
                self._say(trainer)

    def _say(self, trainer: pl.Trainer) -> None:
        self._said = time.monotonic()
        total, own = trainer.num_training_batches * (trainer.max_epochs or 1), trainer.global_step - self._from
        left = (self._said - self._began) * max(0.0, total - trainer.global_step) / max(1, own)
        wait = f"{left / 60:.0f} min" if left >= 90 else f"{left:.0f} s"
        words = [f"epoch {trainer.current_epoch + 1} of {trainer.max_epochs}", self._latest, f"some {wait} left"]
        print(", ".join(word for word in words if word), file=sys.stderr, flush=True)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Shows the latest value."""
        value = trainer.callback_metrics.get(self.figure)
        if self._bar is not None and value is not None:
            self._latest = f"{self.figure.replace('/', ' ')} {float(value):.3g}"
            self._bar.set_postfix_str(self._latest, refresh=False)

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
