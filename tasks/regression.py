"""What answers pictures with a number: a run's checkpoint, or a file that was exported from it."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from sweeps.records.run_record import RecordError, read_record
from training.finished_run import load_run

if TYPE_CHECKING:
    from lightning_modules.regression import RegressionModule

Images = npt.NDArray[np.uint8]


class Estimator(Protocol):
    """What estimates, and what has to be known to cut its pictures."""

    size: tuple[int, int]
    """Height and width, pixels."""
    labels: list[str]
    """Of the bands."""
    preparation: dict[str, Any]
    """As `Samples.preparation` has it."""

    def numbers(self, images: Images) -> npt.NDArray[np.float64]:
        """Raw RGB `(B, S, S, 3)` → numbers in their unit `(B,)`."""


def estimator_of(given: Path, checkpoint: str = "best") -> Estimator:
    """Of a run's folder, by its best or last checkpoint, or of an exported .tflite file."""
    if checkpoint not in ("best", "last"):
        raise RecordError(f"checkpoint={checkpoint}: want best or last")
    return FileEstimator(given) if given.suffix == ".tflite" else RunEstimator(given, checkpoint)


class RunEstimator:
    """A checkpoint of a run, by torch, which is imported when it is first needed."""

    def __init__(self, folder: Path, checkpoint: str) -> None:
        self.record = read_record(folder)
        self.checkpoint = folder / "checkpoints" / f"{checkpoint}.ckpt"
        resolution = int(self.record["config"]["resolution"])
        self.size, self.labels = (resolution, resolution), list(self.record["data"]["class_names"])
        self.preparation: dict[str, Any] = self.record["data"]["preparation"]

    def numbers(self, images: Images) -> npt.NDArray[np.float64]:
        """By the module in eval mode."""
        import torch

        from lightning_modules.inference import read_off

        return read_off(self.module, [torch.from_numpy(images).permute(0, 3, 1, 2)])

    @cached_property
    def module(self) -> "RegressionModule":
        """With its checkpoint loaded."""
        module: RegressionModule = load_run(self.record, self.checkpoint)
        return module


class FileEstimator:
    """An exported file, by the LiteRT runtime, without torch."""

    def __init__(self, path: Path) -> None:
        from export.runtime import NumberModel, read_file

        data, described = read_file(path)
        self.model = NumberModel(data)
        height, width = described["size"]
        self.size, self.labels = (int(height), int(width)), list(described["labels"])
        self.preparation: dict[str, Any] = {key: described[key] for key in ("crop", "grid")}

    def numbers(self, images: Images) -> npt.NDArray[np.float64]:
        """One image after the other, as a phone does."""
        return self.model.numbers(images)
