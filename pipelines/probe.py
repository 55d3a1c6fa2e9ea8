"""Ranks backbones in seconds, before any training: `python -m pipelines probe -m backbone=mobilenet,mobilenetv2 datamodule=…`.

Takes every setting of train.py. Frozen features of the training set, judged on the validation set; the test set is not read.
"""

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import hydra
from omegaconf import DictConfig

from choices import CONF
from cli.command_line import stop_or_report
from cli.train_schema import register
from datamodules.base.errors import DataError
from jobs.job import Job, make_job
from jobs.run_state import say_start
from sweeps.records.probe_results import Probe, keep

if TYPE_CHECKING:
    from datamodules.base.samples import Samples

register()


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="probe")
def main(cfg: DictConfig) -> None:
    """One backbone; in a grid the ranking follows at the end."""
    job = make_job(cfg)
    sweep = job.folder.parent
    with stop_or_report(sweep):
        if job.problem is not None:
            raise job.problem
        if job.start is None:
            print(f"not applicable: {job.not_applicable}")
            return
        samples: Samples = hydra.utils.instantiate(cfg.datamodule).load()
        if not samples.one_class_each:
            raise DataError(
                f"datamodule={job.axes['datamodule']}: is not probed; want data with one class for each picture"
            )
        samples.images(cfg.resolution)
        say_start(job, samples)
        probe = probed(cfg, job, samples)
        keep(sweep, probe)
        print(f"linear probe {probe.linear:.3f}, nearest neighbours {probe.neighbours:.3f}: {probe.name}")


def probed(cfg: DictConfig, job: Job, samples: "Samples") -> Probe:
    """Features, then both answers, as shares of the validation set."""
    import numpy as np
    import torch

    from lightning_modules.linear_probe import Parts, linear_probe, nearest_neighbours, pooled_features
    from metrics.intervals import bootstrap_interval
    from training.build import build_backbone
    from training.trainer import seed_everything

    assert job.start is not None
    began = time.perf_counter()
    seed_everything(cfg.seed)
    backbone = build_backbone(cfg, job.start)
    table, images = samples.table, samples.images(cfg.resolution)
    chosen = table.part.isin(["train", "val"]).to_numpy().nonzero()[0]
    batches = (chosen[at : at + 64] for at in range(0, len(chosen), 64))
    features = pooled_features(backbone, (torch.from_numpy(images[at]).permute(0, 3, 1, 2) for at in batches))
    here = table.iloc[chosen]
    train, val = ((here.part == part).to_numpy() for part in ("train", "val"))
    labels, sources = here.label.to_numpy(), here.source_id.to_numpy(str)
    parts = Parts(features[train], labels[train], sources[train], features[val])
    linear, near = linear_probe(parts), nearest_neighbours(parts)
    figure = {"accuracy": lambda labels, grades: float(np.mean(labels == grades))}
    low, high = bootstrap_interval(labels[val], linear, sources[val], figure)["accuracy"]
    return Probe(
        backbone=job.axes["backbone"], width=float(cfg.width), resolution=int(cfg.resolution),
        start=job.start.origin, weights=job.start.digest, datamodule=job.axes["datamodule"],
        fingerprint=samples.fingerprint, fold=int(cfg.fold), learned_from=int(train.sum()),
        judged_on=int(val.sum()), linear=float(np.mean(linear == labels[val])), low=low, high=high,
        neighbours=float(np.mean(near == labels[val])), seconds=round(time.perf_counter() - began, 1),
        at=datetime.now(UTC).isoformat(),
    )  # fmt: skip
