"""What a training says where no terminal is."""

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.demos.boring_classes import BoringModel

from lightning_modules import progress_line
from lightning_modules.progress_line import ProgressLine


class Network(BoringModel):
    """Logs a figure, as ours do."""

    def validation_step(self, batch, batch_idx):
        self.log("val/accuracy", torch.tensor(0.75))
        return super().validation_step(batch, batch_idx)


@pytest.mark.parametrize(("every", "lines"), [(0.0, 6), (3600.0, 0)])
def test_a_line_now_and_then(every, lines, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(progress_line, "EVERY_S", every)
    pl.Trainer(
        default_root_dir=tmp_path, max_epochs=2, limit_train_batches=3, limit_val_batches=1, accelerator="cpu", logger=False,
        callbacks=[ProgressLine("val/accuracy")], enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    ).fit(Network())  # fmt: skip
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("epoch ")]
    assert len(said) == lines
    if lines:
        assert said[0].startswith("epoch 1 of 2, ")
        assert said[-1] == "epoch 2 of 2, val accuracy 0.75, some 0 s left"
