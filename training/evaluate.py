"""The figures of a trained network, by its task."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from hydra.utils import instantiate

from jobs.job import Job
from jobs.shipped_checkpoint import shipped
from lightning_modules.multiply_adds import multiply_adds
from metrics.against_baseline import by_part
from metrics.lookup import metrics_of
from storage.whole_file import sha256_of
from sweeps.records.run_record import Record
from sweeps.records.schema import KEPT
from tasks.base import Task

if TYPE_CHECKING:
    from datamodules.base.samples import Samples


def evaluate(module: Any, data: Any, job: Job, samples: "Samples", history: list[dict[str, float]]) -> Record:
    """What a record says of a trained network: what its task says, `against_baseline`, `weights`, `multiply_adds` of one image, `shipped`, and of a student `temperature`.

    Where pictures without labels were learned from, `unlabelled` and `pseudo_labels` too.

    `checkpoints` holds the SHA-256 of each that the figures are of.
    """
    sizes: Record = {"weights": sum(one.numel() for part in (module.network, module.head) for one in part.parameters())}
    sizes["multiply_adds"] = multiply_adds(module.network, samples.shape(int(job.cfg.resolution)))
    files = [job.folder / "checkpoints" / f"{name}.ckpt" for name in KEPT]
    sizes["checkpoints"] = {one.stem: sha256_of(one) for one in files if one.exists()}
    sizes |= getattr(data, "learned", {})
    if (taught := module.distillation) is not None:
        sizes |= {"teacher_weights": taught.weights, "temperature": float(taught.temperature)}
    task: Task = instantiate(job.cfg.task)
    if job.cfg.fit != "fold":
        return sizes | _without_validation(module, task, job, samples, history)
    ships = shipped(job.cfg, samples, len(history))
    found = task.evaluate(module, data, job, samples, history, ships["checkpoint"])
    answers = pd.read_parquet(job.folder / "predictions.parquet")
    shown = answers[answers.checkpoint == ships["checkpoint"]]
    compared = by_part(shown, found["baseline"], metrics_of(job.axes["task"]))
    return sizes | {"shipped": ships} | found | {"against_baseline": compared}


def _without_validation(
    module: Any, task: Task, job: Job, samples: "Samples", history: list[dict[str, float]]
) -> Record:
    """Of a network that was trained on all data: figures of the training's course, and of the data set's own test set."""
    figures = {name: value for name, value in (history or [{}])[-1].items() if name.startswith("train/")}
    tested = np.flatnonzero((samples.table.part == "test").to_numpy())
    if len(tested):
        found = task.figures(module, samples, tested, int(job.cfg.resolution))
        figures |= {f"test/{name}": value for name, value in found.items()}
    reason = f"fit={job.cfg.fit}: no validation set is left to choose an epoch by"
    return {"metrics": figures, "shipped": {"checkpoint": "last", "reason": reason}, "mistakes": []}
