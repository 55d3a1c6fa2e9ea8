"""What a run's record says of its data at the start and of its network at the end."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.utils import get_method
from omegaconf import DictConfig

from conf.checkpoints import each_checkpoint
from conf.point import Point
from sweeps.record import Record, Status
from sweeps.surroundings import processor, versions

if TYPE_CHECKING:
    from datamodules.cell_loaders import CellDataModule
    from datamodules.samples import Samples
    from lightning_modules.grading import GradingModule

HEADLINE = tuple(f"{part}/{name}" for name in ("accuracy", "dice", "mae") for part in ("val", "val/last", "test"))


def headline(result: Record) -> str:
    """What a finished training is told by, or why there is nothing to tell."""
    metrics = result.get("metrics", {})
    return ", ".join(
        f"{name} {metrics[name]:{'.3g' if name.endswith('mae') else '.3f'}}" for name in HEADLINE if name in metrics
    ) or str(result["error"])


def opening(point: Point, samples: "Samples", before: Record) -> Record:
    """What a record holds from the start of its run; `before` is the record of an interrupted one that goes on, or empty."""
    data: dict[str, Any] = {
        "fingerprint": samples.fingerprint,
        "class_names": list(samples.class_names),
        "ordered": samples.ordered,
        "preparation": samples.preparation,
        "left_out": samples.left_out,
        "cells": samples.counts(),
        "images": samples.table.part.value_counts().to_dict(),
    }
    data["sources"] = samples.table.groupby("part").source_id.nunique().to_dict()
    where = {"versions": versions(), "device": {"processor": processor()}}
    kept = {key: before[key] for key in ("speed",) if key in before} | {"resumed": bool(before)}
    return point.identity | {"status": Status.RUNNING, "error": "", "data": data} | where | kept


def scored(
    cfg: DictConfig, module: Any, data: Any, point: Point, samples: "Samples", history: list[dict[str, float]]
) -> Record:
    """What its task says of a trained network: `metrics`, `mistakes`, `weights`, of a student `temperature`; files beside the record."""
    sizes: Record = {"weights": sum(one.numel() for part in (module.network, module.head) for one in part.parameters())}
    if of_teachers := getattr(module, "teacher_weights", 0):
        sizes["teacher_weights"] = of_teachers
    if (heat := getattr(module, "temperature", None)) is not None:
        sizes["temperature"] = float(heat)  # which may have been learned
    if "score" in cfg.task:
        found: Record = get_method(cfg.task.score)(module, data, point, samples, history, cfg.resolution)
        return sizes | found
    metrics = score(module, data, point, samples, history)
    return sizes | {"metrics": metrics, "mistakes": draw_mistakes(point.folder, cfg.resolution, samples)}


def score(
    module: "GradingModule", data: "CellDataModule", point: Point, samples: "Samples", history: list[dict[str, float]]
) -> dict[str, Any]:
    """Figures of the val and test parts by the best and the last checkpoint; predictions and curves beside the record."""
    import pandas as pd

    from lightning_modules.inference import grade_images
    from sweeps.curves import draw_curves
    from sweeps.metrics import epoch_metrics, grade_metrics

    metrics = epoch_metrics(history)
    frames = []
    for checkpoint, infix in each_checkpoint(module, point.folder):
        for part in samples.evaluated:
            grades, probabilities = grade_images(module, (batch.images for batch in data.part_dataloader(part)))
            chosen = samples.table[samples.table.part == part]
            figures = grade_metrics(chosen.label.to_numpy(), grades, probabilities, ordered=samples.ordered)
            metrics |= {f"{part}/{infix}{name}": value for name, value in figures.items()}
            columns = chosen[["sample", "source_id", "group", "part", "label"]]
            frames.append(columns.assign(grade=grades, probabilities=list(probabilities), checkpoint=checkpoint))
    everything = pd.concat(frames)
    everything.to_parquet(point.folder / "predictions.parquet", index=False)
    majority = max(samples.counts()["val"]) / sum(samples.counts()["val"])
    draw_curves(history, point.title, point.folder / "curves.png", majority)
    return metrics


def draw_mistakes(
    folder: Path, resolution: int, samples: "Samples", *, most: int = 16, side: int = 96
) -> list[dict[str, Any]]:
    """The surest wrong answers on the val part by the best epoch: `mistakes.jpg`, a row of squares, and what they are.

    Either the network is wrong there or the label.
    """
    import pandas as pd
    from PIL import Image

    given = pd.read_parquet(folder / "predictions.parquet")
    checkpoint = "best" if (given.checkpoint == "best").any() else "last"
    wrong = given[(given.part == "val") & (given.checkpoint == checkpoint) & (given.grade != given.label)]
    chances = [float(of[given]) for of, given in zip(wrong.probabilities, wrong.grade, strict=True)]
    worst = wrong.assign(probability=chances).sort_values("probability", ascending=False).head(most)
    if not len(worst):
        (folder / "mistakes.jpg").unlink(missing_ok=True)
        return []
    place = {name: at for at, name in enumerate(samples.table["sample"])}
    images = samples.images(resolution)
    row = Image.new("RGB", (side * len(worst), side))
    for at, name in enumerate(worst["sample"]):
        row.paste(Image.fromarray(images[place[name]]).resize((side, side)), (side * at, 0))
    row.save(folder / "mistakes.jpg", quality=85)
    names = ["sample", "label", "grade", "probability"]
    return [{name: one[name] for name in names} for one in worst.to_dict("records")]
