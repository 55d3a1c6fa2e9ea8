"""Each picture, or each cell of a photo, gets one of the classes."""

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, override

import numpy as np
import numpy.typing as npt
from pydantic import Field

from choices.settings import Text
from sweeps.records.run_record import Record
from tasks.base import Dropout, Predictor, Task
from tasks.evaluation import COLUMNS, SQUARES, draw_in_photos, draw_squares, evaluate_checkpoints
from tasks.predictors import FilePredictor, FolderRows, Images, RunPredictor, outline_in

if TYPE_CHECKING:
    import pandas as pd

    from datamodules.base.samples import Samples
    from datamodules.whole_photos import Find
    from heads.base import Head
    from jobs.job import Job
    from lightning_modules.backbones.base import Backbone
    from lightning_modules.base import TaskModule, TrainingSettings
    from tasks.grading_files import GradeComparison, GradeModel, Measured


@dataclass(kw_only=True)
class Grading(Task):
    """See the module.

    Args:
        dropout: before the linear layer.
        label_smoothing, mixup: see `GradingModule`.
        unlabelled: a folder of pictures without labels, for the methods that have a use for it.

    """

    dropout: Dropout = 0.0
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    mixup: Annotated[float, Field(ge=0, le=100)] = 0.0
    unlabelled: Text | None = None

    @override
    def module(self, backbone: "Backbone", head: "Head", settings: "TrainingSettings") -> "TaskModule":
        from heads.grades import GradeHead
        from lightning_modules.grading import GradingModule

        assert isinstance(head, GradeHead)
        return GradingModule(
            backbone, head, settings, dropout=self.dropout, label_smoothing=self.label_smoothing, mixup=self.mixup
        )

    @override
    def evaluate(
        self,
        module: "TaskModule",
        data: Any,
        job: "Job",
        samples: "Samples",
        history: list[dict[str, float]],
        shipped: str,
    ) -> Record:
        from lightning_modules.inference import grade_images
        from metrics.epochs import epoch_metrics
        from metrics.grading import grade_metrics
        from metrics.lookup import metrics_of
        from sweeps.report.learning_curves import draw_curves

        def answer(part: str, _: str) -> tuple[dict[str, Any], "pd.DataFrame"]:
            grades, probabilities = grade_images(module, (batch.images for batch in data.part_dataloader(part)))
            rows = samples.table[samples.table.part == part][[*COLUMNS, "label"]]
            figures = grade_metrics(rows.label.to_numpy(), grades, probabilities, ordered=samples.ordered)
            return figures, rows.assign(grade=grades, probabilities=list(probabilities))

        metrics = metrics_of(job.axes["task"])
        found, answers = evaluate_checkpoints(module, job.folder, samples, shipped, data, answer)
        baseline = _baseline(samples)
        line = baseline[f"val/{metrics.curve}"]
        draw_curves(history, metrics, job.title, job.folder / "curves.png", line)
        mistakes = _draw_mistakes(job, samples, answers, shipped)
        return {
            "metrics": epoch_metrics(history, metrics, job.cfg.callbacks.monitor, shipped) | found,
            "baseline": baseline,
            "mistakes": mistakes,
        }

    @override
    def figures(
        self, module: "TaskModule", samples: "Samples", chosen: npt.NDArray[np.intp], resolution: int
    ) -> dict[str, Any]:
        from export.comparison import in_batches
        from lightning_modules.inference import grade_images
        from metrics.grading import grade_metrics

        answers = grade_images(module, in_batches(samples.images(resolution)[chosen]))
        return grade_metrics(samples.table.label.to_numpy()[chosen], *answers, ordered=samples.ordered)

    @override
    def predictor(self, given: Path, checkpoint: str = "shipped") -> Predictor:
        return grader_of(given, checkpoint)

    @property
    @override
    def file_comparison(self) -> "type[GradeComparison]":
        from tasks.grading_files import GradeComparison

        return GradeComparison

    @property
    @override
    def find_outline(self) -> "Find":
        return outline_in

    scored_on_phones = True

    @override
    def score_phone(
        self, labels: npt.NDArray[np.int64], given: npt.NDArray[np.int64], host: "pd.DataFrame", class_names: list[str]
    ) -> dict[str, float]:
        classes = len(class_names)
        if given.min() < 0 or given.max() >= classes:
            raise ValueError(f"grades from {given.min()} to {given.max()}, there are {classes} classes")
        return {
            "val/accuracy": float(np.mean(labels == given)),
            "agreement": float(np.mean(host.grade.to_numpy() == given)),
        }

    @property
    @override
    def app_templates(self) -> Path:
        return Path(__file__).parent / "app" / Path(__file__).stem

    @property
    @override
    def view(self) -> Path:
        return Path(__file__).with_suffix(".js")


def _baseline(samples: "Samples") -> dict[str, Any]:
    """Of the majority baseline: always the most common class of the training set."""
    from metrics.grading import majority_baseline

    table, classes = samples.table, len(samples.class_names)
    train = table.label[table.part == "train"].to_numpy()
    commonest = int(np.bincount(train).argmax())
    found: dict[str, Any] = {"answer": f"always {samples.class_names[commonest]}", "value": commonest}
    for part in samples.evaluated:
        labels = table.label[table.part == part].to_numpy()
        values = majority_baseline(train, labels, classes, ordered=samples.ordered)
        found |= {f"{part}/{name}": value for name, value in values.items()}
    return found


def _draw_mistakes(job: "Job", samples: "Samples", answers: "pd.DataFrame", shipped: str) -> list[dict[Any, Any]]:
    """The surest wrong answers on the validation set: either the network is wrong there or the label."""
    shown = answers[(answers.part == "val") & (answers.checkpoint == shipped)]
    wrong = shown[shown.grade != shown.label]
    sure = [float(chances[grade]) for chances, grade in zip(wrong.probabilities, wrong.grade, strict=True)]
    worst = wrong.assign(probability=sure).sort_values("probability", ascending=False).head(SQUARES)
    draw_squares(list(worst["sample"]), samples, job.config["resolution"], job.folder / "mistakes.jpg")
    draw_in_photos(list(worst["sample"]), samples, job.folder / "mistakes_in_photos.jpg")
    return [dict(one) for one in worst[["sample", "label", "grade", "probability"]].to_dict("records")]


class _Grader(FolderRows):
    """What graders of both kinds do with a folder."""

    @property
    def resolution(self) -> int:
        """Side of what it grades, pixels."""
        return self.size[0]

    @abstractmethod
    def grade(self, images: Images) -> tuple[Images, Images]:
        """Raw RGB `(B, S, S, 3)` → grades `(B,)` and probabilities `(B, K)`."""

    @override
    def rows(self, images: Images) -> list[dict[str, Any]]:
        columns = [f"p_{name.replace(' ', '_')}" for name in self.labels]
        return [
            {"grade": int(grade), "grade_name": self.labels[grade]}
            | {name: round(float(p), 6) for name, p in zip(columns, chances, strict=True)}
            for grade, chances in zip(*self.grade(images), strict=True)
        ]

    @override
    def summary(self, rows: list[dict[str, Any]]) -> str:
        known = [row for row in rows if row.get("label", "") != ""]
        right = sum(row["grade"] == row["label"] for row in known)
        accuracy = f"accuracy {right / len(known):.3f} over {len(known)} labelled images, " if known else ""
        return f"{accuracy}{len(rows)} graded"


class RunGrader(_Grader, RunPredictor):
    """By a run's checkpoint."""

    unknown: ClassVar[None] = None
    """Files alone measure a distance."""

    @override
    def grade(self, images: Images) -> tuple[Images, Images]:
        from lightning_modules.inference import grade_images

        return grade_images(self.module, self.batches(images))


class FileGrader(_Grader, FilePredictor):
    """By an exported file."""

    @override
    def file_model(self) -> "type[GradeModel]":
        from tasks.grading_files import GradeModel

        return GradeModel

    @property
    def unknown(self) -> dict[str, Any] | None:
        """From which distance on a cell looks like nothing in training (`metrics.unknown`), where the file says so."""
        said: dict[str, Any] | None = self.described.get("unknown")
        return said if said and said.get("threshold") is not None and "distance" in self.model.backend.outputs else None

    @override
    def grade(self, images: Images) -> tuple[Images, Images]:
        found: tuple[Images, Images] = self.model.grade(images)
        return found

    def measure(self, images: Images) -> "Measured":
        """Raw RGB `(B, S, S, 3)` → grades, probabilities and distances."""
        found: Measured = self.model.measure(images)
        return found


def grader_of(given: Path, checkpoint: str = "shipped", threads: int = 2) -> RunGrader | FileGrader:
    """Of a run's folder, by its shipped, best or last checkpoint, or of an exported .tflite file, run with so many threads."""
    return FileGrader(given, threads) if given.suffix == ".tflite" else RunGrader(given, checkpoint)
