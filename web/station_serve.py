"""The grading station over HTTP: `python -m station serve run=<run or .tflite>`, or `models='{front: …, back: …}'`."""

import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra
import yaml
from omegaconf import DictConfig

from choices import CONF
from cli.arguments import refuse
from cli.command_line import stop_or_report
from cli.machine import cores
from cli.train_schema import register

NAME = re.compile(r"[\w.-]{1,60}", re.ASCII)
ALONE = "default"
"""What a model is called that has no name."""
LEAST_TOKEN = 16
MEGA = 1_000_000
UPLOAD_S = 30.0
"""For a request to be whole: a photo of 8 MB by 2 Mbit/s."""

register()


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="station_api")
def main(cfg: DictConfig) -> None:
    """Serves until it is stopped."""
    networks = _networks(cfg)
    if cfg.token is not None and len(str(cfg.token)) < LEAST_TOKEN:
        refuse(f"token=: {len(str(cfg.token))} letters; want at least {LEAST_TOKEN}, or none and one is made")
    if cfg.reference is not None and len(networks) > 1:
        refuse("reference=: goes with one model, by which the folder was graded; want run=")
    with stop_or_report(Path(next(iter(networks.values())))):
        from web.serving import serve
        from web.station_app import create_station_app

        desk = open_desk(cfg, networks)
        token = str(cfg.token or secrets.token_urlsafe(18))
        app = create_station_app(desk, token, most_bytes=int(cfg.most_mb * MEGA), most_photos=cfg.most_photos)
        shown = "the given token" if cfg.token else token
        title = f"grading by {', '.join(desk.models)}, {desk.workers.count} at a time; Authorization: Bearer {shown}"
        serve(
            app, token, title, cfg.host, cfg.port, Path(cfg.paths.cache) if cfg.https else None,
            path="/docs" if cfg.token else "/docs?token={token}", longest_s=UPLOAD_S, more_hosts=list(cfg.hosts), when_stopping=desk.stop,
        )  # fmt: skip


def _networks(cfg: DictConfig) -> dict[str, str]:
    """Name → run's folder or file, as they were asked for."""
    if (cfg.run is None) == (cfg.models is None):
        refuse("want one of run=<a run's folder or .tflite file> and models='{<name>: <the same>, …}'")
    if cfg.run is not None:
        return {ALONE: str(cfg.run)}
    try:
        found = yaml.safe_load(cfg.models)
    except yaml.YAMLError:
        found = None
    if not isinstance(found, dict) or not found or not all(isinstance(path, str) for path in found.values()):
        refuse(
            f"models={cfg.models}: want names with a run's folder or a .tflite file each, such as '{{front: runs/a/<job>, back: other.tflite}}'"
        )
    if odd := next((name for name in map(str, found) if not NAME.fullmatch(name)), None):
        refuse(f"models: {odd!r}: want a name of letters, digits, _, . and -, for it stands in addresses")
    return {str(name): path for name, path in found.items()}


def open_desk(cfg: DictConfig, networks: Mapping[str, str]) -> Any:
    """Loads every model, here and in the processes. Raises what `PhotoGrader` raises, and DataError of the reference."""
    from datamodules.screens.device_rules import given_rules
    from station.choosing import file_of, screen_given
    from station.drift import Watch
    from station.reference import read_reference
    from station.setup import Setup
    from station.workers import Model, Workers
    from storage.whole_file import sha256_of
    from tasks.base import doubt_of
    from web.kept_answers import KeptAnswers
    from web.station_desk import Desk, Served

    rules, screen_mm = given_rules(cfg.datamodule), screen_given(cfg.datamodule)
    damage = None if cfg.damage is None else file_of(Path(cfg.damage), None)
    models, served = {}, {}
    for name, given in networks.items():
        file = file_of(Path(given), cfg.file)
        if words := doubt_of(file):
            print(f"note: {name}: {words}")
        setup = Setup(file, rules, cfg.least_cell_px, damage=damage, screen_mm=screen_mm)
        by = setup.grader()
        earlier = None if cfg.reference is None else read_reference(Path(cfg.reference), by.digest)
        watch = Watch(earlier, cfg.drift.reference, cfg.drift.window, cfg.drift.windows, cfg.drift.false_alarms)
        models[name] = Model(setup, by.digest)
        served[name] = Served(by, sha256_of(by.graded_by), cfg.join, watch)
    workers = Workers(models, cfg.jobs or cores(), cfg.seconds, int(cfg.most_megapixels * MEGA))
    kept = None if cfg.keep is None else KeptAnswers(Path(cfg.keep), int(cfg.keep_mb * MEGA))
    return Desk(served, workers, workers.count + cfg.queue, kept)
