"""What a run's record says of its data at the start and of its network at the end."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.job import Point

if TYPE_CHECKING:
    from datamodules.base.loaders import CellDataModule
    from datamodules.base.samples import Samples
    from lightning_modules.grading import GradingModule


def score(
    module: "GradingModule", data: "CellDataModule", point: Point, samples: "Samples", history: list[dict[str, float]]
) -> dict[str, Any]:
    """Figures of the val and test parts by the best and the last checkpoint; predictions and curves beside the record."""
    import pandas as pd

    from lightning_modules.checkpoints import each_checkpoint
    from lightning_modules.inference import grade_images
    from metrics.grading import epoch_metrics, grade_metrics
    from sweeps.report.learning_curves import draw_curves

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
