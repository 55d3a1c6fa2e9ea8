"""The figures of a trained network, by its task."""

from typing import TYPE_CHECKING, Any

from hydra.utils import instantiate

from jobs.job import Job
from jobs.shipped_checkpoint import shipped
from sweeps.records.run_record import Record
from tasks.base import Task

if TYPE_CHECKING:
    from datamodules.base.samples import Samples


def evaluate(module: Any, data: Any, job: Job, samples: "Samples", history: list[dict[str, float]]) -> Record:
    """What a record says of a trained network: what its task says, `weights`, `shipped`, and of a student `temperature`."""
    sizes: Record = {"weights": sum(one.numel() for part in (module.network, module.head) for one in part.parameters())}
    if (taught := module.distillation) is not None:
        sizes |= {"teacher_weights": taught.weights, "temperature": float(taught.temperature)}
    task: Task = instantiate(job.cfg.task)
    ships = shipped(job.cfg, samples, len(history))
    return sizes | {"shipped": ships} | task.evaluate(module, data, job, samples, history, ships["checkpoint"])
