"""A grid's untrained files, made and timed before its first training, while nothing else computes."""

import json
import sys
from collections.abc import Iterator
from copy import deepcopy

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf, open_dict
from tqdm import tqdm

from datamodules.base.errors import DataError
from jobs.budget import HOST, BudgetError, Shape, bounds_of, check_device, predicted
from jobs.cost_worker import end_worker
from jobs.job import Job, make_job
from jobs.run_state import samples_of
from sweeps.records.budget import why_over


def measure_grid(config: DictConfig) -> None:
    """Predicts every point's cost, so that the jobs find it known, and says how many are over budget.

    A point that is wrong is left to its job, which says so. Ends the command where a device cannot be asked: no point could be judged.
    """
    shapes: dict[str, Shape] = {}
    over = count = 0
    before = HydraConfig.instance().cfg
    try:
        for job in tqdm(_jobs(config), unit="point", desc="budget", leave=False, disable=None):
            if job.problem is not None or job.start is None or not bounds_of(job.cfg):
                continue
            try:
                count += 1
                check_device(job)
                over += bool(why_over(predicted(job, _shape(job, shapes))))
            except (DataError, OSError):
                continue
            except BudgetError as error:
                if job.cfg.budget.device != HOST:
                    print(f"error: {error}", file=sys.stderr)
                    sys.exit(2)
    finally:
        HydraConfig.instance().cfg = before
        end_worker()
    print(f"budget: {over} of {count} points are over it, and are not trained")


def _jobs(config: DictConfig) -> Iterator[Job]:
    """The points of the grid, composed as the launcher will."""
    params = config.hydra.sweeper.params or {}
    words = [f"{key!s}={value}" for key, value in params.items()] + list(config.hydra.overrides.task)
    loader = GlobalHydra.instance().config_loader()
    batches = BasicSweeper.split_arguments(OverridesParser.create().parse_overrides(words), None)
    for overrides in (one for batch in batches for one in batch):
        composed = loader.load_sweep_config(config, list(overrides))
        HydraConfig.instance().set_config(composed)
        own = deepcopy(composed)
        with open_dict(own):
            del own["hydra"]
        yield make_job(own)


def _shape(job: Job, known: dict[str, Shape]) -> Shape:
    """Of the job's data, which is read once for all points that divide it in some way. Raises DataError."""
    settings = OmegaConf.to_container(job.cfg.datamodule, resolve=True)
    assert isinstance(settings, dict)
    kept = {str(key): value for key, value in settings.items() if key not in ("fold", "seed")}
    key = json.dumps([kept, job.cfg.resolution], sort_keys=True, default=str)
    if key not in known:
        known[key] = Shape.of(samples_of(job), int(job.cfg.resolution))
    return known[key]
