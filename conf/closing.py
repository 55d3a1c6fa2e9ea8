"""What closes a multirun: a table of the sweep, and an exit code that says whether anything failed."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig


class ClosingTable(Callback):
    """Prints the sweep's table once every job has had its turn; exits with 1 when one of them failed."""

    def __init__(self) -> None:
        self.began = ""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Notes the time: failures of earlier commands in the same folder are not this one's."""
        self.began = datetime.now(UTC).isoformat(timespec="seconds")

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Prints and, where a job failed, exits. Only records count: jobs may have run in other processes."""
        from sweeps.record import Status
        from sweeps.table import collect, print_table

        sweep = Path(config.paths.runs) / config.sweep_name
        table = collect(sweep)
        print_table(table, sweep)
        if not len(table):
            return
        failed = (table.status == Status.FAILED) & (table.updated.fillna("") >= self.began)
        if (failed | (table.later_error_at.fillna("") >= self.began)).any():
            sys.exit(1)
