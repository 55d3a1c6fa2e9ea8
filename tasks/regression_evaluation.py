"""What a record says of a network that answers with numbers: figures per part, true against given ones, the largest errors."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from datamodules.image_numbers import NumberedImages
from jobs.job import Point
from lightning_modules.checkpoints import each_checkpoint
from metrics.regression import number_metrics, plateau
from sweeps.records.run_record import Record
from sweeps.report.scatter import draw_scatter

if TYPE_CHECKING:
    import pandas as pd

    from datamodules.base.loaders import CellDataModule
    from lightning_modules.regression import RegressionModule

MOST, SIDE = 16, 96
"""Images among the largest errors that are drawn, and their side, pixels."""


def score(
    module: "RegressionModule",
    data: "CellDataModule",
    point: Point,
    samples: NumberedImages,
    history: list[dict[str, float]],
    resolution: int,
) -> Record:
    """Figures of the val and test parts by the best and the last checkpoint.

    Beside the record: predictions.parquet (per image and checkpoint: number, given_number, band, span), curves.png, numbers.jpg
    (true against given numbers of the val part), and mistakes.jpg, its largest errors.
    """
    import pandas as pd

    from lightning_modules.inference import read_off
    from metrics.grading import epoch_metrics
    from sweeps.report.learning_curves import draw_curves

    table, head = samples.table, module.head
    train, val = (table.number[table.part == part].to_numpy() for part in ("train", "val"))
    stuck = plateau(train, val, history)
    metrics: dict[str, Any] = epoch_metrics(history) | stuck
    frames = []
    for checkpoint, infix in each_checkpoint(module, point.folder):
        for part in samples.evaluated:
            chosen = table[table.part == part]
            given = read_off(module, (batch.images for batch in data.part_dataloader(part)))
            figures = number_metrics(chosen.number.to_numpy(), given, chosen.label.to_numpy(), len(samples.class_names))
            metrics |= {f"{part}/{infix}{name}": value for name, value in figures.items()}
            columns = chosen[["sample", "source_id", "group", "part", "number"]].assign(band=chosen.label)
            frames.append(columns.assign(given_number=given, span=head.high - head.low, checkpoint=checkpoint))
    everything = pd.concat(frames)
    everything.to_parquet(point.folder / "predictions.parquet", index=False)
    draw_curves(history, point.title, point.folder / "curves.png", stuck["val/constant_mae"])
    checkpoint = "best" if (everything.checkpoint == "best").any() else "last"
    shown = everything[(everything.part == "val") & (everything.checkpoint == checkpoint)]
    column = str(point.config["datamodule"].get("column", "number"))
    draw_scatter(shown, column, (head.low, head.high), point.folder / "numbers.jpg")
    return {"metrics": metrics, "mistakes": _draw_errors(point.folder, resolution, samples, shown)}


def _draw_errors(folder: Path, resolution: int, samples: NumberedImages, shown: "pd.DataFrame") -> list[dict[Any, Any]]:
    """The largest errors: `mistakes.jpg`, a row of squares, and what they are."""
    from PIL import Image

    order = (shown.given_number - shown.number).abs().to_numpy().argsort()[::-1][:MOST]
    worst = shown.iloc[order]
    place = {name: at for at, name in enumerate(samples.table["sample"])}
    images = samples.images(resolution)
    row = Image.new("RGB", (SIDE * len(worst), SIDE))
    for at, name in enumerate(worst["sample"]):
        row.paste(Image.fromarray(np.asarray(images[place[name]])).resize((SIDE, SIDE)), (SIDE * at, 0))
    row.save(folder / "mistakes.jpg", quality=85)
    columns = {"sample": "sample", "number": "number", "given_number": "given"}
    return [dict(one) for one in worst[list(columns)].rename(columns=columns).to_dict("records")]
