"""Phone files of a trained run: `python -m export run=<folder>`; without `run`, of the latest sweep's best one."""

import sys
from pathlib import Path

import hydra
from omegaconf import DictConfig

from choices import CONF
from cli.command_line import run_cli, stop_or_report
from cli.train_schema import register
from export.check import problems
from export.run import best_of_latest, export_run
from sweeps.records.run_record import hold, read_record
from sweeps.records.wandb_export import update_wandb_run
from tasks.base import metrics_of_record

register()


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="export")
def main(cfg: DictConfig) -> None:
    """Makes, checks, scores and times the files, enters them in the run's record and prints a table of them."""
    folder = Path(cfg.run) if cfg.run else Path(cfg.paths.runs)
    with stop_or_report(folder):
        if not cfg.run:
            folder = best_of_latest(folder)
        read_record(folder)  # before anything is made in a folder that is no run's
        with hold(folder):
            entries = export_run(folder, cfg, root=cfg.root, cache=cfg.paths.cache)
            update_wandb_run(folder)

        from export.table import print_files

        record = read_record(folder)
        print_files(entries, metrics_of_record(record), record.get("baseline", {}))
        print(f"files: {folder / 'export'}")
        if problems(entries):
            sys.exit(1)


if __name__ == "__main__":
    run_cli(main, "export")
