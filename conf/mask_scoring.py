"""What a record says of a network that marks defects: figures per part, counts per image, contours to look at."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from conf.point import Point
from datamodules.mask_samples import MaskSamples
from sweeps.mask_metrics import PixelCounts, mask_metrics
from sweeps.record import Record

if TYPE_CHECKING:
    import pandas as pd

    from datamodules.mask_loaders import MaskDataModule
    from lightning_modules.segmentation import SegmentationModule

COLOURS = (
    (255, 77, 79), (64, 169, 255), (250, 219, 20), (115, 209, 61), (179, 127, 235), (255, 146, 46), (54, 207, 201),
    (247, 89, 171),
)  # fmt: skip
"""Of the classes' contours, RGB."""
SHOWN = 8
"""Images in the picture: the worst on the val part."""


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

    from lightning_modules.inference import load_checkpoint
    from sweeps.curves import draw_curves
    from sweeps.metrics import epoch_metrics

    metrics: dict[str, Any] = epoch_metrics(history)
    frames = []
    mistakes: list[dict[str, Any]] = []
    for checkpoint, infix in (("last", "last/"), ("best", "")):
        path = point.folder / "checkpoints" / f"{checkpoint}.ckpt"
        if not path.exists():
            continue
        load_checkpoint(module, path)
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
    import torch

    from datamodules.mask_samples import packed

    module.eval()
    found: list[PixelCounts] = []
    given: list[npt.NDArray[np.uint8]] = []
    with torch.inference_mode():
        for batch in data.part_dataloader(part):
            masks = module.head.decode(module(batch.images.to(module.device)).float()).cpu().numpy()
            found.append(PixelCounts.of(batch.masks.numpy(), masks))
            given += [packed(one) for one in masks]
    both, true, said = (np.concatenate([getattr(one, name) for one in found]) for name in ("both", "true", "given"))
    return PixelCounts(both, true, said, found[0].pixels), np.stack(given)


def _rows(samples: MaskSamples, part: str, counts: PixelCounts) -> "pd.DataFrame":
    chosen = samples.table[samples.table.part == part][["sample", "source_id", "group", "part"]]
    return chosen.assign(both=list(counts.both), true=list(counts.true), given=list(counts.given), pixels=counts.pixels)


def draw_contours(
    folder: Path, samples: MaskSamples, resolution: int, counts: PixelCounts, given: npt.NDArray[np.uint8]
) -> list[dict[str, Any]]:
    """The worst images of the val part: true contours on the left, given ones on the right, a colour per class."""
    from PIL import Image

    either = counts.true + counts.given
    dice = np.where(either == 0, 1.0, 2 * counts.both / np.maximum(either, 1)).mean(axis=1)
    chosen = np.argsort(dice, kind="stable")[:SHOWN]
    members = np.flatnonzero(samples.table.part.to_numpy(str) == "val")
    images, bits = samples.images(resolution), samples.masks(resolution)
    classes = len(samples.class_names)
    rows = []
    for at in chosen:
        picture = images[members[at]]
        pair = [outlined(picture, masks, classes) for masks in (bits[members[at]], given[at])]
        rows.append(
            np.concatenate([np.pad(one, ((2, 2), (2, 2), (0, 0)), constant_values=255) for one in pair], axis=1)
        )
    Image.fromarray(np.concatenate(rows)).save(folder / "mistakes.jpg", quality=90)
    names = samples.table["sample"].to_numpy(str)
    return [{"sample": str(names[members[at]]), "dice": float(dice[at])} for at in chosen]


def outlined(picture: npt.NDArray[np.uint8], masks: npt.NDArray[np.uint8], classes: int) -> npt.NDArray[np.uint8]:
    """A copy of `(H, W, 3)` with a contour around every mask of `(H, W)` bits, a colour per class."""
    import cv2

    from datamodules.mask_samples import unpacked

    drawn = np.array(picture)
    for colour, mask in zip(COLOURS, unpacked(masks[None], classes)[0], strict=False):
        contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(drawn, contours, -1, colour, 1)
    return drawn
