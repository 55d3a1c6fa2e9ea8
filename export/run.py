"""From a run's folder to its files: what `python -m export` and `export=all` share."""

import hashlib
import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from export.check import problems
from jobs.trusted_config import trusted_config
from metrics.base import TaskMetrics
from metrics.figures import figure_text
from metrics.lookup import metrics_of
from sweeps.records.checkpoints import check_checkpoint, checkpoint_file
from sweeps.records.run_record import Record, RecordError, Status, exported_bytes, find_runs, read_record, read_run
from tasks.base import metrics_of_record, task_of_record
from training.finished_run import load_run

if TYPE_CHECKING:
    import pandas as pd


def best_of_latest(runs: Path) -> Path:
    """The done run that is best on the validation set, of the sweep whose records changed last."""
    sweeps = [folder for folder in runs.glob("*/") if find_runs(folder)]
    for sweep in sorted(sweeps, key=lambda folder: max(f.stat().st_mtime for f in folder.glob("*/record.json")))[::-1]:
        done = [
            (folder, record) for folder in find_runs(sweep) if (record := read_record(folder))["status"] == Status.DONE
        ]
        if not done:
            continue
        # figures of two tasks do not compare: the one that was trained last counts
        task = max(done, key=lambda one: (one[0] / "record.json").stat().st_mtime)[1]["axes"]["task"]
        metrics = metrics_of(str(task))
        worth = {
            folder: metrics.signed(_main_value(record, metrics))
            for folder, record in done
            if record["axes"]["task"] == task
        }
        return max(worth, key=lambda folder: worth[folder])
    raise RecordError(f"{runs}: no finished run in it; name one with run=<folder>")


def _main_value(record: Record, metrics: TaskMetrics) -> float:
    """The main figure on the validation set, of the checkpoint that ships."""
    return float(record["metrics"].get(f"val/{metrics.main}", metrics.signed(-math.inf)))


def export_run(folder: Path, cfg: DictConfig, *, root: str | None = None, cache: str | None = None) -> dict[str, Any]:
    """Makes the files that `cfg` asks for; returns their entries in the record.

    Args:
        folder: the run's; the caller holds its lock.
        cfg: with `export`, `quantization`, `latency` and `check`.
        root, cache: where the data lies now, None for where the record says.

    Raises RecordError for a run that is not done, CheckpointError, DataError, CheckError or ExportError.

    """
    record = read_run(folder)
    running = record["status"] == Status.RUNNING  # nobody else works on it: this process holds its lock
    status = Status.INTERRUPTED if running else Status(record["status"])
    if record["status"] != Status.DONE:
        raise RecordError(f"{folder}: the run is {status}, only a done one can be exported; want it trained to its end")
    check_checkpoint(cfg.export.checkpoint, "export.checkpoint")
    checkpoint = checkpoint_file(folder, record, cfg.export.checkpoint)
    if not checkpoint.exists():
        raise RecordError(f"{checkpoint}: no such checkpoint")
    from export.made_files import samples_of

    samples = samples_of(record, root, cache)
    promise: Callable[[str], Record] | None = None
    fold_answers: Callable[[str], tuple[pd.DataFrame, str]] | None = None
    if "whole_fit" in record:
        from export.formats.base import held_out
        from jobs.whole_fit import folds_of_record, networks_of
        from sweeps.analysis.expected import expected_of_file, rivals

        folds = folds_of_record(folder, record)
        methods = rivals(folds)
        members = networks_of(record["whole_fit"])

        def promise(kind: str) -> Record:
            return expected_of_file(methods, kind) | members

        fold_answers = partial(held_out, folds)

    from export.asking import promise_of, share_of
    from export.pipeline import Export
    from training.build import build_data

    task, most_missed = task_of_record(record), share_of(record, cfg.export.get("most_missed"))
    ask = None if most_missed is None else promise_of(folder, record, most_missed, checkpoint.stem)
    export = Export(
        folder, load_run(record, checkpoint), record, samples, checkpoint.stem,
        task.file_comparison, metrics_of_record(record), cfg.export.max_accuracy_drop,
        instantiate(cfg.format), instantiate(cfg.quantization), instantiate(cfg.latency),
        instantiate(cfg.check),
        lambda: build_data(OmegaConf.create(trusted_config(record)), samples), promise, fold_answers, ask, task.app_templates,
        settings_of(cfg),
    )  # fmt: skip
    return export.run()


def kinds_of(cfg: DictConfig) -> dict[str, str]:
    """The kinds of files that `format` and `quantization` ask for: kind → its format."""
    formats = instantiate(cfg.format)
    return {str(kind): str(name) for name, form in formats.items() for kind in form.kinds(cfg.quantization)}


def settings_of(cfg: DictConfig) -> dict[str, str]:
    """What each kind of file is made by: kind → 16 hex digits over its quantisation, its format and what it may lose."""
    lost = cfg.export.max_accuracy_drop

    def digest(kind: str, form: str) -> str:
        told = [OmegaConf.to_container(cfg[group].get(name) or OmegaConf.create(), resolve=True)
                for group, name in (("quantization", kind), ("format", form))]  # fmt: skip
        return hashlib.blake2b(json.dumps([*told, lost], sort_keys=True).encode(), digest_size=8).hexdigest()

    return {kind: digest(kind, form) for kind, form in kinds_of(cfg).items()}


def _is_whole(folder: Path, kind: str) -> bool:
    """Whether a file is there and what the record has of it: a kill may have come between the two."""
    try:
        exported_bytes(folder, kind)
    except RecordError:
        return False
    return True


def export_within(folder: Path, cfg: DictConfig) -> None:
    """The last part of a training job with `export=all`; what has been made before is not made again.

    One that was made by other settings is: a run is the same however its files are made. Raises ExportError naming the kinds that could not be made.
    """
    record = read_record(folder)
    checkpoint = checkpoint_file(folder, record, cfg.export.checkpoint).stem
    made = record.get("exports", {}) | record.get("unscored_files", {})
    settings = settings_of(cfg)
    there = {
        name for name, entry in made.items()
        if entry.get("checkpoint") == checkpoint and _is_whole(folder, name)
        and entry.get("settings", settings.get(name)) == settings.get(name)  # an earlier gridlite did not keep them
    }  # fmt: skip
    missing = {kind: form for kind, form in kinds_of(cfg).items() if cfg.overwrite or kind not in there}
    share = cfg.export.get("most_missed")
    if not missing:
        if share is not None and any(
            made[kind].get("ask", {}).get("most_missed") != share for kind in record["exports"]
        ):
            from export.asking import ask_of_run

            ask_of_run(folder, share)
        return
    wanted = OmegaConf.create({name: cfg[name] for name in ("export", "latency", "check", "paths")})
    wanted.format = OmegaConf.masked_copy(cfg.format, list(set(missing.values())))
    wanted.quantization = OmegaConf.masked_copy(
        cfg.quantization, [kind for kind in missing if kind in cfg.quantization]
    )
    entries = export_run(folder, wanted, root=cfg.datamodule.get("root"), cache=cfg.paths.cache)
    if wrong := problems(entries):
        raise RecordError("; ".join(wrong))
    main = f"val/{metrics_of_record(record).main}" if "whole_fit" not in record else "agreement"
    shown = ", ".join(f"{name} {figure_text(main, entry[main])}" for name, entry in entries.items())
    print(f"exported, {main} {'with torch ' * (main == 'agreement')}of {shown}: {folder / 'export'}")
