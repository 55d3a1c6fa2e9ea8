"""The figures of a trained network, by its task."""

from typing import TYPE_CHECKING, Any

import pandas as pd
from hydra.utils import instantiate

from jobs.job import Job
from jobs.shipped_checkpoint import shipped
from metrics.against_baseline import by_part
from metrics.lookup import metrics_of
from sweeps.records.run_record import Record
from tasks.base import Task

if TYPE_CHECKING:
    from datamodules.base.samples import Samples


def evaluate(module: Any, data: Any, job: Job, samples: "Samples", history: list[dict[str, float]]) -> Record:
    """What a record says of a trained network: what its task says, `against_baseline`, `weights`, `shipped`, and of a student `temperature`."""
    sizes: Record = {"weights": sum(one.numel() for part in (module.network, module.head) for one in part.parameters())}
    if (taught := module.distillation) is not None:
        sizes |= {"teacher_weights": taught.weights, "temperature": float(taught.temperature)}
    task: Task = instantiate(job.cfg.task)
    ships = shipped(job.cfg, samples, len(history))
    found = task.evaluate(module, data, job, samples, history, ships["checkpoint"])
    answers = pd.read_parquet(job.folder / "predictions.parquet")
    shown = answers[answers.checkpoint == ships["checkpoint"]]
    compared = by_part(shown, found["baseline"], metrics_of(job.axes["task"]))
    return sizes | {"shipped": ships} | found | {"against_baseline": compared}
