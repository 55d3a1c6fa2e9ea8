"""From a run's folder to its files: what `python -m export` and `export=all` share."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.utils import get_class, instantiate
from omegaconf import DictConfig, OmegaConf

from sweeps.figures import main_figure, plain
from sweeps.record import Record, RecordError, Status, find_runs, read_record, status_of

if TYPE_CHECKING:
    from datamodules.samples import Samples


def best_of_latest(runs: Path) -> Path:
    """The done run with the highest val accuracy, or Dice, of the sweep whose records changed last."""
    sweeps = [folder for folder in runs.glob("*/") if find_runs(folder)]
    for sweep in sorted(sweeps, key=lambda folder: max(f.stat().st_mtime for f in folder.glob("*/record.json")))[::-1]:
        done = []
        for folder in find_runs(sweep):
            record = read_record(folder)
            if record["status"] == Status.DONE:
                metrics = record["metrics"]
                name = plain(main_figure(metrics))
                value = float(metrics.get(f"val/{name}", metrics.get(f"val/last/{name}", 0.0)))
                done.append((name, value, folder))
        if done:  # figures of two tasks do not compare: the one that was trained last counts
            newest = max(done, key=lambda one: (one[2] / "record.json").stat().st_mtime)[0]
            return max(one[1:] for one in done if one[0] == newest)[1]
    raise RecordError(f"{runs}: no finished run in it; name one with run=<folder>")


def load_run(record: Record, checkpoint: Path) -> Any:
    """The trained module of a record, on the CPU."""
    from conf.build import build_module
    from lightning_modules.backbones.spec import Start
    from lightning_modules.inference import load_checkpoint

    begun = record["start"]
    eps = float(begun.get("eps", 1e-5))  # older records have none
    start = Start(begun["origin"], begun["padding"], tuple(begun["mean"]), tuple(begun["std"]), eps=eps)
    module = build_module(record["config"], start, len(record["data"]["class_names"]))
    load_checkpoint(module, checkpoint)
    return module


def load_samples(record: Record, root: str | None, cache: str | None) -> "Samples":
    """The data of a record, divided as it was. Raises RecordError when it is no longer the same."""
    settings = dict(record["config"]["datamodule"])
    settings |= {key: value for key, value in (("root", root), ("cache", cache)) if value is not None}
    if "folder" in settings and not Path(settings["folder"]).is_dir():  # where rendered sets lay when it was trained
        settings["folder"] = os.environ.get("GRIDLITE_DATA", "data")
    samples: Samples = instantiate(settings).load()
    if samples.fingerprint != record["data"]["fingerprint"]:
        raise RecordError(
            f"{settings['root']}: not the data that the run was trained on (fingerprint {samples.fingerprint}, the "
            f"record says {record['data']['fingerprint']}); root=<folder> names another place"
        )
    return samples


def export_run(folder: Path, cfg: DictConfig, *, root: str | None = None, cache: str | None = None) -> dict[str, Any]:
    """Makes the files that `cfg` asks for; returns their entries in the record.

    Args:
        folder: the run's; the caller holds its lock.
        cfg: with `export`, `quantization` and `latency`.
        root, cache: where the data lies now, None for where the record says.

    Raises RecordError for a run that is not done, CheckpointError, DataError or ExportError.

    """
    record = read_record(folder)
    status = status_of(folder, record)
    if record["status"] != Status.DONE:
        raise RecordError(f"{folder}: the run is {status}, only a done one can be exported")
    if cfg.export.checkpoint not in ("best", "last"):
        raise RecordError(f"export.checkpoint={cfg.export.checkpoint}: want best or last")
    checkpoint = folder / "checkpoints" / f"{cfg.export.checkpoint}.ckpt"
    if not checkpoint.exists():
        raise RecordError(f"{checkpoint}: no such checkpoint")
    samples = load_samples(record, root, cache)

    from conf.build import build_data
    from export.pipeline import Export

    task = record["config"]["task"]

    export = Export(
        folder, load_run(record, checkpoint), record, samples, cfg.export.checkpoint,
        get_class(task.get("files", "export.scores.GradeScores")), cfg.export.max_accuracy_drop,
        instantiate(cfg.quantization), instantiate(cfg.latency),
        lambda: build_data(OmegaConf.create(dict(record["config"])), samples),
    )  # fmt: skip
    return export.run()


def export_within(folder: Path, cfg: DictConfig) -> None:
    """The last part of a training job with `export=all`; what has been made before is not made again.

    Raises ExportError naming the kinds that could not be made.
    """
    made = read_record(folder).get("exports", {})
    there = {
        name for name, entry in made.items()
        if "path" in entry and (folder / entry["path"]).exists() and entry["checkpoint"] == cfg.export.checkpoint
    }  # fmt: skip
    missing = [str(name) for name in cfg.quantization if cfg.overwrite or name not in there]
    if not missing:
        return
    wanted = OmegaConf.create({name: cfg[name] for name in ("export", "latency", "paths")})
    wanted.quantization = OmegaConf.masked_copy(cfg.quantization, missing)
    entries = export_run(folder, wanted, root=cfg.datamodule.get("root"), cache=cfg.paths.cache)
    wrong = [f"{name}: {entry['error']}" for name, entry in entries.items() if "error" in entry]
    if wrong:
        raise RecordError("; ".join(wrong))
    main = next(main_figure(entry) for entry in entries.values())
    shown = ", ".join(f"{name} {entry[main]:.3f}" for name, entry in entries.items())
    print(f"exported, {main} of {shown}: {folder / 'export'}")
