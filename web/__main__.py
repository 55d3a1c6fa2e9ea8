"""The phone app: `python -m web run=<folder>`, run='[<folder>, <file>, …]', or pareto_of=<sweep's folder>; without either, the latest sweep's front."""

import secrets
from pathlib import Path

import hydra
from omegaconf import DictConfig

from choices import CONF
from cli.command_line import run_cli, stop_or_report
from cli.train_schema import register

register()


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="web")
def main(cfg: DictConfig) -> None:
    """Serves until it is stopped."""
    from web.chosen_files import chosen_files, runs_and_files

    named = runs_and_files(cfg.run)
    with stop_or_report(Path(named[0] if named else cfg.pareto_of or cfg.paths.runs)):
        served_files = chosen_files(cfg)

        from web.phone_app import create_app
        from web.runtime import fetch_runtime, runtime_version
        from web.serving import serve

        fetch_runtime()
        token = secrets.token_urlsafe(12)
        app = create_app(served_files, token, version=runtime_version())
        files = f"{len(served_files)} file{'s' if len(served_files) > 1 else ''}"
        serve(app, token, files, cfg.host, cfg.port, Path(cfg.paths.cache) if cfg.https else None)


if __name__ == "__main__":
    run_cli(main, "web")
