"""The whole way in some minutes, on phones that are drawn first: `make demo`."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
from hydra.utils import instantiate
from omegaconf import DictConfig

from choices import CONF, ROOT
from cli.command_line import quoted, stop_or_report
from cli.train_schema import register
from pipelines.demo_standing import print_standing
from pipelines.quickstart import call, report

if TYPE_CHECKING:
    from datamodules.screens.cells import Cells

DATA = ["experiment=demo"]
"""Which phones, and how long a training is."""

register()


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="demo")
def main(cfg: DictConfig) -> None:
    """Runs all of it; the same command again goes on where it was. Exits with 1 when any part failed."""
    runs = Path(cfg.paths.runs)
    with stop_or_report(runs):
        sweep = runs / cfg.sweep_name
        with step("drawing phones"):
            samples = drawn(cfg)
        photo = most_damaged(samples)
        with step(f"grading one of them by {cfg.networks[-1]}, which comes along"):
            sweep.mkdir(parents=True, exist_ok=True)
            words = [
                quoted("photo", photo.resolve()),
                f"run={cfg.networks[-1]}",
                quoted("picture", (sweep / "graded.jpg").resolve()),
            ]
            failed = (
                subprocess.run([sys.executable, "-m", "station", "grade", *words], cwd=ROOT, check=False).returncode
                != 0
            )
        with step("training from a random start, to hold the grid against"):
            failed |= call(cfg, sweep, ["train.py"], ["-m", *DATA, *cfg.reference.split()]) != 0
        with step("training the grid from the networks that come along, and exporting it"):
            failed |= call(cfg, sweep, ["train.py"], ["-m", *DATA, *cfg.grid.split()]) != 0
        print_standing(sweep, samples, [ROOT / name for name in cfg.networks])
        report(sweep)
    if failed:
        sys.exit(1)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Says what is being done, and afterwards how long it took."""
    print(f"\n{title}", flush=True)
    began = time.monotonic()
    yield
    print(f"({title}: {time.monotonic() - began:.0f} s)", flush=True)


def drawn(cfg: DictConfig) -> "Cells":
    """The demo's phones; drawn where they are not yet."""
    words = [*DATA, *(quoted(f"paths.{name}", cfg.paths[name]) for name in ("runs", "data", "cache"))]
    trained_on = hydra.compose("train", overrides=words).datamodule
    samples: Cells = instantiate(trained_on).load()
    return samples


def most_damaged(samples: "Cells") -> Path:
    """Of the photos of the test set's phones the one with most different grades, of equal ones that with most damaged cells."""
    table = samples.table[samples.table.part == "test"]
    photos = table["sample"].str.replace(r"_r\d+_c\d+$", "", regex=True)
    kinds = table.label.groupby(photos).nunique()
    damaged = table.label.gt(0).groupby(photos).sum()
    name = max(sorted(kinds.index), key=lambda photo: (kinds[photo], damaged[photo]))
    return next(path for path in samples.folder.files if path.stem == name)
