"""Converts and times on request: lines of `convert <JSON>` or `time <JSON>` on stdin, an empty line after each answer."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import OmegaConf

from cli.command_line import INTERRUPTED
from cli.signals import end_with_parent
from export.latency.selection import keep
from export.run import export_within
from sweeps.records.run_record import (
    RunIsBusyError,
    exported_bytes,
    failure_recorded,
    hold,
    is_done,
    one_line,
    read_record,
)
from sweeps.records.wandb_export import update_wandb_run


def main() -> None:
    """Converts and times runs as stdin asks, `convert` or `time` and JSON on each line, until it ends."""
    end_with_parent(os.getppid())
    for line in sys.stdin:
        what, _, text = line.partition(" ")
        wish = json.loads(text)
        folder = Path(wish["folder"])
        try:
            with hold(folder), failure_recorded(folder, {}):
                {"convert": convert, "time": time_files}[what](folder, wish)
                update_wandb_run(folder)
        except RunIsBusyError:
            print(f"left to another process: {folder}")
        except Exception as error:
            print(f"error: {one_line(error)}")
        print(flush=True)


def convert(folder: Path, wish: dict[str, Any]) -> None:
    """What the job's `export_within` would have done, without timing."""
    if is_done(folder):
        cfg = OmegaConf.create(wish["cfg"] | {"latency": {}, "datamodule": {"root": wish["root"]}})
        export_within(folder, cfg)


def time_files(folder: Path, wish: dict[str, Any]) -> None:
    """Times the wished kinds of files that have no timing yet."""
    from export.latency.result import timed

    cfg = OmegaConf.create(wish["cfg"])
    places = instantiate(cfg.latency)
    for kind, entry in read_record(folder).get("exports", {}).items():
        if kind in cfg.quantization and "path" in entry and (cfg.overwrite or not entry["latency"]):
            keep(folder, kind, timed(exported_bytes(folder, kind), places))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
