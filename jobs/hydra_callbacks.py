"""What closes a multirun: a table of the sweep, and an exit code that says whether anything failed."""

import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from jobs.budget import asks_for_budget
from jobs.completed import all_points_done, setting_digest
from jobs.export_queue import ExportQueue, supports_queue
from metrics.figures import mixed_starts
from sweeps.records.journal import VARIABLE, Command, Journal, failed_jobs, jobs_done, mark_job_done
from sweeps.records.probe_results import kept
from sweeps.records.run_record import RecordError, Status, find_runs, read_record
from sweeps.search.workers import works_for

if TYPE_CHECKING:
    import pandas as pd


class SweepTableCallback(Callback):
    """Prints the sweep's table once every job has had its turn; exits with 1 when one of them failed."""

    def __init__(self) -> None:
        self.began = ""
        self.journal: Journal | None = None
        self.exports: ExportQueue | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Launchers send it to their processes; the journal's lock and the exports' thread stay here.

        The nodes of a cluster do not have this process's environment: where turns are noted, and where folders lie, goes along.
        """
        names = [name for name in os.environ if name == VARIABLE or name.startswith("GRIDLITE_")]
        return {
            "began": self.began,
            "journal": None,
            "exports": None,
            "environment": {name: os.environ[name] for name in names},
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        os.environ.update(state.pop("environment"))
        self.__dict__.update(state)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Notes the time: failures of earlier commands in the same folder are not this one's."""
        if config.hydra.launcher.get("n_jobs") == 0:
            print("error: hydra.launcher.n_jobs=0: want a number of jobs, or -1 for one per core", file=sys.stderr)
            sys.exit(2)
        self.began = datetime.now(UTC).isoformat(timespec="seconds")
        if works_for():  # the search that started this worker keeps the journal
            return
        line = list(config.hydra.overrides.task)
        sweep = Path(config.paths.runs) / config.sweep_name
        command = Command(line, points=points_of(config), setting=setting_digest(list(config.hydra.overrides.hydra)))
        with suppress(OSError):  # a folder that cannot be written is answered by the first job
            self.journal = Journal(sweep, command)
        if self.journal is not None and all_points_done(sweep, self.journal.before, command):
            self.journal.end(through=False)
            print(f"all {command.points} points were done before (overwrite=true trains again)")
            show(sweep)
            sys.exit()
        if self.journal is not None:
            self.journal.begin()
        if asks_for_budget(config):
            from jobs.budget_grid import measure_grid

            measure_grid(config)
        if supports_queue(config.hydra):
            self.exports = ExportQueue()

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Notes the job's turn, in whatever process a launcher ran it."""
        folder = job_return._return_value if job_return.status == JobStatus.COMPLETED else None
        for one in folder.split("\n") if isinstance(folder, str) else [""]:  # a stack has several
            mark_job_done(Path(one).name)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Prints and, where a job failed, exits. Only records count: jobs may have run in other processes."""
        if works_for():
            return
        if self.exports is not None:
            self.exports.finish()
        failed = bool(failed_jobs()) or (not jobs_done() and self._failed_since(config))
        if self.journal is not None:
            self.journal.end(through=True)
        sweep = Path(config.paths.runs) / config.sweep_name
        try:
            show(sweep)
        finally:  # Hydra makes a warning of an exception here; a failed job must still be seen
            if failed:
                sys.exit(1)

    def _failed_since(self, config: DictConfig) -> bool:
        """Whether a record of the sweep says that a run failed while this command ran; for jobs on machines that note no turns here."""
        for folder in find_runs(Path(config.paths.runs) / config.sweep_name):
            with suppress(RecordError):
                record = read_record(folder)
                late = str(record.get("later_error", {}).get("at", "")) >= self.began
                if late or (record["status"] == Status.FAILED and str(record.get("updated", "")) >= self.began):
                    return True
        return False


class ProbeRankingCallback(Callback):
    """Prints the ranking of the probed backbones once a grid is through."""

    def __init__(self) -> None:
        self.began = ""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Probes from here on are this command's."""
        self.began = datetime.now(UTC).isoformat()

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """The linear probe's order, on the data that this command has probed."""
        from rich.console import Console
        from rich.table import Table

        sweep = Path(config.paths.runs) / config.sweep_name
        probes = kept(sweep)
        seen = {one.fingerprint for one in probes if one.at >= self.began}
        found = [one for one in probes if one.fingerprint in seen]
        if not found:
            sys.exit(1)
        table = Table(
            title=f"{sweep}: frozen features judged on the validation set", title_justify="left", title_style="bold"
        )
        for name in ("backbone", "width", "px", "initial weights", "fold", "linear probe", "neighbours", "seconds"):
            table.add_column(name, justify="left" if name in ("backbone", "initial weights") else "right")
        for one in found:
            linear = f"{one.linear:.3f} [{one.low:.3f}, {one.high:.3f}]"
            words = (
                f"{one.width:g}",
                str(one.resolution),
                one.start,
                str(one.fold),
                linear,
                f"{one.neighbours:.3f}",
                f"{one.seconds:g}",
            )
            table.add_row(one.backbone, *words)
        Console(width=None if Console().is_terminal else 120).print(table)
        if mixed_starts(one.start for one in found):
            print(
                "note: some backbones start pretrained and some at random (column initial_weights); they do not compare."
            )
        print(f"table: {sweep / 'probes.csv'}")


def show(sweep: Path) -> "pd.DataFrame":
    """Prints the sweep's table and gives it."""
    from sweeps.tables.runs import read_sweep
    from sweeps.tables.sweep_tables import print_table

    table, files = read_sweep(sweep)
    print_table(table, sweep, files)
    return table


def points_of(config: DictConfig) -> int:
    """How many runs a grid consists of, by the sweeper's own rule; 0 where it is not known before."""
    if "basic_sweeper" not in config.hydra.sweeper._target_:
        return 0
    params = config.hydra.sweeper.params or {}
    words = [f"{key!s}={value}" for key, value in params.items()] + list(config.hydra.overrides.task)
    overrides = OverridesParser.create().parse_overrides(words)
    batches = BasicSweeper.split_arguments(overrides, None)
    stack = int(config.get("num_stacked_seeds", 1))
    if any(
        one.is_sweep_override()
        and (one.key_or_group == "num_stacked_seeds" or (stack > 1 and one.key_or_group == "seed"))
        for one in overrides
    ):
        return 0  # stacks of several sizes, or ones that may share seeds
    return sum(len(batch) for batch in batches) * max(1, stack)
