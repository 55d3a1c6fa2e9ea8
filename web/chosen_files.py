"""Which files the phone app serves: of a run, of a sweep's front, or of several runs and files side by side."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from cli.arguments import refuse
from datamodules.base.errors import DataError
from datamodules.screens.device_rules import Rule, given_rules, read_rules, rules_of
from export.latency.selection import files_to_time
from station.choosing import screen_given
from sweeps.analysis.recommendation import advised_kind, in_apps
from sweeps.records.run_record import RecordError, read_record
from web.foreign_file import ForeignFile, is_ours
from web.loose_file import LooseFile
from web.phone_app import Served
from web.served_files import ServedFile

SUFFIX = ".tflite"
Given = list[dict[str, Any]] | None
"""Rules that `profile=` has set."""


def runs_and_files(run: Any) -> list[str]:
    """What `run=` names, in its order, each once; empty without it. Refuses what is no text."""
    named = list(run) if isinstance(run, ListConfig) else [] if run is None else [run]
    if (isinstance(run, ListConfig) and not named) or not all(isinstance(one, str) and one for one in named):
        written = OmegaConf.to_container(run) if isinstance(run, ListConfig) else run
        refuse(
            f"run={written}: want a run's folder or a {SUFFIX} file, or a list of them: run='[runs/a/<job>, b.tflite]'"
        )
    return list(dict.fromkeys(named))


def chosen_files(cfg: DictConfig) -> list[Served]:
    """The files, loaded as far as the app wants it.

    Raises RecordError or FileError, one line, for what names no file that the pages can run.
    """
    named, given = runs_and_files(cfg.run), given_rules(cfg.datamodule)
    if len(named) > 1 or any(one.endswith(SUFFIX) for one in named):
        kinds = None if cfg.files is None else list(cfg.files)
        return [file for one in named for file in _of_one(Path(one), kinds, cfg, given, alone=len(named) == 1)]
    known = files_to_time(named[0] if named else None, cfg.pareto_of, cfg.paths.runs, cfg.files)
    return _of_records(known, cfg, given)


def _of_one(path: Path, kinds: Sequence[str] | None, cfg: DictConfig, given: Given, *, alone: bool) -> list[Served]:
    """A file, or of a run the files of these kinds, without which the one that is recommended."""
    if path.suffix == SUFFIX:
        return [_loose(path, cfg, given)]
    if path.suffix and path.is_file():
        raise RecordError(f"{path}: the phone page runs {SUFFIX} files alone; want one, or a run's folder")
    advised = None if kinds or alone else advised_kind(read_record(path))
    wanted = list(kinds) if kinds else [advised] if advised else None
    return _of_records(files_to_time(str(path), None, cfg.paths.runs, wanted), cfg, given)


def _of_records(known: Sequence[tuple[Path, str]], cfg: DictConfig, given: Given) -> list[Served]:
    chosen = [(folder, kind) for folder, kind in known if in_apps(read_record(folder), kind)]
    if not chosen:
        raise RecordError(f"{', '.join(kind for _, kind in known)}: the phone page runs {SUFFIX} files alone")
    from training.finished_run import load_samples

    rules = {folder: device_rules(folder, given) for folder in dict.fromkeys(folder for folder, _ in chosen)}
    return [
        ServedFile(
            folder,
            kind,
            lambda record: load_samples(record, cfg.root, cfg.paths.cache),
            rules[folder],
            str(cfg.paths.cache),
            screen_given(cfg.datamodule),
        )
        for folder, kind in chosen
    ]


def _loose(path: Path, cfg: DictConfig, given: Given) -> Served:
    if not is_ours(path):
        return ForeignFile(path)
    file = LooseFile(path)
    file.screen_mm = screen_given(cfg.datamodule)
    known = file.metadata
    if known.get("grid"):
        file.rules = _rules(path.name, known.get("profile"), known["labels"], given)
    return file


def device_rules(folder: Path, given: Given) -> tuple[Rule, ...]:
    """The rules for a device's grade: those that were given, else the run's own; none for whole pictures.

    Says so where they cannot grade a device by the run's labels.
    """
    data = read_record(folder)["data"]
    if not data["preprocessing"]["grid"]:
        return ()
    return _rules(folder.name, data.get("profile"), data["class_names"], given)


def _rules(name: str, profile: Any, labels: Sequence[str], given: Given) -> tuple[Rule, ...]:
    try:
        return tuple(rules_of(profile, labels) if given is None else read_rules(given, labels))
    except DataError as error:
        print(f"note: {name}: no grade of the device, its cells only: {error}", file=sys.stderr)
        return ()
