"""fit=ensemble: the networks of the folds as one, which nothing trains."""

import time
from typing import TYPE_CHECKING

from jobs.job import Job
from storage.whole_file import replaced
from sweeps.analysis.expected import Folds
from sweeps.records.checkpoints import checkpoint_file, shipped_checkpoint
from sweeps.records.run_record import Record

if TYPE_CHECKING:
    from datamodules.base.samples import Samples


def assemble(job: Job, samples: "Samples", folds: Folds) -> Record:
    """Writes the checkpoint of an ensemble; its record as of a run that was trained, without a history."""
    import torch

    from lightning_modules.networks.ensemble import EnsembleNetwork
    from training.evaluate import evaluate
    from training.finished_run import load_run

    began = time.perf_counter()
    modules = [
        load_run(record, checkpoint_file(folder, record, shipped_checkpoint(record)))
        for folder, record in zip(folds.folders, folds.records, strict=True)
    ]
    module = modules[0]
    module.network = EnsembleNetwork([one.network for one in modules], module.head.mean_logits)
    path = job.folder / "checkpoints" / "last.ckpt"
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced(path) as file:
        torch.save({"state_dict": module.state_dict()}, file)
    found = evaluate(module, None, job, samples, [])
    return found | {"history": [], "seconds": {"fit": 0.0, "test": time.perf_counter() - began}}
