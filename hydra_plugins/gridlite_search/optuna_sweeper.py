"""`hydra/sweeper=optuna`: a thin sweeper on a current Optuna; the published plugin pins Optuna 2.

`width=0.25,0.5`, `choice(…)`, `range(…)`, `interval(0.0003,0.01)` and `tag(log,interval(…))` say what may be chosen.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep, Transformer
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from storage.whole_file import write_whole

MOST_OVER_BUDGET = 50
"""Proposed points over budget one after another: then the choices hold nothing that would keep it, or hardly anything."""


class OptunaSweeper(Sweeper):
    """Proposes one point after another and learns from their records.

    Args:
        trials: runs in all, those of earlier starts of the same search included.
        seed: of the proposals.
        objectives: each `maximize <figure>` or `minimize <figure>`, see `sweeps.search.Objective`; None: what the task is
            judged by, and the latency of the int8 file.
        params: override → values, as on the command line.
        pruner: see `sweeps.search.Search`.

    """

    def __init__(
        self,
        trials: int,
        seed: int,
        objectives: list[str] | None,
        params: dict[str, Any] | None = None,
        pruner: dict[str, Any] | None = None,
    ) -> None:
        self.trials, self.seed, self.objectives, self.params = trials, seed, objectives, params or {}
        self.pruner = pruner
        self.launcher: Launcher | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Hydra's: called once before `sweep`."""
        self.config, self.hydra_context = config, hydra_context
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Runs until `trials` points have been answered; prints what none other beats."""
        assert self.launcher is not None
        assert self.hydra_context is not None
        assert self.config is not None
        words = [f"{key}={value}" for key, value in self.params.items()] + arguments
        overrides = OverridesParser.create(config_loader=self.hydra_context.config_loader).parse_overrides(words)
        fixed = [override.input_line or "" for override in overrides if not override.is_sweep_override()]
        if int(self.config.get("num_stacked_seeds", 1)) > 1 or any(
            one.get_key_element() == "num_stacked_seeds" for one in overrides
        ):
            raise HydraException("stack: a search answers for one run at a time; want num_stacked_seeds=1")
        space = {str(one.get_key_element()): distribution(one) for one in overrides if one.is_sweep_override()}
        if not space:
            raise HydraException("nothing to search: give an override several values, such as width=0.25,0.5")
        sweep = Path(str(self.config.hydra.sweep.dir))
        sweep.mkdir(parents=True, exist_ok=True)
        write_whole(sweep / "multirun.yaml", OmegaConf.to_yaml(self.config))
        lock = FileLock(sweep / "search.lock", timeout=0)
        try:
            with lock:
                return self._search(sweep, fixed, space)
        except Timeout:
            raise HydraException(f"{sweep}: this search runs already") from None
        except ValueError as error:
            raise HydraException(str(error)) from None

    def _search(self, sweep: Path, fixed: list[str], space: dict[str, Any]) -> Any:
        from metrics.lookup import metrics_of
        from sweeps.records.run_record import RecordError, Status, read_record
        from sweeps.search import Objective, Search

        assert self.launcher is not None
        assert self.hydra_context is not None
        assert self.config is not None
        job = self.hydra_context.config_loader.load_sweep_config(self.config, fixed)
        metrics = metrics_of(str(job.hydra.runtime.choices["task"]))
        told = self.objectives or [f"{metrics.direction}imize val/{metrics.main}", "minimize int8:latency_ms_p50"]
        objectives = [Objective.parse(words) for words in told]
        search = Search(sweep, space, objectives, self.seed, self.pruner, budget_of(job))
        returned: list[Sequence[Any]] = []
        in_a_row = 0
        while (number := len(search.answered)) < self.trials and in_a_row < MOST_OVER_BUDGET:
            trial, point = search.propose()
            pruned = [f"trial={trial.number}"] if self.pruner else []
            batch = [[*fixed, *(f"{key}={value}" for key, value in point.items()), *pruned]]
            self.validate_batch_is_legal(batch)
            results = self.launcher.launch(batch, initial_job_idx=number)
            record = read_record(Path(results[0].return_value))
            usable = record["status"] in (Status.DONE, Status.PRUNED, Status.OVER_BUDGET)
            in_a_row = in_a_row + 1 if record["status"] == Status.OVER_BUDGET else 0
            try:
                search.answer(trial, record if usable else None)
            except RecordError:
                search.answer(trial, None)
                broken = any(
                    "error" in entry or not entry.get("latency") for entry in record.get("exports", {}).values()
                )
                if "later_error" not in record and not broken:  # else a file failed, as a training may
                    raise
            returned.append(results)
        if spared := len(search.over_budget):
            print(f"budget: {spared} proposed points were over it and not trained, {len(search.answered)} were within")
        for best in search.best:
            values = ", ".join(f"{one.figure} {value:.4g}" for one, value in zip(objectives, best.values, strict=True))
            print(f"best: {values}: {' '.join(f'{key}={value}' for key, value in best.params.items())}")
        if in_a_row == MOST_OVER_BUDGET:
            raise ValueError(
                f"budget: {in_a_row} proposed points in a row are over it, {search.over_budget[-1].user_attrs['over budget']}; want a "
                "higher bound, or smaller networks among the choices"
            )
        return returned


def budget_of(config: DictConfig) -> dict[str, Any]:
    """A search's budget as plain values; empty where nothing is bounded."""
    plain: dict[str, Any] = OmegaConf.to_container(config.budget, resolve=True)  # type: ignore[assignment]
    return {} if plain["ms"] is None and plain["kb"] is None else plain


def distribution(override: Override) -> Any:
    """What an override leaves open, as Optuna names it. Raises HydraException for what cannot be searched."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    value = override.value()
    if isinstance(value, ChoiceSweep):
        return CategoricalDistribution([str(Transformer.encode(item)) for item in value.list])
    log = "log" in getattr(value, "tags", set())
    if isinstance(value, RangeSweep):
        return CategoricalDistribution([str(item) for item in value.range()])
    if isinstance(value, IntervalSweep) and value.start is not None and value.end is not None:
        if isinstance(value.start, int) and isinstance(value.end, int):
            return IntDistribution(value.start, value.end, log=log)
        return FloatDistribution(float(value.start), float(value.end), log=log)
    raise HydraException(f"{override.input_line}: want values, choice(…), range(…) or interval(…)")
