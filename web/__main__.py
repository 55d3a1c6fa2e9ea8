"""The phone app: `python -m web run=<folder>`, or pareto_of=<sweep's folder>; without either, the latest sweep's front."""

import secrets
import sys
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig, OmegaConf

from choices import CONF
from cli.command_line import run_cli, stop_or_report
from cli.train_schema import register
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
        rules: Any = OmegaConf.to_container(cfg.rules)
        strangers = {folder for folder, _ in chosen if not knows(rules, read_record(folder)["data"])}
        token = secrets.token_urlsafe(12)
        served_files = [
            ServedFile(folder, kind, lambda r: load_samples(r, cfg.root, cfg.paths.cache), folder not in strangers)
            for folder, kind in chosen
        ]
        plain = [rule | {"of": [str(label) for label in rule.get("of", [])]} for rule in rules]
        app = create_app(served_files, token, version=runtime_version(), rules=plain)
        serve(
            app, token, f"{len(served_files)} files", cfg.host, cfg.port, Path(cfg.paths.cache) if cfg.https else None
        )


def knows(rules: Any, data: dict[str, Any]) -> bool:
    """Whether the rules can grade a device by a run's labels; says so where they cannot. Whole pictures need no rules."""
    from station.device_grade import GradingError, read_rules

    if not data["preprocessing"]["grid"]:
        return True
    try:
        read_rules(rules, data["class_names"])
    except GradingError as error:
        print(f"note: no grade of the device, its cells only: {error}", file=sys.stderr)
        return False
    return True


if __name__ == "__main__":
    run_cli(main, "web")
