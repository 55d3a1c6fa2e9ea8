"""One run: compose, check, fit, test, record. A grid: `python train.py -m backbone=mobilenet,efficientnet_lite0`."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from omegaconf import DictConfig

from conf.command_line import answer, say_start, stop_or_report
from conf.point import Point, make_point
from conf.schema import register
from sweeps.record import Record, Status, failure_recorded, hold, is_finished, prepare_resume, update_record
from sweeps.surroundings import peak_memory_bytes, processor, versions

if TYPE_CHECKING:
    from datamodules.cell_loaders import CellDataModule
    from datamodules.phone_photos import Cells
    from lightning_modules.grading import GradingModule

HEADLINE = ("val/accuracy", "val/last/accuracy", "test/accuracy")

register()


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(cfg: DictConfig) -> str:
    """One job. Its record says how it ended; a failure ends a single run, but not the grid around it."""
    point = make_point(cfg)
    with stop_or_report(point.folder), hold(point.folder), failure_recorded(point.folder, point.identity):
        train(cfg, point)
    return str(point.folder)


def train(cfg: DictConfig, point: Point) -> None:
    """Decides, before torch is imported, whether there is anything to do; then fits, tests and records."""
    if point.problem is not None:
        raise point.problem
    if point.start is None:
        ending = {"status": Status.NOT_APPLICABLE, "error": point.not_applicable}
        update_record(point.folder, lambda _: point.identity | ending)
        print(f"not applicable: {point.not_applicable}")
        return
    began = time.perf_counter()
    cells: Cells = hydra.utils.instantiate(cfg.datamodule).load()
    if is_finished(point.folder, cells.fingerprint) and not cfg.overwrite:
        print(f"done before (overwrite=true trains again): {point.folder}")
        return
    cells.images(cfg.resolution)  # cut now: a broken photo is answered before the long imports
    say_start(point, cfg)
    resume = prepare_resume(point.folder, cells.fingerprint)
    update_record(point.folder, lambda _: opening(point, cells) | {"resumed": resume is not None})
    ready = time.perf_counter()
    module, data, history = fit(cfg, point, cells, resume)
    fitted = time.perf_counter()
    metrics = test(module, data, point, cells, history)
    seconds = {"data": ready - began, "fit": fitted - ready, "test": time.perf_counter() - fitted}
    ending = {"status": Status.DONE, "error": "", "metrics": metrics, "history": history}
    spent = {"seconds": seconds, "peak_memory_bytes": peak_memory_bytes()}
    update_record(point.folder, lambda record: record | ending | spent)
    shown = ", ".join(f"{name} {metrics[name]:.3f}" for name in HEADLINE if name in metrics)
    print(f"{shown}: {point.folder}")


def opening(point: Point, cells: "Cells") -> Record:
    """What a record holds from the start of its run."""
    data = {"fingerprint": cells.fingerprint, "class_names": list(cells.class_names), "cells": cells.counts()}
    data["sources"] = cells.table.groupby("part").source_id.nunique().to_dict()
    where = {"versions": versions(), "device": {"processor": processor()}}
    return point.identity | {"status": Status.RUNNING, "error": "", "data": data} | where


def fit(
    cfg: DictConfig, point: Point, cells: "Cells", resume: Path | None
) -> tuple["GradingModule", "CellDataModule", list[dict[str, float]]]:
    """Trains from the point's start, or goes on from the last whole epoch of an interrupted run."""
    from conf.build import build_data, build_module, build_trainer, seed_everything
    from lightning_modules.callbacks import History

    assert point.start is not None
    seed_everything(cfg.seed)
    module = build_module(cfg, point.start, len(cells.class_names))
    data = build_data(cfg, cells)
    history = History()
    with build_trainer(cfg, point, history) as trainer:
        trainer.fit(module, data, ckpt_path=resume)
    return module, data, history.epochs


def test(
    module: "GradingModule", data: "CellDataModule", point: Point, cells: "Cells", history: list[dict[str, float]]
) -> dict[str, Any]:
    """Figures of the val and test parts by the best and the last checkpoint; predictions and curves beside the record."""
    import pandas as pd

    from lightning_modules.inference import grade_images, load_checkpoint
    from sweeps.curves import draw_curves
    from sweeps.metrics import epoch_metrics, grade_metrics

    metrics = epoch_metrics(history)
    frames = []
    for checkpoint, infix in (("last", "last/"), ("best", "")):
        path = point.folder / "checkpoints" / f"{checkpoint}.ckpt"
        if not path.exists():
            continue
        load_checkpoint(module, path)
        for part in cells.evaluated:
            grades, probabilities = grade_images(module, (batch.images for batch in data.part_dataloader(part)))
            chosen = cells.table[cells.table.part == part]
            figures = grade_metrics(chosen.label.to_numpy(), grades, probabilities)
            metrics |= {f"{part}/{infix}{name}": value for name, value in figures.items()}
            columns = chosen[["sample", "source_id", "group", "part", "label"]]
            frames.append(columns.assign(grade=grades, probabilities=list(probabilities), checkpoint=checkpoint))
    pd.concat(frames).to_parquet(point.folder / "predictions.parquet", index=False)
    majority = max(cells.counts()["val"]) / sum(cells.counts()["val"])
    draw_curves(history, point.title, point.folder / "curves.png", majority)
    return metrics


if __name__ == "__main__":
    answer(main, "train")
