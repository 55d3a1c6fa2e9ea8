"""What a person sees of a training."""

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from tqdm import tqdm


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
