"""Times exported files: `python -m export.latency latency=adb run=<folder>`, or the front of a sweep; `latency=arm` checks them."""

import sys
from collections.abc import Mapping
from pathlib import Path

import hydra
from hydra.utils import instantiate
from omegaconf import DictConfig
from tqdm import tqdm

from choices import CONF
from cli.command_line import run_cli, stop_or_report
from cli.train_schema import register
from export.check import Check, all_ready, problems
from export.latency.result import Entry
from export.latency.selection import files_to_time, keep, remember
from sweeps.records.run_record import RecordError, exported_bytes, read_record
from sweeps.records.wandb_export import update_wandb_run

HERE = "host"
"""The place that times files of every format: this machine."""

register()


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="bench")
def main(cfg: DictConfig) -> None:
    """Measures file after file and enters each timing at once; prints all of them, also when one fails. Then come checks."""
    with stop_or_report(Path(cfg.run or cfg.pareto_of or cfg.paths.runs)):
        from sweeps.analysis.recommendation import in_apps

        checks = instantiate(cfg.check)
        all_ready(checks)
        chosen = files_to_time(cfg.run, cfg.pareto_of, cfg.paths.runs, cfg.files)
        if elsewhere := [*(name for name in cfg.latency if name != HERE), *checks]:
            others = [one for one in chosen if not in_apps(read_record(one[0]), one[1])]
            for folder, kind in others:
                print(
                    f"{folder.name}: {kind} left out of {', '.join(elsewhere)}: TFLite files alone are taken there",
                    file=sys.stderr,
                )
            if others and len(others) == len(chosen):
                raise RecordError(f"{', '.join(elsewhere)}: takes .tflite files, and none is among these")
            chosen = [one for one in chosen if one not in others]

        from export.latency.result import LatencyError, merged
        from export.latency.table import print_timings
        from export.runtime import of_file
        from export.trial import try_out

        measured: dict[tuple[Path, str], list[Entry]] = {}
        problem = ""
        try:
            for folder, kind in tqdm(chosen if cfg.latency else [], unit="file", leave=False, disable=None):
                data = exported_bytes(folder, kind)
                if in_apps(read_record(folder), kind):
                    with of_file(folder / "export" / f"{kind}.tflite"):  # the run may come from elsewhere
                        try_out(data)
                for measure in instantiate(cfg.latency).values():
                    for entry in measure(data):
                        keep(folder, kind, [entry])
                        remember(data, kind, [entry], cfg.paths.cache)
                        measured[folder, kind] = merged(measured.get((folder, kind), []), [entry])
        except LatencyError as error:
            problem = f"error: {error}"
        folders = list(dict.fromkeys(folder for folder, _ in chosen))
        for folder in folders:
            update_wandb_run(folder)
        if measured:
            print_timings([(folder.name, kind, one) for (folder, kind), found in measured.items() for one in found])
        if problem:
            print(problem, file=sys.stderr)
            sys.exit(1)
        if checks and not _passed(
            {folder: [kind for of, kind in chosen if of == folder] for folder in folders}, checks, cfg
        ):
            sys.exit(1)


def _passed(files: Mapping[Path, list[str]], checks: Mapping[str, Check], cfg: DictConfig) -> bool:
    """Checks files run by run and prints what was found; False where a check could not be made."""
    from export.made_files import check_files
    from export.table import print_files
    from tasks.base import metrics_of_record

    whole = True
    for folder, kinds in tqdm(files.items(), unit="run", leave=False, disable=None):
        entries = check_files(folder, kinds, checks, root=cfg.root, cache=cfg.paths.cache)
        record = read_record(folder)
        print(f"{folder}:")
        print_files(entries, metrics_of_record(record), record.get("baseline", {}), {})
        whole = whole and not problems(entries)
    return whole


if __name__ == "__main__":
    run_cli(main, "bench")
