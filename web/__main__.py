"""The phone app: `python -m web run=<folder>`, or pareto_of=<sweep's folder>; without either, the latest sweep's front."""

import secrets
import sys
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from choices import CONF
from cli.command_line import run_cli, stop_or_report
from cli.train_schema import register
from datamodules.base.errors import DataError
from datamodules.screens.device_rules import Rule, given_rules, read_rules, rules_of
from export.latency.selection import files_to_time
from sweeps.analysis.recommendation import in_apps
from sweeps.records.run_record import RecordError, read_record
from training.finished_run import load_samples

register()


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="web")
def main(cfg: DictConfig) -> None:
    """Serves until it is stopped."""
    with stop_or_report(Path(cfg.run or cfg.pareto_of or cfg.paths.runs)):
        known = files_to_time(cfg.run, cfg.pareto_of, cfg.paths.runs, cfg.files)
        chosen = [(folder, kind) for folder, kind in known if in_apps(read_record(folder), kind)]
        if not chosen:
            raise RecordError(f"{', '.join(kind for _, kind in known)}: the phone page runs .tflite files alone")

        from web.phone_app import create_app
        from web.runtime import fetch_runtime, runtime_version
        from web.served_files import ServedFile
        from web.serving import serve

        fetch_runtime()
        given = given_rules(cfg.datamodule)
        rules = {folder: device_rules(folder, given) for folder in dict.fromkeys(folder for folder, _ in chosen)}
        token = secrets.token_urlsafe(12)
        served_files = [
            ServedFile(folder, kind, lambda r: load_samples(r, cfg.root, cfg.paths.cache), rules[folder])
            for folder, kind in chosen
        ]
        app = create_app(served_files, token, version=runtime_version())
        serve(
            app, token, f"{len(served_files)} files", cfg.host, cfg.port, Path(cfg.paths.cache) if cfg.https else None
        )


def device_rules(folder: Path, given: list[dict[str, Any]] | None) -> tuple[Rule, ...]:
    """The rules for a device's grade: those that were given, else the run's own; none for whole pictures.

    Says so where they cannot grade a device by the run's labels.
    """
    data = read_record(folder)["data"]
    if not data["preprocessing"]["grid"]:
        return ()
    try:
        labels = data["class_names"]
        return tuple(rules_of(data.get("profile"), labels) if given is None else read_rules(given, labels))
    except DataError as error:
        print(f"note: {folder.name}: no grade of the device, its cells only: {error}", file=sys.stderr)
        return ()


if __name__ == "__main__":
    run_cli(main, "web")
