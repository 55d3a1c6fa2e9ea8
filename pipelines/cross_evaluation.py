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
from cli.command_line import require_keys, stop_or_report
from cli.train_schema import register
from jobs.leakage import data_set_class, pictures_of
from jobs.trusted_config import trusted_config
from sweeps.records.checkpoints import check_checkpoint, checkpoint_file
from sweeps.records.cross_results import print_cross, write
from sweeps.records.run_record import Record, RecordError, Status, find_runs, read_record
from tasks.base import metrics_of_record, task_of_record
from training.finished_run import load_run, load_samples

ABOUT = ("seed", "fold", "datamodule", "initial_weights", "task")
"""Axes that do not tell one network from another, or that stand in a row by themselves."""

register()


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="cross")
def main(cfg: DictConfig) -> None:
    """Scores the checkpoints that ship, or those of one name, and prints the table."""
    require_keys(cfg, folder="a sweep's folder")
    sweep = Path(cfg.folder)
    with stop_or_report(sweep):
        rows = crossed(sweep, cfg.checkpoint)
        path = write(sweep, rows)
        print_cross(rows)
        print(f"cross: {path}")


def crossed(sweep: Path, checkpoint: str = "shipped") -> pd.DataFrame:
    """A row per run and data set: trained_on, tested_on, run, seed, fold, initial_weights, the other axes that differ, part, images, figures.

    A run is tested on the test set, or where there is none the validation set, that the other data have at its own fold; of data of
    its own kind without the samples and sources that it was trained on or chosen by. Raises RecordError where there are no two
    data sets of one task and one set of classes.
    """
    check_checkpoint(checkpoint)
    if not sweep.is_dir():
        raise RecordError(f"folder={sweep}: no such folder")
    records = {
        folder: record for folder in find_runs(sweep) if (record := read_record(folder))["status"] == Status.DONE
    }
    names = _names(records)
    tasks = {str(record["axes"]["task"]) for record in records.values()}
    classes = {
        tuple(record["data"]["class_names"])
        for record in records.values()
        if record["config"]["encoding"].get("output_per_class", True)
    }
    if len(set(names.values())) < 2:
        raise RecordError(f"{sweep}: has finished runs on {len(set(names.values()))} data set; want two or more")
    if len(tasks) > 1 or len(classes) > 1:
        raise RecordError(f"{sweep}: its runs answer different questions; want one task and one list of classes")
    keys = dict.fromkeys(key for record in records.values() for key in record["axes"])
    networks = [
        key for key in keys if key not in ABOUT and not (key.startswith("datamodule.") and key[11:] != "most_train")
    ]
    rows = []
    for folder, record in tqdm(records.items(), desc="testing", unit="run", leave=False, disable=None):
        module = load_run(record, checkpoint_file(folder, record, checkpoint))
        for name in dict.fromkeys(names.values()):
            other = _counterpart(name, record, records, names)
            if other is None:
                continue
            about = {"trained_on": names[folder], "tested_on": name, "run": folder.name, "seed": record["seed"],
                     "fold": record["config"]["fold"], "initial_weights": record["initial_weights"]["origin"], "task": record["axes"]["task"]}  # fmt: skip
            axes = {key: record["axes"].get(key) for key in networks}
            rows.append(about | axes | _figures(module, record, other))
    return pd.DataFrame(rows)


def _names(records: dict[Path, Record]) -> dict[Path, str]:
    """What each run's data are called: by their kind, where that differs, and the settings in which those of one kind differ,
    numbers and switches with their key.
    """
    kinds = {folder: str(record["axes"]["datamodule"]) for folder, record in records.items()}
    told = {folder: {key: value if isinstance(value, str) else f"{key}={value}"
                     for key, value in record["config"]["datamodule"].items() if key not in _beside_the_point(record)}
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


def _beside_the_point(record: Record) -> set[str]:
    """Settings of a data set that do not tell one from another here."""
    cls = data_set_class(trusted_config(record)["datamodule"])
    return {"fold", *cls.location_keys, *cls.amount_keys}


def _figures(module: Any, record: Record, other: Record) -> dict[str, Any]:
    """Of a network on the part of other data that nothing was chosen by, less what it was trained on or chosen by."""
    samples = load_samples(other, None, None)
    table, part = samples.table, samples.evaluated[-1]
    free = (table.part == part).to_numpy(copy=True)
    if other is not record and _overlap(record, other):
        own = load_samples(record, None, None)
        seen = own.table.part.isin(["train", "val"])
        for here, there in zip(samples.original_names(), own.original_names(), strict=True):
            free &= ~here.isin(there[seen]).to_numpy()
    chosen, task = np.flatnonzero(free), task_of_record(record)
    names = metrics_of_record(record).crossed
    if not len(chosen):  # all of it is in this run's own training or validation set
        return {"part": part, "images": 0} | dict.fromkeys(names, np.nan)
    found = task.figures(module, samples, chosen, int(record["config"]["resolution"]))
    return {"part": part, "images": len(chosen)} | {name: found[name] for name in names}


def _overlap(record: Record, other: Record) -> bool:
    """Whether two data sets may share pictures."""
    each = [
        [one for trained in (True, False) for one in pictures_of(trusted_config(of)["datamodule"], trained=trained)]
        for of in (record, other)
    ]
    return any(one.same(two) for one in each[0] for two in each[1])
