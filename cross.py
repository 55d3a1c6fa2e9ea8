"""Trained on × tested on: `python cross.py folder=runs/wear_levels`, every run of a sweep on every data set of the sweep.

Writes `cross.csv` into the sweep's folder, which its report shows too.
"""

from pathlib import Path

import hydra
from omegaconf import DictConfig

from conf.command_line import answer, stop_or_report, want
from conf.schema import register

register()


@hydra.main(version_base="1.3", config_path="conf", config_name="cross")
def main(cfg: DictConfig) -> None:
    """Scores the best or last checkpoints and prints the table."""
    want(cfg, folder="a sweep's folder")
    sweep = Path(cfg.folder)
    with stop_or_report(sweep):
        from conf.crossing import crossed
        from sweeps.cross import print_cross, write

        rows = crossed(sweep, cfg.checkpoint)
        path = write(sweep, rows)
        print_cross(rows)
        print(f"cross: {path}")


if __name__ == "__main__":
    answer(main, "cross")
