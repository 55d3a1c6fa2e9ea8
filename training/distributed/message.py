"""A job as rank 0 hands it to the other processes: JSON, which runs nothing when it is read."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from jobs.job import Job
from lightning_modules.backbones.spec import BackboneSpec, InitialWeights


def written(job: Job, fingerprint: str, resume: Path | None) -> str:
    """The message of a job without its logger, with its data's fingerprint and the checkpoint that it goes on from."""
    assert job.start is not None
    start = asdict(job.start) | {"path": None if job.start.path is None else str(job.start.path)}
    plain: Any = OmegaConf.to_container(
        OmegaConf.masked_copy(job.cfg, [str(key) for key in job.cfg if key != "logger"]), resolve=True
    )
    return json.dumps(
        {"cfg": plain, "config": job.config, "hash": job.hash, "axes": job.axes, "folder": str(job.folder), "start": start,
         "fingerprint": fingerprint, "resume": None if resume is None else str(resume)}
    )  # fmt: skip


def read(message: str) -> tuple[Job, str, Path | None]:
    """Job, fingerprint and checkpoint of a message."""
    told = json.loads(message)
    cfg = OmegaConf.create({"logger": None} | told["cfg"])
    assert isinstance(cfg, DictConfig)
    start = told["start"] | {"mean": tuple(told["start"]["mean"]), "std": tuple(told["start"]["std"])}
    start["path"] = None if start["path"] is None else Path(start["path"])
    spec = BackboneSpec.from_config(told["cfg"]["backbone"]["spec"])
    job = Job(cfg, told["config"], told["hash"], told["axes"], Path(told["folder"]), spec, InitialWeights(**start))
    return job, told["fingerprint"], None if told["resume"] is None else Path(told["resume"])
