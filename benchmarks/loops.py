"""Peers in torch that train the same network: an epoch per turn, validation after it."""

import os
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.cases import LEARNING_RATE, Case, Pictures, composed, module_of
from benchmarks.turns import Turn


def train_bare(network: Any, case: Case, pictures: Pictures, epochs: int, turn: Turn) -> None:
    """Any network in a loop of ten lines: tensors in memory, no augmentation, Adam, cross-entropy."""
    import torch
    from torch.nn.functional import cross_entropy

    (images, labels), (val_images, val_labels) = (
        tuple(map(torch.from_numpy, pictures.part(part))) for part in ("train", "val")
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    for _ in range(epochs):
        turn.begin()
        network.train()
        for places in torch.split(torch.randperm(len(images)), case.batch):
            loss = cross_entropy(network(images[places].permute(0, 3, 1, 2)), labels[places])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        turn.trained()
        network.eval()
        with torch.inference_mode():
            logits = torch.cat(
                [network(batch.permute(0, 3, 1, 2)) for batch in torch.split(val_images, 2 * case.batch)]
            )
        turn.end((logits.argmax(1) == val_labels).float().mean().item())


def bare(case: Case, pictures: Pictures, epochs: int, turn: Turn) -> None:
    """The network as train.py builds it."""
    train_bare(module_of(case, pictures.classes).network, case, pictures, epochs, turn)


def lightning(case: Case, pictures: Pictures, epochs: int, turn: Turn) -> None:
    """A plain module, torchvision's ImageFolder, transforms v2 at heavy's ranges, and a worker per core."""
    import pytorch_lightning as pl
    from torch.utils.data import DataLoader
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import v2

    from training.trainer import quiet

    quiet()
    quarters = [v2.RandomRotation((angle, angle)) for angle in (0, 90, 180, 270)]
    moved = v2.RandomAffine(5, (0.05, 0.05), shear=5, interpolation=v2.InterpolationMode.BILINEAR, fill=127)
    coloured = v2.ColorJitter(brightness=30 / 255, hue=35 / 180)
    changes = [v2.RandomChoice(quarters), v2.RandomHorizontalFlip()]
    changes += [v2.RandomApply([change], 0.8) for change in (moved, coloured)]
    loader = partial(DataLoader, num_workers=os.cpu_count() or 1, persistent_workers=True)
    train = ImageFolder(str(pictures.folder / "train"), v2.Compose([v2.PILToTensor(), *changes]))
    val = ImageFolder(str(pictures.folder / "val"), v2.PILToTensor(), allow_empty=True)
    trainer = pl.Trainer(
        max_epochs=epochs + 1, accelerator="cpu", callbacks=[_turns(turn)], logger=False, num_sanity_val_steps=0,
        default_root_dir=pictures.folder, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    loaders = loader(train, case.batch, shuffle=True), loader(val, 2 * case.batch)
    trainer.fit(_plain_module(module_of(case, pictures.classes).network, pictures.classes), *loaders)


def _plain_module(network: Any, classes: int) -> Any:
    import pytorch_lightning as pl
    import torch
    from torch.nn.functional import cross_entropy
    from torchmetrics.classification import MulticlassAccuracy

    class Plain(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network, self.accuracy = network, MulticlassAccuracy(classes, average="micro")

        def training_step(self, batch: list[torch.Tensor], batch_idx: int) -> torch.Tensor:
            return cross_entropy(self.network(batch[0]), batch[1])

        def validation_step(self, batch: list[torch.Tensor], batch_idx: int) -> None:
            self.accuracy(self.network(batch[0]), batch[1])
            self.log("val/accuracy", self.accuracy, on_epoch=True)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=LEARNING_RATE)

    return Plain()


def gridlite(case: Case, pictures: Pictures, epochs: int, turn: Turn, words: list[str]) -> None:
    """train.py's own trainer, data module and module, under more settings."""
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    from datamodules.base.loaders import CellArrays, CellDataModule
    from jobs.job import Job
    from lightning_modules.backbones.spec import BackboneSpec
    from training.memory import keep_freed_memory
    from training.trainer import History, build_trainer

    keep_freed_memory()
    with tempfile.TemporaryDirectory() as runs:
        cfg = composed(case, runs, f"trainer.max_epochs={epochs + 1}", *words)
        data = CellDataModule(
            CellArrays(pictures.images, pictures.labels, pictures.parts, pictures.classes),
            augmentation=instantiate(cfg.augmentation),
            imbalance=instantiate(cfg.imbalance),
            batch_size=cfg.batch_size,
            seed=0,
            prefetch=cfg.prefetch,
        )
        spec = BackboneSpec.from_config(OmegaConf.to_container(cfg.backbone.spec))  # type: ignore[arg-type]
        cfg.callbacks.monitor = "val/accuracy"
        job = Job(cfg, {}, "", {"task": "grading"}, Path(runs), spec, None)
        trainer = build_trainer(job, History(), None, cfg.trainer.precision)
        trainer.callbacks.insert(0, _turns(turn))  # type: ignore[attr-defined]
        trainer.fit(module_of(case, pictures.classes), data)


def _turns(turn: Turn) -> Any:
    """A callback that hands over once an epoch's validation and checkpoint are through as well."""
    from pytorch_lightning.callbacks import Callback

    class Turns(Callback):
        def on_train_epoch_start(self, trainer: Any, *_: Any) -> None:
            if trainer.current_epoch:
                turn.end(float(trainer.callback_metrics["val/accuracy"]))
            turn.begin()

        def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            if batch_idx == trainer.num_training_batches - 1:
                turn.trained()

    return Turns()
