"""Each picture gets a number."""

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
    from tasks.regression_files import NumberComparison, NumberModel


@dataclass(kw_only=True)
class Regression(Task):
    """See the module.

    Args:
        dropout: before the linear output.

    """

    dropout: Dropout = 0.0

    @override
    def module(self, backbone: "Backbone", head: "Head", settings: "TrainingSettings") -> "TaskModule":
        from heads.scalar import ScalarHead
        from lightning_modules.regression import RegressionModule

        assert isinstance(head, ScalarHead)
        return RegressionModule(backbone, head, settings, dropout=self.dropout)

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
        """Beside the record also numbers.jpg: true against given numbers of the validation set."""
        from heads.scalar import ScalarHead
        from lightning_modules.inference import predict_numbers
        from metrics.epochs import epoch_metrics
        from metrics.lookup import metrics_of
        from metrics.regression import number_metrics, plateau
        from sweeps.report.learning_curves import draw_curves
        from sweeps.report.scatter import draw_scatter

        table, head, bands = samples.table, module.head, len(samples.class_names)
        assert isinstance(head, ScalarHead)

        def answer(part: str, _: str) -> tuple[dict[str, Any], "pd.DataFrame"]:
            rows = table[table.part == part]
            given = predict_numbers(module, (batch.images for batch in data.part_dataloader(part)))
            figures = number_metrics(rows.number.to_numpy(), given, rows.label.to_numpy(), bands)
            kept = rows[[*COLUMNS, "number"]].assign(band=rows.label)
            return figures, kept.assign(given_number=given, span=head.high - head.low)

        metrics = metrics_of(job.axes["task"])
        found, answers = evaluate_checkpoints(module, job.folder, samples, shipped, data, answer)
        train, val = (table.number[table.part == part].to_numpy() for part in ("train", "val"))
        stuck = plateau(train, val, history)
        draw_curves(history, metrics, job.title, job.folder / "curves.png", stuck["val/constant_mae"])
        shown = answers[(answers.part == "val") & (answers.checkpoint == shipped)]
        column = str(job.config["datamodule"].get("column", "number"))
        draw_scatter(shown, column, (head.low, head.high), job.folder / "numbers.jpg")
        mistakes = _draw_errors(job, samples, shown)
        figures = epoch_metrics(history, metrics, job.cfg.callbacks.monitor, shipped) | stuck | found
        return {"metrics": figures, "baseline": _baseline(samples, train), "mistakes": mistakes}

    @override
    def figures(
        self, module: "TaskModule", samples: "Samples", chosen: npt.NDArray[np.intp], resolution: int
    ) -> dict[str, Any]:
        from export.comparison import in_batches
        from lightning_modules.inference import predict_numbers
        from metrics.regression import number_metrics

        rows = samples.table.iloc[chosen]
        given = predict_numbers(module, in_batches(samples.images(resolution)[chosen]))
        return number_metrics(rows.number.to_numpy(), given, rows.label.to_numpy(), len(samples.class_names))

    @override
    def predictor(self, given: Path, checkpoint: str = "shipped") -> Predictor:
        return estimator_of(given, checkpoint)

    @property
    @override
    def file_comparison(self) -> "type[NumberComparison]":
        from tasks.regression_files import NumberComparison

        return NumberComparison

    @property
    @override
    def app_templates(self) -> Path:
        return Path(__file__).parent / "app" / Path(__file__).stem

    @property
    @override
    def view(self) -> Path:
        return Path(__file__).with_suffix(".js")


def _baseline(samples: "Samples", train: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Of always answering the median of the training set."""
    from metrics.regression import median_baseline

    table = samples.table
    found: dict[str, Any] = {"answer": f"always {np.median(train):.4g}", "value": float(np.median(train))}
    for part in samples.evaluated:
        values = median_baseline(train, table.number[table.part == part].to_numpy())
        found |= {f"{part}/{name}": value for name, value in values.items()}
    return found


def _draw_errors(job: "Job", samples: "Samples", shown: "pd.DataFrame") -> list[dict[Any, Any]]:
    """The largest errors on the validation set."""
    worst = shown.iloc[(shown.given_number - shown.number).abs().to_numpy().argsort()[::-1][:SQUARES]]
    draw_squares(list(worst["sample"]), samples, job.config["resolution"], job.folder / "mistakes.jpg")
    columns = {"sample": "sample", "number": "number", "given_number": "given"}
    return [dict(one) for one in worst[list(columns)].rename(columns=columns).to_dict("records")]


class _Estimator(FolderRows):
    """What estimators of both kinds do with a folder."""

    @abstractmethod
    def numbers(self, images: Images) -> npt.NDArray[np.float64]:
        """Raw RGB `(B, S, S, 3)` → numbers in their unit `(B,)`."""

    @override
    def rows(self, images: Images) -> list[dict[str, Any]]:
        return [{"number": round(float(one), 6)} for one in self.numbers(images)]

    @override
    def summary(self, rows: list[dict[str, Any]]) -> str:
        found = [row["number"] for row in rows]
        return f"{len(rows)} numbers from {min(found):.4g} to {max(found):.4g}"

    @override
    def kept(self, columns: dict[str, Any]) -> dict[str, Any]:
        return {"file": columns["file"]}


class RunEstimator(_Estimator, RunPredictor):
    """By a run's checkpoint."""

    @property
    @override
    def evidence_names(self) -> list[str]:
        return ["a larger number"]

    @override
    def numbers(self, images: Images) -> npt.NDArray[np.float64]:
        from lightning_modules.inference import predict_numbers

        return predict_numbers(self.module, self.batches(images))


class FileEstimator(_Estimator, FilePredictor):
    """By an exported file."""

    @override
    def file_model(self) -> "type[NumberModel]":
        from tasks.regression_files import NumberModel

        return NumberModel

    @override
    def numbers(self, images: Images) -> npt.NDArray[np.float64]:
        found: npt.NDArray[np.float64] = self.model.numbers(images)
        return found


def estimator_of(given: Path, checkpoint: str = "shipped") -> RunEstimator | FileEstimator:
    """Of a run's folder, by its shipped, best or last checkpoint, or of an exported .tflite file."""
    return FileEstimator(given) if given.suffix == ".tflite" else RunEstimator(given, checkpoint)
