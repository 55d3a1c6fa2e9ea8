"""What predictors of all tasks share: a run's checkpoint by torch, a file by the LiteRT runtime, a folder as a csv."""

import csv
from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from datamodules.base.errors import DataError
from datamodules.prediction_inputs import Sample, read_samples
from storage.spreadsheet import harmless
from storage.whole_file import replaced
from sweeps.records.checkpoints import checkpoint_file
from sweeps.records.run_record import read_trained

if TYPE_CHECKING:
    from export.runtime import FileModel
    from lightning_modules.base import TaskModule

Images = npt.NDArray[Any]
"""Raw RGB `(B, H, W, 3)`."""


class RunPredictor:
    """A checkpoint of a run, by torch, which is imported when it is first needed."""

    def __init__(self, folder: Path, checkpoint: str = "shipped") -> None:
        self.record = read_trained(folder)
        self.checkpoint = checkpoint_file(folder, self.record, checkpoint)
        self.labels: list[str] = list(self.record["data"]["class_names"])
        self.preprocessing: dict[str, Any] = self.record["data"]["preprocessing"]
        self.profile: dict[str, Any] | None = self.record["data"].get("profile")
        resolution = int(self.record["config"]["resolution"])
        width, height = self.preprocessing.get("picture", (1, 1))
        share = resolution / min(width, height)
        self.size = round(height * share), round(width * share)

    @property
    def evidence_names(self) -> list[str]:
        """What class-activation maps may speak for, an output each."""
        return self.labels

    @cached_property
    def module(self) -> "TaskModule":
        """With its checkpoint loaded."""
        from training.finished_run import load_run

        module: TaskModule = load_run(self.record, self.checkpoint)
        return module

    def batches(self, images: Images, size: int = 64) -> list[Any]:
        """Images as torch takes them: `(b, 3, H, W)` each."""
        import torch

        return [torch.from_numpy(images[at : at + size]).permute(0, 3, 1, 2) for at in range(0, len(images), size)]


class FilePredictor(ABC):
    """An exported file, one image after the other, as a phone does; no torch."""

    def __init__(self, path: Path, threads: int = 2) -> None:
        from export.runtime import of_file, read_file
        from export.trial import try_out

        self.path = path
        data, described = read_file(path)
        with of_file(path):
            try_out(data)
            self.model: Any = self.file_model()(data, threads)
        self.described, self.labels = described, [str(name) for name in described["labels"]]
        height, width = described["size"]
        self.size = int(height), int(width)
        self.preprocessing: dict[str, Any] = {
            key: described[key] for key in ("crop", "grid", "picture") if key in described
        }
        self.profile: dict[str, Any] | None = described.get("profile")

    @abstractmethod
    def file_model(self) -> "type[FileModel]":
        """How the file is called."""


class FolderRows(ABC):
    """A predictor that answers each picture, or each cell of a photo, with a row."""

    labels: list[str]
    size: tuple[int, int]
    preprocessing: dict[str, Any]
    profile: dict[str, Any] | None

    @abstractmethod
    def rows(self, images: Images) -> list[dict[str, Any]]:
        """Raw RGB `(B, H, W, 3)` → a row of answers for each."""

    @abstractmethod
    def summary(self, rows: list[dict[str, Any]]) -> str:
        """What all rows come to, in a few words."""

    def kept(self, columns: dict[str, Any]) -> dict[str, Any]:
        """Of the columns that say which picture it is, those that are written."""
        return columns

    def predict_folder(self, root: Path, table: Path, batch_size: int, pictures: str = "auto") -> str:
        """See `tasks.base.Predictor`."""
        from tqdm import tqdm

        samples: list[Sample] = list(read_samples(root, self, find=outline_in, pictures=pictures))
        if not samples:
            raise DataError(f"input={root}: none of its images can be read")
        starts = tqdm(range(0, len(samples), batch_size), desc="predicting", unit="batch", leave=False, disable=None)
        answers = [
            row for at in starts for row in self.rows(np.stack([pixels for _, pixels in samples[at : at + batch_size]]))
        ]
        rows = [self.kept(columns) | row for (columns, _), row in zip(samples, answers, strict=True)]
        with replaced(table) as unfinished, unfinished.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)))
            writer.writeheader()
            writer.writerows({name: harmless(value) for name, value in row.items()} for row in rows)
        return f"{self.summary(rows)}: {table}"


def outline_in(picture: Images) -> npt.NDArray[np.float64]:
    """Corners `(4, 2)` of the phone in a photo, pixels. Raises OutlineError."""
    from export.outline.find import find

    return find(picture).corners
