"""Ultralytics' classification training, and its network in a bare loop: what its loader and its loop cost.

It is AGPL-3.0 and so no part of the pinned packages; `INSTALL` adds it to an environment.
"""

import os
from importlib.util import find_spec
from pathlib import Path

from benchmarks.cases import LEARNING_RATE, Case, Pictures
from benchmarks.loops import train_bare
from benchmarks.turns import Turn

NETWORK = "yolo11n-cls.yaml"
PACKAGES = ("ultralytics", "ultralytics-thop", "polars", "polars-runtime-32")
INSTALL = f".venv/bin/uv pip install --no-deps {' '.join(PACKAGES)}"


def installed() -> bool:
    """Whether it can be measured."""
    return all(find_spec(name) for name in ("ultralytics", "polars"))


def bare_yolo(case: Case, pictures: Pictures, epochs: int, turn: Turn) -> None:
    """The network that `yolo classify` trains, in its own memory format."""
    _stay_offline(pictures.folder)
    import torch
    from ultralytics.nn.tasks import ClassificationModel

    class Scaled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = ClassificationModel(NETWORK, nc=pictures.classes, verbose=False)

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            answer = self.network(pixels.contiguous().float() / 255)
            logits: torch.Tensor = answer if self.training else answer[1]
            return logits

    train_bare(Scaled(), case, pictures, epochs, turn)


def ultralytics(case: Case, pictures: Pictures, epochs: int, turn: Turn) -> None:
    """`yolo classify train` with its own augmentation and averaging of weights; the images in memory, Adam as here."""
    _stay_offline(pictures.folder)
    from ultralytics import settings
    from ultralytics.models.yolo.classify import ClassificationTrainer

    settings.update(
        dict.fromkeys(("sync", "clearml", "comet", "dvc", "mlflow", "raytune", "tensorboard", "wandb"), False)
    )
    trainer = ClassificationTrainer(
        overrides={
            "model": NETWORK, "data": str(pictures.folder), "project": str(pictures.folder / "ultralytics"),
            "imgsz": case.resolution, "batch": case.batch, "nbs": case.batch, "epochs": epochs + 1, "device": "cpu",
            "optimizer": "Adam", "lr0": LEARNING_RATE, "lrf": 1.0, "momentum": 0.9, "weight_decay": 0.0,
            "warmup_epochs": 0, "patience": epochs + 1, "cache": "ram",
            "pretrained": False, "amp": False, "plots": False, "verbose": False,
        }
    )  # fmt: skip
    trainer.add_callback("on_train_epoch_start", lambda _: turn.begin())
    trainer.add_callback("on_train_epoch_end", lambda _: turn.trained())
    trainer.add_callback("on_fit_epoch_end", lambda at: turn.end(at.metrics["metrics/accuracy_top1"]))
    trainer.train()


def _stay_offline(folder: Path) -> None:
    """Offline: it asks for no network, sends nothing, fetches and installs nothing. To be called before its import."""
    os.environ |= {"YOLO_CONFIG_DIR": str(folder), "YOLO_OFFLINE": "true"}
    os.environ |= {"YOLO_AUTOINSTALL": "false", "YOLO_VERBOSE": "false"}
