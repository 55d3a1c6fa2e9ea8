"""Each picture gets any number of labels."""

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, override

import numpy as np
import numpy.typing as npt

from sweeps.records.run_record import Record
from tasks.base import Dropout, Predictor, Task
from tasks.evaluation import COLUMNS, SQUARES, draw_squares, evaluate_checkpoints
from tasks.predictors import FilePredictor, FolderRows, Images, RunPredictor

if TYPE_CHECKING:
    import pandas as pd

    from datamodules.base.samples import Samples
    from heads.base import Head
    from jobs.job import Job
    from lightning_modules.backbones.base import Backbone
    from lightning_modules.base import TaskModule, TrainingSettings
    from tasks.multilabel_files import LabelComparison, LabelModel

Chances = npt.NDArray[np.float64]


@dataclass(kw_only=True)
class Multilabel(Task):
    """See the module.

    Args:
        dropout: before the linear layer.

    """

    dropout: Dropout = 0.0

    @override
    def module(self, backbone: "Backbone", head: "Head", settings: "TrainingSettings") -> "TaskModule":
        from heads.binary import BinaryHead
        from lightning_modules.multilabel import MultilabelModule

        assert isinstance(head, BinaryHead)
        return MultilabelModule(backbone, head, settings, dropout=self.dropout)

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
        """Thresholds are chosen by each checkpoint on the validation set; the record has them under `thresholds`."""
        from lightning_modules.multilabel import label_probabilities
        from metrics.epochs import epoch_metrics
        from metrics.lookup import metrics_of
        from metrics.multilabel import best_thresholds, label_metrics
        from sweeps.report.learning_curves import draw_curves

        thresholds: dict[str, list[float]] = {}

        def answer(part: str, checkpoint: str) -> tuple[dict[str, Any], "pd.DataFrame"]:
            chances = label_probabilities(module, (batch.images for batch in data.part_dataloader(part)))
            rows = samples.table[samples.table.part == part][[*COLUMNS, "labels"]]
            truth = _truth(rows)
            if part == "val":  # the first of the parts
                thresholds[checkpoint] = best_thresholds(truth, chances)
            given = (chances > np.array(thresholds[checkpoint])).astype(np.int64)
            figures = label_metrics(truth, chances, thresholds[checkpoint])
            return figures, rows.assign(probabilities=list(chances), given=list(given))

        metrics = metrics_of(job.axes["task"])
        found, answers = evaluate_checkpoints(module, job.folder, samples, shipped, data, answer)
        baseline = _baseline(samples)
        draw_curves(history, metrics, job.title, job.folder / "curves.png", baseline[f"val/{metrics.curve}"])
        mistakes = _draw_mistakes(job, samples, answers, shipped)
        figures = epoch_metrics(history, metrics, job.cfg.callbacks.monitor, shipped) | found
        return {"metrics": figures, "baseline": baseline, "mistakes": mistakes, "thresholds": thresholds}

    @override
    def figures(
        self, module: "TaskModule", samples: "Samples", chosen: npt.NDArray[np.intp], resolution: int
    ) -> dict[str, Any]:
        """At thresholds of 0.5: those of another data set are not this one's."""
        from export.comparison import in_batches
        from lightning_modules.multilabel import label_probabilities
        from metrics.multilabel import label_metrics

        chances = label_probabilities(module, in_batches(samples.images(resolution)[chosen]))
        return label_metrics(_truth(samples.table.iloc[chosen]), chances, [0.5] * chances.shape[1])

    @override
    def predictor(self, given: Path, checkpoint: str = "shipped") -> Predictor:
        return FileLabeller(given) if given.suffix == ".tflite" else RunLabeller(given, checkpoint)

    @property
    @override
    def file_comparison(self) -> "type[LabelComparison]":
        from tasks.multilabel_files import LabelComparison

        return LabelComparison

    @property
    @override
    def app_templates(self) -> Path:
        return Path(__file__).parent / "app" / Path(__file__).stem

    @property
    @override
    def view(self) -> Path:
        return Path(__file__).with_suffix(".js")


def _truth(rows: "pd.DataFrame") -> npt.NDArray[np.bool_]:
    return np.array(rows.labels.tolist()) > 0


def _baseline(samples: "Samples") -> dict[str, Any]:
    """Of giving every picture every label."""
    from metrics.multilabel import always_baseline

    found: dict[str, Any] = {"answer": "every label, always", "value": None}
    for part in samples.evaluated:
        values = always_baseline(_truth(samples.table[samples.table.part == part]))
        found |= {f"{part}/{name}": value for name, value in values.items()}
    return found


def _draw_mistakes(job: "Job", samples: "Samples", answers: "pd.DataFrame", shipped: str) -> list[dict[str, Any]]:
    """Pictures of the validation set with the surest wrong label."""
    shown = answers[(answers.part == "val") & (answers.checkpoint == shipped)]
    truth, given, chances = (np.array(shown[name].tolist()) for name in ("labels", "given", "probabilities"))
    sure = np.where(truth != given, np.abs(chances - truth), 0.0).max(axis=1)
    worst = [at for at in np.argsort(-sure, kind="stable")[:SQUARES] if sure[at] > 0]
    names = shown["sample"].to_numpy(str)
    draw_squares([str(names[at]) for at in worst], samples, job.config["resolution"], job.folder / "mistakes.jpg")
    return [
        {
            "sample": str(names[at]),
            "labels": np.flatnonzero(truth[at]).tolist(),
            "given": np.flatnonzero(given[at]).tolist(),
        }
        for at in worst
    ]


class _Labeller(FolderRows):
    """What labellers of both kinds do with a folder."""

    @property
    @abstractmethod
    def thresholds(self) -> list[float]:
        """A label is given above its threshold, `(K,)`."""

    @abstractmethod
    def chances(self, images: Images) -> Chances:
        """Raw RGB `(B, S, S, 3)` → probabilities `(B, K)`."""

    @override
    def rows(self, images: Images) -> list[dict[str, Any]]:
        columns = [f"p_{name.replace(' ', '_')}" for name in self.labels]
        found = []
        for chances in self.chances(images):
            given = [name for name, one, at in zip(self.labels, chances, self.thresholds, strict=True) if one > at]
            probabilities = {name: round(float(one), 6) for name, one in zip(columns, chances, strict=True)}
            found.append({"labels": "; ".join(given)} | probabilities)
        return found

    @override
    def summary(self, rows: list[dict[str, Any]]) -> str:
        some = sum(bool(row["labels"]) for row in rows)
        return f"{len(rows)} images, {some} with a label"

    @override
    def kept(self, columns: dict[str, Any]) -> dict[str, Any]:
        return {"file": columns["file"]}


class RunLabeller(_Labeller, RunPredictor):
    """By a run's checkpoint."""

    @property
    @override
    def thresholds(self) -> list[float]:
        return [float(one) for one in self.record["thresholds"][self.checkpoint.stem]]

    @override
    def chances(self, images: Images) -> Chances:
        from lightning_modules.multilabel import label_probabilities

        return label_probabilities(self.module, self.batches(images))


class FileLabeller(_Labeller, FilePredictor):
    """By an exported file."""

    @property
    @override
    def thresholds(self) -> list[float]:
        return [float(one) for one in self.described["thresholds"]]

    @override
    def file_model(self) -> "type[LabelModel]":
        from tasks.multilabel_files import LabelModel

        return LabelModel

    @override
    def chances(self, images: Images) -> Chances:
        found: Chances = self.model.probabilities(images).astype(np.float64)
        return found
