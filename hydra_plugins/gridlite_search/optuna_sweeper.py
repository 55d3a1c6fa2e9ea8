"""`hydra/sweeper=optuna`: a thin sweeper on a current Optuna; the published plugin pins Optuna 2."""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.errors import HydraException, InstantiationException
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from cli.machine import THREADS, cores, jobs_at_once
from cli.schema_docs import settings_of
from cli.signals import end_with_parent
from jobs.job import changes_result
from storage.whole_file import write_whole
from sweeps.records.journal import mark_job_failed
from sweeps.records.run_record import KILLED, Record, RecordError, Status, is_live, read_record
from sweeps.search.distributions import distribution
from sweeps.search.workers import WRONG_COMMAND, run_workers, works_for

if TYPE_CHECKING:
    from optuna.trial import Trial

    from sweeps.search.study import Search

MOST_OVER_BUDGET = 50
"""Proposed points over budget one after another: then the choices hold nothing that would keep it, or hardly anything."""
GPU_JOB_GIB = 4.0
"""As hydra/launcher=side_by_side has it."""
POLL_S = 1.0
DATA = frozenset({"datamodule", "fold", "task"})
"""Choices that change which data a point sees: where one is searched, the points have no fingerprint in common."""
OF_FILES = frozenset({"quantization", "format"})


def _data(job: DictConfig) -> str:
    """The fingerprint of the data that all points share; empty where they cannot be read: a training will say why."""
    try:
        return str(instantiate(job.datamodule).load().fingerprint)
    except (ValueError, OSError, InstantiationException):
        return ""


class OptunaSweeper(Sweeper):
    """Proposes one point after another and learns from their records.

    Args:
        trials: runs in all, those of earlier starts and of other workers of the same search included.
        seed: of the proposals.
        objectives: each `maximize <figure>` or `minimize <figure>`, see `sweeps.search.objectives`; None: what the task is
            judged by, and the latency of the int8 file.
        params: override → values, as on the command line.
        pruner: see `sweeps.search.study.Search`.
        sampler: see `sweeps.search.samplers`.
        n_workers: processes that propose and train at once; None: as many jobs as this machine takes.
        storage: where the study lies, a URL; None: `search.log` in the sweep's folder.

    """

    def __init__(
        self,
        trials: int,
        seed: int,
        objectives: list[str] | None,
        params: dict[str, Any] | None = None,
        pruner: dict[str, Any] | None = None,
        sampler: str = "tpe",
        n_workers: int | None = 1,
        storage: str | None = None,
    ) -> None:
        self.trials, self.seed, self.objectives, self.params = trials, seed, objectives, params or {}
        self.pruner, self.sampler, self.storage, self.n_workers = pruner, sampler, storage, n_workers
        self.launcher: Launcher | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Hydra's: called once before `sweep`."""
        self.config, self.hydra_context = config, hydra_context
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Runs until `trials` points have been answered; prints what none other beats."""
        assert self.hydra_context is not None
        assert self.config is not None
        workers = self._workers()
        words = [f"{key}={value}" for key, value in self.params.items()] + arguments
        overrides = OverridesParser.create(config_loader=self.hydra_context.config_loader).parse_overrides(words)
        self.fixed = [override.input_line or "" for override in overrides if not override.is_sweep_override()]
        if int(self.config.get("num_stacked_seeds", 1)) > 1 or any(
            one.get_key_element() == "num_stacked_seeds" for one in overrides
        ):
            raise HydraException("stack: a search answers for one run at a time; want num_stacked_seeds=1")
        whole = {one.key for one in settings_of("TrainConfig") if one.type.startswith("int")}
        open_ = {str(one.get_key_element()): one for one in overrides if one.is_sweep_override()}
        space = {key: distribution(one, whole=key in whole) for key, one in open_.items()}
        if not space:
            raise HydraException("nothing to search: give an override several values, such as width=0.25,0.5")
        sweep = Path(str(self.config.hydra.sweep.dir))
        sweep.mkdir(parents=True, exist_ok=True)
        try:
            if parent := works_for():
                end_with_parent(parent)
                search = self._search(sweep, space)
                returned = self._work(search)
                search.close()
                return returned
            write_whole(sweep / "multirun.yaml", OmegaConf.to_yaml(self.config))
            search = self._search(sweep, space)
            returned = self._work(search) if workers == 1 else self._work_side_by_side(search, workers)
            self._say_end(search)
            search.close()
        except ValueError as error:
            raise HydraException(str(error)) from None
        return returned

    def _workers(self) -> int:
        if self.n_workers is None:
            return jobs_at_once(GPU_JOB_GIB)
        if not isinstance(self.n_workers, int) or isinstance(self.n_workers, bool) or self.n_workers < 1:
            raise HydraException(
                f"hydra.sweeper.n_workers={self.n_workers}: want a number of processes, or null for as many as this machine takes"
            )
        return self.n_workers

    def _search(self, sweep: Path, space: dict[str, Any]) -> "Search":
        from metrics.lookup import metrics_of
        from sweeps.search.objectives import Objective
        from sweeps.search.study import Search

        assert self.hydra_context is not None
        assert self.config is not None
        job = self.hydra_context.config_loader.load_sweep_config(self.config, self.fixed)
        if (factor := job.halving.reduction_factor) is not None:
            raise ValueError(
                f"halving.reduction_factor={factor}: is for grids; want of a search hydra.sweeper.pruner={{name: SuccessiveHalvingPruner, "
                f"reduction_factor: {factor}}}"
            )
        metrics = metrics_of(str(job.hydra.runtime.choices["task"]))
        told = self.objectives or [f"{metrics.direction}imize val/{metrics.main}", "minimize int8:latency_ms_p50"]
        objectives = [Objective.parse(words) for words in told]
        files = any(one.file for one in objectives)
        kinds = [str(kind) for kind in job.quantization or []] if job.export.enabled else []
        if kinds and any(one.file not in kinds for one in objectives if one.file):
            from export.run import kinds_of

            kinds = list(kinds_of(job))
        for one in objectives:
            one.check(metrics, kinds)
        fixed = {
            "fixed settings": self._fixed(job, files=files),
            "data": "" if DATA & {key.partition(".")[0] for key in space} else _data(job),
        }
        return Search(
            sweep, space, objectives, self.seed, self.pruner, budget_of(job), self.sampler, self.storage, fixed
        )

    def _fixed(self, job: DictConfig, *, files: bool) -> dict[str, str]:
        """What the command line says of all points that changes their figures; `files`: also those of files."""
        pairs = (word.lstrip("+~").partition("=")[::2] for word in self.fixed)
        return {
            key: value for key, value in pairs
            if changes_result(job, key, value) or (files and key.partition(".")[0].partition("@")[0] in OF_FILES)
        }  # fmt: skip

    def _work(self, search: "Search") -> list[Sequence[Any]]:
        """Proposes, trains and answers until nothing is left, beside whoever else does."""
        returned: list[Sequence[Any]] = []
        while search.left(self.trials) > 0 and search.over_in_a_row < MOST_OVER_BUDGET:
            proposed = search.propose(self.trials)
            for killer in search.given_up:
                words = " ".join(f"{key}={value}" for key, value in killer.params.items())
                print(f"error: {KILLED}: {words}", file=sys.stderr)
                mark_job_failed(words)
            search.given_up.clear()
            if proposed is None:  # others work on what is left, and may be killed
                time.sleep(POLL_S)
                continue
            trial, point = proposed
            while search.twins(trial):
                time.sleep(POLL_S)
            results, record = self._run(trial.number, point, len(search.answered))
            self._answer(search, trial, record)
            returned.append(results)
        return returned

    def _run(self, number: int, point: dict[str, Any], index: int) -> tuple[Sequence[Any], Record]:
        """Trains a point; one that another command trains is waited for."""
        assert self.launcher is not None
        batch = [[*self.fixed, *(f"{key}={value}" for key, value in point.items()), f"trial={number}"]]
        self.validate_batch_is_legal(batch)
        while True:
            results = self.launcher.launch(batch, initial_job_idx=index)
            folder = Path(results[0].return_value)
            if not is_live(folder):
                return results, read_record(folder)
            while is_live(folder):
                time.sleep(POLL_S)

    def _answer(self, search: "Search", trial: "Trial", record: Record) -> None:
        usable = record["status"] in (Status.DONE, Status.PRUNED, Status.OVER_BUDGET)
        try:
            search.answer(trial, record if usable else None)
        except RecordError:
            broken = any("error" in entry or not entry.get("latency") for entry in record.get("exports", {}).values())
            if "later_error" not in record and not broken:
                raise  # the objective is wrong: nothing is said of the point
            search.answer(trial, None)  # a file failed, as a training may

    def _work_side_by_side(self, search: "Search", count: int) -> list[Sequence[Any]]:
        """Leaves the work to so many processes of this same command. A search that none of them could end has failed."""
        left = min(count, search.left(self.trials))
        if left <= 0:
            return []
        threads = str(max(1, cores() // left))
        codes = run_workers(left, {name: os.environ.get(name, threads) for name in THREADS})
        if WRONG_COMMAND in codes:
            sys.exit(WRONG_COMMAND)
        unanswered = search.left(self.trials)
        if any(code > 0 for code in codes) or (unanswered > 0 and search.over_in_a_row < MOST_OVER_BUDGET):
            print(f"error: {unanswered} of {self.trials} trials are left; the same command goes on", file=sys.stderr)
            mark_job_failed("search")
        return []

    def _say_end(self, search: "Search") -> None:
        if spared := len(search.over_budget):
            print(f"budget: {spared} proposed points were over it and not trained, {len(search.answered)} were within")
        for best in search.best:
            pairs = zip(search.objectives, best.values, strict=True)
            values = ", ".join(f"{one.figure} {value:.4g}" for one, value in pairs)
            print(f"best: {values}: {' '.join(f'{key}={value}' for key, value in best.params.items())}")
        if (in_a_row := search.over_in_a_row) >= MOST_OVER_BUDGET:
            raise ValueError(
                f"budget: {in_a_row} proposed points in a row are over it, {search.over_budget[-1].user_attrs['over budget']}; want a "
                "higher bound, or smaller networks among the choices"
            )


def budget_of(config: DictConfig) -> dict[str, Any]:
    """A search's budget as plain values; empty where nothing is bounded."""
    plain: dict[str, Any] = OmegaConf.to_container(config.budget, resolve=True)  # type: ignore[assignment]
    return {} if plain["ms"] is None and plain["kb"] is None else plain
