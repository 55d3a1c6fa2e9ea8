"""Trained on × tested on: `python -m pipelines cross folder=runs/wear_levels`, every run of a sweep on every data set of the sweep.

Writes `cross.csv` into the sweep's folder, which its report shows too.
"""

from pathlib import Path
from typing import Any

import hydra
import numpy as np
import pandas as pd
from omegaconf import DictConfig
from tqdm import tqdm

from choices import CONF
from cli.command_line import stop_or_report, want
from cli.train_schema import register
from jobs.leakage import kind_of
from metrics.grading import grade_metrics
from metrics.regression import number_metrics
from sweeps.records.cross_results import print_cross, write
from sweeps.records.run_record import Record, RecordError, Status, find_runs, read_record
from training.finished_run import load_run, load_samples

NOT_THE_DATA = ("fold", "cache", "root", "folder", "groups", "most_train")
"""Settings of a data set that do not tell one from another here."""
KEPT = {"regression": ("mae", "rmse", "r2", "bias"), "grading": ("accuracy", "macro_f1")}
"""Figures of a task."""
ABOUT = ("seed", "fold", "datamodule", "start")
"""Axes that do not tell one network from another, or that stand in a row by themselves."""

register()


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="cross")
def main(cfg: DictConfig) -> None:
    """Scores the best or last checkpoints and prints the table."""
    want(cfg, folder="a sweep's folder")
    sweep = Path(cfg.folder)
    with stop_or_report(sweep):
        rows = crossed(sweep, cfg.checkpoint)
        path = write(sweep, rows)
        print_cross(rows)
        print(f"cross: {path}")


def crossed(sweep: Path, checkpoint: str = "best") -> pd.DataFrame:
    """A row per run and data set: trained_on, tested_on, run, seed, fold, start, the other axes that differ, part, images, figures.

    A run is tested on the test part, or where there is none the val part, that the other data have at its own fold; of data of
    its own kind without the samples and sources that it was trained on or chosen by. Raises RecordError where there are no two
    data sets of one task and one set of classes.
    """
    if checkpoint not in ("best", "last"):
        raise RecordError(f"checkpoint={checkpoint}: want best or last")
    if not sweep.is_dir():
        raise RecordError(f"folder={sweep}: no such folder")
    records = {
        folder: record for folder in find_runs(sweep) if (record := read_record(folder))["status"] == Status.DONE
    }
    names = _names(records)
    kinds = {(record["config"]["encoding"].get("task", "grading"), tuple(record["data"]["class_names"]))
             for record in records.values()}  # fmt: skip
    if len(set(names.values())) < 2:
        raise RecordError(f"{sweep}: has finished runs on {len(set(names.values()))} data set; want two or more")
    if len({task for task, _ in kinds}) > 1 or ({task for task, _ in kinds} == {"grading"} and len(kinds) > 1):
        raise RecordError(f"{sweep}: its runs answer different questions; want one task and one list of classes")
    if kinds and next(iter(kinds))[0] == "segmentation":
        raise RecordError(f"{sweep}: task=segmentation is not crossed; want runs that grade or answer with numbers")
    keys = dict.fromkeys(key for record in records.values() for key in record["axes"])
    networks = [
        key for key in keys if key not in ABOUT and not (key.startswith("datamodule.") and key[11:] != "most_train")
    ]
    rows = []
    for folder, record in tqdm(records.items(), desc="testing", unit="run", leave=False, disable=None):
        module = load_run(record, folder / "checkpoints" / f"{checkpoint}.ckpt")
        for name in dict.fromkeys(names.values()):
            other = _counterpart(name, record, records, names)
            if other is None:
                continue
            about = {"trained_on": names[folder], "tested_on": name, "run": folder.name, "seed": record["seed"],
                     "fold": record["config"]["fold"], "start": record["start"]["origin"]}  # fmt: skip
            axes = {key: record["axes"].get(key) for key in networks}
            rows.append(about | axes | _figures(module, record, other))
    return pd.DataFrame(rows)


def _names(records: dict[Path, Record]) -> dict[Path, str]:
    """What each run's data are called: by their kind, where that differs, and the settings in which those of one kind differ,
    numbers and switches with their key.
    """
    kinds = {folder: str(record["axes"]["datamodule"]) for folder, record in records.items()}
    told = {folder: {key: value if isinstance(value, str) else f"{key}={value}"
                     for key, value in record["config"]["datamodule"].items() if key not in NOT_THE_DATA}
            for folder, record in records.items()}  # fmt: skip
    several = len(set(kinds.values())) > 1
    found = {}
    for folder, kind in kinds.items():
        alike = [told[other] for other in records if kinds[other] == kind]
        keys = dict.fromkeys(key for one in alike for key in one)
        differing = [told[folder].get(key, "–") for key in keys if len({one.get(key) for one in alike}) > 1]
        found[folder] = ", ".join([*([kind] if several or not differing else []), *differing])
    return found


def _counterpart(name: str, record: Record, records: dict[Path, Record], names: dict[Path, str]) -> Record | None:
    """A run's record on the data of that name and at the same fold: its own where it is trained on them."""
    same = [other for folder, other in records.items()
            if names[folder] == name and other["config"]["fold"] == record["config"]["fold"]]  # fmt: skip
    return record if record in same else next(iter(same), None)


def _figures(module: Any, record: Record, other: Record) -> dict[str, Any]:
    import torch

    from lightning_modules.inference import grade_images, read_off

    samples = load_samples(other, None, None)
    table = samples.table
    part = samples.evaluated[-1]
    free = (table.part == part).to_numpy(copy=True)
    if other is not record and _overlap(other["config"]["datamodule"], record["config"]["datamodule"]):
        own = load_samples(record, None, None).table
        seen = own[own.part.isin(["train", "val"])]
        here, there = (
            [one[name].str.removeprefix("rendered/") for name in ("sample", "source_id")] for one in (table, seen)
        )
        free &= ~(here[0].isin(there[0]) | here[1].isin(there[1])).to_numpy()
    chosen = np.flatnonzero(free)
    if not len(chosen):  # all of it is in this run's own train or val part
        return {"part": part, "images": 0} | dict.fromkeys(KEPT[samples.task], np.nan)
    images = samples.images(int(record["config"]["resolution"]))[chosen]
    batches = (torch.from_numpy(images[at : at + 64]).permute(0, 3, 1, 2) for at in range(0, len(images), 64))
    rows, classes = table.iloc[chosen], len(samples.class_names)
    if samples.task == "regression":
        found = number_metrics(rows.number.to_numpy(), read_off(module, batches), rows.label.to_numpy(), classes)
    else:
        found = grade_metrics(rows.label.to_numpy(), *grade_images(module, batches), ordered=samples.ordered)
    return {"part": part, "images": len(chosen)} | {name: found[name] for name in KEPT[samples.task]}


def _overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two data sets may share pictures: of one kind, in one place, or phones rendered alike."""
    places = [Path(str(root)).resolve() for data in (one, other) if (root := data.get("root"))]
    return kind_of(one) == kind_of(other) or len({*places}) < len(places) or bool(_drawn(one) & _drawn(other))


def _drawn(data: dict[str, Any]) -> set[tuple[Any, ...]]:
    """Which phones the renderer was asked for, if it was."""
    asked = [
        part
        for part in (data, data.get("rendered") or {})
        if part.get("render_seed") is not None and part.get("devices")
    ]
    return {(part["devices"], part["photos"], part["render_seed"]) for part in asked if part["photos"]}
