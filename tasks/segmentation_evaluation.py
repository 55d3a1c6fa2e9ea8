"""What a record says of a network that marks defects: figures per part, counts per image, contours to look at."""

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from datamodules.masks.samples import MaskSamples
from jobs.job import Point
from lightning_modules.checkpoints import each_checkpoint
from metrics.segmentation import PixelCounts, mask_metrics, mean_dice
from sweeps.records.run_record import Record

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from datamodules.masks.loaders import MaskDataModule
    from lightning_modules.segmentation import SegmentationModule

WORST = 4
"""Images of the val part that are drawn, and beside them those at these shares of all, in order of their Dice."""
QUANTILES = (0.1, 0.25, 0.5, 0.9)


def score(
    module: "SegmentationModule",
    data: "MaskDataModule",
    point: Point,
    samples: MaskSamples,
    history: list[dict[str, float]],
    resolution: int,
) -> Record:
    """Figures of the val and test parts by the best and the last checkpoint.

    Beside the record: predictions.parquet (per image and class: true, given and common pixels), curves.png, and
    mistakes.jpg, the worst of the val part with true and given contours.
    """
    import pandas as pd

    from metrics.grading import epoch_metrics
    from sweeps.report.learning_curves import draw_curves

    metrics: dict[str, Any] = epoch_metrics(history)
    frames = []
    mistakes: list[dict[str, Any]] = []
    for checkpoint, infix in each_checkpoint(module, point.folder):
        for part in samples.evaluated:
            counts, given = counted(module, data, part)
            metrics |= {f"{part}/{infix}{name}": value for name, value in mask_metrics(counts).items()}
            frames.append(_rows(samples, part, counts).assign(checkpoint=checkpoint))
            if part == "val":
                mistakes = draw_contours(point.folder, samples, resolution, counts, given)
    pd.concat(frames).to_parquet(point.folder / "predictions.parquet", index=False)
    draw_curves(history, point.title, point.folder / "curves.png")
    return {"metrics": metrics, "mistakes": mistakes}


def counted(
    module: "SegmentationModule", data: "MaskDataModule", part: str
) -> tuple[PixelCounts, npt.NDArray[np.uint8]]:
    """Pixels of a part by the module as it is, and the given masks, a bit per class `(N, H, W)`."""
    from datamodules.masks.bits import packed
    from lightning_modules.inference import mark_images

    found: list[PixelCounts] = []
    given: list[npt.NDArray[np.uint8]] = []
    truth: deque[npt.NDArray[np.bool_]] = deque()

    def images() -> Iterator["Tensor"]:
        for batch in data.part_dataloader(part):
            truth.append(batch.masks.numpy())
            yield batch.images

    for masks, _ in mark_images(module, images()):
        found.append(PixelCounts.of(truth.popleft(), masks.numpy()))
        given += [packed(one) for one in masks.numpy()]
    both, true, said = (np.concatenate([getattr(one, name) for one in found]) for name in ("both", "true", "given"))
    return PixelCounts(both, true, said, found[0].pixels), np.stack(given)


def _rows(samples: MaskSamples, part: str, counts: PixelCounts) -> "pd.DataFrame":
    chosen = samples.table[samples.table.part == part][["sample", "source_id", "group", "part"]]
    return chosen.assign(both=list(counts.both), true=list(counts.true), given=list(counts.given), pixels=counts.pixels)


def draw_contours(
    folder: Path, samples: MaskSamples, resolution: int, counts: PixelCounts, given: npt.NDArray[np.uint8]
) -> list[dict[str, Any]]:
    """Images of the val part from the worst on: truth and answer, outlined in a colour per class → mistakes.jpg."""
    from PIL import Image

    from datamodules.masks.bits import unpacked
    from datamodules.masks.contours import beside, in_rows, legend

    dice = mean_dice(counts)
    order = np.argsort(dice, kind="stable")
    worst = min(WORST, len(order))
    spread = [round(share * (len(order) - 1)) for share in QUANTILES]
    chosen = order[sorted({*range(worst), *(place for place in spread if place >= worst)})]
    members = np.flatnonzero(samples.table.part.to_numpy(str) == "val")
    images, bits = samples.images(resolution), samples.masks(resolution)
    names, classes = samples.table["sample"].to_numpy(str), len(samples.class_names)
    pairs = []
    for at in chosen:
        masks = [unpacked(one[None], classes)[0] for one in (bits[members[at]], given[at])]
        pairs.append(
            beside(images[members[at]], masks, f"Dice {dice[at]:.2f}, {names[members[at]]}: truth, then answer")
        )
    sheet = in_rows(pairs)
    Image.fromarray(np.concatenate([sheet, legend(sheet.shape[1], samples.class_names)])).save(
        folder / "mistakes.jpg", quality=88
    )
    return [{"sample": str(names[members[at]]), "dice": float(dice[at])} for at in chosen]
