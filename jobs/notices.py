"""What is said once on the terminal when a training begins."""

import os
import sys
from typing import TYPE_CHECKING

from omegaconf import DictConfig

if TYPE_CHECKING:
    from datamodules.base.samples import Samples
    from jobs.job import Job


SAID_BEFORE = "GRIDLITE_NOTES_SAID"
"""Environment variable: fingerprint of data whose notes a command has said before it called this one."""


_said: set[str] = set()


def say_start(job: "Job", cfg: DictConfig, samples: "Samples") -> None:
    """Says once per data set what is odd about it, and once per backbone and width, loudly, that `auto` found no
    weights.
    """
    for note in samples.notes if os.environ.get(SAID_BEFORE) != samples.fingerprint else ():
        if note not in _said:
            _said.add(note)
            print(f"note: {note}", file=sys.stderr)
    what = f"{job.spec.name} {cfg.width:g}"
    if cfg.backbone.weights == "auto" and job.start and job.start.origin == "random" and what not in _said:
        _said.add(what)
        print(
            f"WARNING: {what} starts from RANDOM weights: no ImageNet weights in {cfg.paths.weights}, the hub's cache "
            "or on the hub (backbone.weights=imagenet insists, none silences this)",
            file=sys.stderr,
        )
