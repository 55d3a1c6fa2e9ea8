"""What grades images: a run's checkpoint, or a file that was exported from it."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy.typing as npt

from sweeps.records.run_record import RecordError, read_record
from training.finished_run import load_run

if TYPE_CHECKING:
    from lightning_modules.grading import GradingModule

Images = npt.NDArray[Any]


def grader_of(given: Path, checkpoint: str = "best") -> "Grader":
    """Of a run's folder, by its best or last checkpoint, or of an exported .tflite file."""
    if checkpoint not in ("best", "last"):
        raise RecordError(f"checkpoint={checkpoint}: want best or last")
    return FileGrader(given) if given.suffix == ".tflite" else RunGrader(given, checkpoint)


class Grader(Protocol):
    """What grades images, and what has to be known to cut and name them."""

    resolution: int
    labels: list[str]
    preparation: dict[str, Any]
    """As `Samples.preparation` has it."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of what it grades, pixels."""
        return self.resolution, self.resolution

    def grade(self, images: Images) -> tuple[Images, Images]:
        """Raw RGB `(B, S, S, 3)` → grades `(B,)` and probabilities `(B, K)`."""


class RunGrader(Grader):
    """A checkpoint of a run, by torch, which is imported when it is first needed."""

    def __init__(self, folder: Path, checkpoint: str) -> None:
        self.record = read_record(folder)
        if (task := self.record["config"]["encoding"].get("task", "grading")) != "grading":
            raise RecordError(f"{folder}: a run of task={task}; want one that grades")
        self.checkpoint = folder / "checkpoints" / f"{checkpoint}.ckpt"
        self.resolution, self.labels = (
            int(self.record["config"]["resolution"]),
            list(self.record["data"]["class_names"]),
        )
        self.preparation = self.record["data"]["preparation"]

    def grade(self, images: Images) -> tuple[Images, Images]:
        """By the module in eval mode."""
        import torch

        from lightning_modules.inference import grade_images

        return grade_images(self.module, [torch.from_numpy(images).permute(0, 3, 1, 2)])

    @cached_property
    def module(self) -> "GradingModule":
        """With its checkpoint loaded."""
        module: GradingModule = load_run(self.record, self.checkpoint)
        return module


class FileGrader(Grader):
    """An exported file, by the LiteRT runtime, without torch."""

    def __init__(self, path: Path) -> None:
        from export.runtime import TfliteModel, read_file

        data, described = read_file(path)
        self.model = TfliteModel(data)
        self.resolution, self.labels = int(described["resolution"]), list(described["labels"])
        self.preparation = {key: described[key] for key in ("crop", "grid")}

    def grade(self, images: Images) -> tuple[Images, Images]:
        """One image after the other, as a phone does."""
        return self.model.grade(images)
