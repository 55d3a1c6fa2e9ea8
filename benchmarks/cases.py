"""What the peers train: the networks, and the same images for each in memory and as class folders on disk."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from choices import CONF

LEARNING_RATE = 1e-3
"""Of Adam, constant, for every peer."""


@dataclass(frozen=True)
class Case:
    """A network and how much of the data an epoch has."""

    backbone: str
    width: float
    resolution: int
    batch: int
    train: int
    """Images per epoch."""
    val: int


CASES = {
    "mobilenet-0.5-128": Case("mobilenet", 0.5, 128, 32, 416, 128),
    "efficientnet_b0-224": Case("efficientnet_b0", 1.0, 224, 8, 128, 64),
}
EVERY = CASES | {
    f"{backbone}-128": Case(backbone, 1.0, 128, 32, 256, 64)
    for backbone in (
        "mobilenetv2", "mobilenetv3_small", "mobilenetv4_conv_small", "efficientnet_lite0", "efficientnet_b1",
        "efficientnet_b2",
    )
} | {"mobilenet-0.25-96": Case("mobilenet", 0.25, 96, 32, 1024, 128)}  # fmt: skip
"""Every backbone, some too small for a loop's own work not to show."""


@dataclass(frozen=True)
class Pictures:
    """A case's images as they lie in its folder."""

    folder: Path
    """With `train` and `val`, each a folder per class, where they are on disk too."""
    images: npt.NDArray[np.uint8]
    """Training set first, RGB `(N, S, S, 3)`, mapped."""
    labels: npt.NDArray[np.int64]
    parts: npt.NDArray[np.str_]

    @property
    def classes(self) -> int:
        """K."""
        return int(self.labels.max()) + 1

    def part(self, name: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
        """Images and labels of `train` or `val`, in memory."""
        chosen = self.parts == name
        return self.images[chosen], self.labels[chosen]


def read(folder: Path) -> Pictures:
    """What `write` has written."""
    images = np.load(folder / "images.npy", mmap_mode="r")
    return Pictures(folder, images, np.load(folder / "labels.npy"), np.load(folder / "parts.npy"))


def write(
    folder: Path, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64], train: int, *, files: bool
) -> None:
    """The first `train` images are the training set, the others val. `files`: as png files in class folders as well."""
    parts = np.array(["train"] * train + ["val"] * (len(images) - train))
    np.save(folder / "images.npy", images)
    np.save(folder / "labels.npy", labels)
    np.save(folder / "parts.npy", parts)
    if files:
        import cv2

        for home in (folder / part / f"class{label}" for part in np.unique(parts) for label in np.unique(labels)):
            home.mkdir(parents=True)
        for place, (image, label, part) in enumerate(zip(images, labels, parts, strict=True)):
            cv2.imwrite(str(folder / str(part) / f"class{label}" / f"{place}.png"), image[..., ::-1])


def noise(case: Case, folder: Path, classes: int = 5) -> None:
    """Random images with random labels: nothing to learn, but as much to do."""
    rng = np.random.default_rng(0)
    count, side = case.train + case.val, case.resolution
    images = rng.integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    write(folder, images, rng.integers(0, classes, count), case.train, files=False)


def evenly(labels: npt.NDArray[np.int64], count: int, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Places of `count` samples, as many of each class as there are, in random order."""
    order = rng.permutation(len(labels))
    turn = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        members = order[labels[order] == label]
        turn[members] = np.arange(len(members))
    chosen = order[np.argsort(turn[order], kind="stable")[:count]]
    return np.asarray(rng.permutation(chosen), np.intp)


def composed(case: Case, runs: str, *words: str) -> Any:
    """train.py's configuration of a case."""
    from hydra import compose, initialize_config_dir

    from cli.train_schema import register

    register()
    settings = [f"{key}={getattr(case, key)}" for key in ("backbone", "width", "resolution")]
    settings += [f"batch_size={case.batch}", f"optimizer.lr={LEARNING_RATE}", "schedule=constant", "logger=none"]
    settings += ["backbone.weights=none", "trainer.accelerator=cpu", f"paths.runs={runs}"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("train", overrides=[*settings, *words])


def module_of(case: Case, classes: int) -> Any:
    """The module that train.py builds for a case, at a random start."""
    from lightning_modules.backbones.spec import InitialWeights
    from training.build import build_module
    from training.trainer import seed_everything

    seed_everything(0)
    start = InitialWeights("random", "same", (0.5,) * 3, (0.5,) * 3)
    return build_module(composed(case, "runs"), start, classes)
