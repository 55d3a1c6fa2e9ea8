"""Phone files of a trained run: `python -m export run=<folder>`; without `run`, of the latest sweep's best one.

`python -m export score`, `python -m export diff` and `python -m export check` judge files that are there already, `python -m export ask`
writes into them whom to ask.
"""

import sys
from pathlib import Path

import hydra
from omegaconf import DictConfig

from choices import CONF
from cli.arguments import HELP
from cli.command_line import run_cli, stop_or_report
from cli.help import help_page
from cli.train_schema import register
from export.best import keep_best
from export.check import problems
from export.run import best_of_latest, export_run
from sweeps.records.run_record import hold, read_record
from sweeps.records.wandb_export import update_wandb_run
from tasks.base import metrics_of_record

WORDS = ("score", "diff", "check", "ask")
"""Behind `python -m export`: commands of their own."""

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

        from export.pipeline import UNSCORED
        from export.table import print_files

        record = read_record(folder)
        print_files(entries, metrics_of_record(record), record.get("baseline", {}), record.get(UNSCORED, {}))
        place = folder / "export" if cfg.run else keep_best(folder, record, Path(cfg.paths.runs))
        print(f"files: {place}")
        if problems(entries):
            sys.exit(1)


def start() -> None:
    """Hands the command line to the command that its first word names."""
    name = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1] in WORDS else "export"
    if name == "export":
        run_cli(main, name)
        return
    del sys.argv[1]
    if name == "check":
        from export.lint import main as check

        check(sys.argv[1:])
        return
    if not set(HELP).isdisjoint(sys.argv):
        print(help_page(name))
        return
    if name == "ask":
        from export.ask import main as ask

        run_cli(ask, name)
        return
    from export.foreign import diff, score

    if name == "diff":
        sys.argv[1:] = diff.both_words(sys.argv[1:])
    run_cli((diff if name == "diff" else score).main, name)


if __name__ == "__main__":
    start()
