"""The phone page: `python -m web run=<folder>`, or front=<sweep's folder>; without either, the latest sweep's front."""

import secrets
import sys
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig, OmegaConf

from conf.benching import files_to_time
from conf.command_line import answer, stop_or_report
from conf.exporting import load_samples
from conf.schema import register
from sweeps.record import read_record

register()


@hydra.main(version_base="1.3", config_path="../conf", config_name="web")
def main(cfg: DictConfig) -> None:
    """Serves until it is stopped."""
    with stop_or_report(Path(cfg.run or cfg.front or cfg.paths.runs)):
        chosen = files_to_time(cfg.run, cfg.front, cfg.paths.runs, cfg.files)

        import uvicorn

        from web.addresses import certificate, listen, qr, reachable
        from web.app import create_app
        from web.runtime import fetch_runtime, runtime_version
        from web.shelf import ShelfFile

        fetch_runtime()
        rules: Any = OmegaConf.to_container(cfg.rules)
        strangers = {folder for folder, _ in chosen if not knows(rules, read_record(folder)["data"])}
        token = secrets.token_urlsafe(12)
        shelf = [
            ShelfFile(folder, kind, lambda r: load_samples(r, cfg.root, cfg.paths.cache), folder not in strangers)
            for folder, kind in chosen
        ]
        plain = [rule | {"of": [str(label) for label in rule.get("of", [])]} for rule in rules]
        app = create_app(shelf, token, version=runtime_version(), rules=plain)
        listening = listen(cfg.host, cfg.port)
        names, server = reachable(cfg.host), None
        if cfg.https:
            server, authority = certificate(Path(cfg.paths.cache) / "https", ["localhost", "127.0.0.1", *names])
            print(f"authority that the phone has to trust: {authority}")
        addresses = [
            f"{'https' if cfg.https else 'http'}://{f'[{name}]' if ':' in name else name}:{cfg.port}/?token={token}"
            for name in names
        ]
        print(f"{len(shelf)} files\n{qr(addresses[0])}")
        for address in addresses:
            print(f"open {address}")
        if names == ["127.0.0.1"]:
            print(f"a phone on USB reaches it after: adb reverse tcp:{cfg.port} tcp:{cfg.port}")
        print("stop with ctrl-c", flush=True)
        config = uvicorn.Config(app, log_level="error", ssl_certfile=server, ssl_keyfile=server)
        uvicorn.Server(config).run(sockets=[listening])


def knows(rules: Any, data: dict[str, Any]) -> bool:
    """Whether the rules can grade a device by a run's labels; says so where they cannot. Whole pictures need no rules."""
    from export.grading import GradingError, read_rules

    if not data["preparation"]["grid"]:
        return True
    try:
        read_rules(rules, data["class_names"])
    except GradingError as error:
        print(f"note: no grade of the device, its cells only: {error}", file=sys.stderr)
        return False
    return True


if __name__ == "__main__":
    answer(main, "web")
