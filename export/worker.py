"""Converts and times on request: lines of `convert <JSON>` or `time <JSON>` on stdin, an empty line after each answer."""

import json
import sys
from pathlib import Path
from typing import Any

from cli.signals import end_with_parent


def main() -> None:
    """Converts and times runs as stdin asks, `convert` or `time` and JSON on each line, until it ends.

    The one argument is the process that it works for; what takes long to import comes after watching that one.
    """
    end_with_parent(int(sys.argv[1]))
    from sweeps.records.run_record import RunIsBusyError, failure_recorded, hold, one_line
    from sweeps.records.wandb_export import update_wandb_run

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
    from omegaconf import OmegaConf

    from export.run import export_within
    from sweeps.records.run_record import is_done

    if is_done(folder):
        cfg = OmegaConf.create(wish["cfg"] | {"latency": {}, "datamodule": {"root": wish["root"]}})
        export_within(folder, cfg)


def time_files(folder: Path, wish: dict[str, Any]) -> None:
    """Times the wished kinds of files that have no timing yet."""
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    from export.latency.result import timed
    from export.latency.selection import keep
    from export.run import kinds_of
    from sweeps.records.run_record import exported_bytes, read_record

    cfg = OmegaConf.create(wish["cfg"])
    places = instantiate(cfg.latency)
    kinds = kinds_of(cfg)
    for kind, entry in read_record(folder).get("exports", {}).items():
        if kind in kinds and "path" in entry and (cfg.overwrite or not entry["latency"]):
            keep(folder, kind, timed(exported_bytes(folder, kind), places))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
