"""`python -m export ask run=<run> most_missed=0.1`: files that are there say which grades to leave to a person."""

import sys
from pathlib import Path

import hydra
from omegaconf import DictConfig

from choices import CONF
from cli.command_line import require_keys, stop_or_report
from cli.train_schema import register
from export.asking import ask_of_run
from metrics.conformal import promise_text
from sweeps.records.run_record import hold, read_record

register()


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="ask")
def main(cfg: DictConfig) -> None:
    """Writes it into the files and the record, and prints a line for each; exits with 1 where a promise cannot be made."""
    require_keys(
        cfg, run="a run's folder, whose files have been made", most_missed="a share between 0 and 1, such as 0.1"
    )
    folder = Path(cfg.run)
    with stop_or_report(folder):
        read_record(folder)
        with hold(folder):
            found = ask_of_run(folder, cfg.most_missed, cfg.files and list(cfg.files))
        for kind, said in found.items():
            print(f"{kind}: {promise_text(said)}")
        if any("refused" in said for said in found.values()):
            sys.exit(1)
