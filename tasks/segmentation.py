"""Each pixel gets a yes or no for each class."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, override

import numpy as np
import numpy.typing as npt

from metrics.segmentation import LEAST_SHARE
from storage.whole_file import replaced
from sweeps.records.run_record import Record
from tasks.base import Predictor, Task
from tasks.evaluation import COLUMNS, evaluate_checkpoints
from tasks.predictors import FilePredictor, Images, RunPredictor

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from datamodules.base.samples import Samples
    from datamodules.masks.masked import Masked
    from heads.base import Head
    from jobs.job import Job
    from lightning_modules.backbones.base import Backbone
    from lightning_modules.base import TaskModule, TrainingSettings
    from metrics.segmentation import PixelCounts
    from tasks.segmentation_files import MaskComparison, MaskModel

WORST = 4
"""Images of the validation set that are drawn, and beside them those at these shares of all, in order of their Dice."""
QUANTILES = (0.1, 0.25, 0.5, 0.9)


@dataclass(kw_only=True)
class Segmentation(Task):
    """See the module.

    Args:
        decoder_channels, grey, freeze_encoder: see `SegmentationModule`.

    """

    decoder_channels: Sequence[int] | None = None
    grey: bool = False
    freeze_encoder: bool = False

    @override
    def module(self, backbone: "Backbone", head: "Head", settings: "TrainingSettings") -> "TaskModule":
        from heads.binary import BinaryHead
        from lightning_modules.segmentation import SegmentationModule

        assert isinstance(head, BinaryHead)
        return SegmentationModule(
            backbone, head, settings, decoder_channels=self.decoder_channels, grey=self.grey,
            freeze_encoder=self.freeze_encoder,
        )  # fmt: skip

    @override
    def evaluate(
        self,
        module: "TaskModule",
        data: Any,
        job: "Job",
        samples: "Samples",
        history: list[dict[str, float]],
        shipped: str,
    ) -> Record:
        """Predictions are per image and class: true, given and common pixels; mistakes.jpg has true and given contours."""
        from metrics.epochs import epoch_metrics
        from metrics.lookup import metrics_of
        from metrics.segmentation import empty_baseline, mask_metrics
        from sweeps.report.learning_curves import draw_curves

        baseline: dict[str, Any] = {"answer": "always nothing", "value": None}
        mistakes: list[dict[str, Any]] = []

        def answer(part: str, _: str) -> tuple[dict[str, Any], "pd.DataFrame"]:
            counts, given = _counted(module, part, data)
            baseline.update({f"{part}/{name}": value for name, value in empty_baseline(counts).items()})
            if part == "val":
                mistakes[:] = _draw_contours(job, samples, counts, given)  # type: ignore[arg-type]
            rows = samples.table[samples.table.part == part][COLUMNS]
            pixels = {name: list(getattr(counts, name)) for name in ("both", "true", "given")}
            return mask_metrics(counts), rows.assign(**pixels, pixels=counts.pixels)

        metrics = metrics_of(job.axes["task"])
        found, _ = evaluate_checkpoints(module, job.folder, samples, shipped, data, answer)
        draw_curves(history, metrics, job.title, job.folder / "curves.png", baseline[f"val/{metrics.curve}"])
        return {
            "metrics": epoch_metrics(history, metrics, job.cfg.callbacks.monitor, shipped) | found,
            "baseline": baseline,
            "mistakes": mistakes,
        }

    @override
    def figures(
        self, module: "TaskModule", samples: "Samples", chosen: npt.NDArray[np.intp], resolution: int
    ) -> dict[str, Any]:
        from datamodules.masks.bits import unpacked
        from datamodules.masks.masked import Masked
        from export.comparison import in_batches
        from lightning_modules.inference import predict_masks
        from metrics.segmentation import PixelCounts, mask_metrics

        assert isinstance(samples, Masked)
        bits, classes = samples.masks(resolution)[chosen], len(samples.class_names)
        found, at = [], 0
        for masks, _ in predict_masks(module, in_batches(samples.images(resolution)[chosen], 16)):
            found.append(PixelCounts.of(unpacked(bits[at : at + len(masks)], classes), masks.numpy()))
            at += len(masks)
        return mask_metrics(PixelCounts.joined(found))

    @override
    def predictor(self, given: Path, checkpoint: str = "shipped") -> Predictor:
        return segmenter_of(given, checkpoint)

    @property
    @override
    def file_comparison(self) -> "type[MaskComparison]":
        from tasks.segmentation_files import MaskComparison

        return MaskComparison

    @property
    @override
    def app_templates(self) -> Path:
        return Path(__file__).parent / "app" / Path(__file__).stem

    @property
    @override
    def view(self) -> Path:
        return Path(__file__).with_suffix(".js")


def _counted(module: "TaskModule", part: str, data: Any) -> tuple["PixelCounts", npt.NDArray[np.uint8]]:
    """Pixels of a part by the module as it is, and the given masks, a bit per class `(N, H, W)`."""
    from datamodules.masks.bits import packed
    from lightning_modules.inference import predict_masks
    from metrics.segmentation import PixelCounts

    found: list[PixelCounts] = []
    given: list[npt.NDArray[np.uint8]] = []
    truth: deque[npt.NDArray[np.bool_]] = deque()

    def images() -> Iterator["Tensor"]:
        for batch in data.part_dataloader(part):
            truth.append(batch.masks.numpy())
            yield batch.images

    for masks, _ in predict_masks(module, images()):
        found.append(PixelCounts.of(truth.popleft(), masks.numpy()))
        given += [packed(one) for one in masks.numpy()]
    return PixelCounts.joined(found), np.stack(given)


def _draw_contours(
    job: "Job", samples: "Masked", counts: "PixelCounts", given: npt.NDArray[np.uint8]
) -> list[dict[str, Any]]:
    """Images of the validation set from the worst on: truth and answer, outlined in a colour per class → mistakes.jpg."""
    from PIL import Image

    from datamodules.masks.bits import unpacked
    from datamodules.masks.contours import beside, in_rows, legend
    from metrics.segmentation import mean_dice

    resolution = int(job.config["resolution"])
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
    drawn = Image.fromarray(np.concatenate([sheet, legend(sheet.shape[1], samples.class_names)]))
    with replaced(job.folder / "mistakes.jpg") as file:
        drawn.save(file, quality=88)
    return [{"sample": str(names[members[at]]), "dice": float(dice[at])} for at in chosen]


class _Segmenter:
    """What segmenters of both kinds do with a folder."""

    min_pixels: int = 0
    min_share: float = LEAST_SHARE

    def keep_from(self, pixels: int, share: float) -> None:
        """A class is there from so many pixels of a picture on, and from so large a share of it."""
        self.min_pixels, self.min_share = pixels, share

    def marked(self, images: Images) -> npt.NDArray[np.bool_]:
        """Raw RGB `(N, height, width, 3)` → masks `(N, K, height, width)`, without classes of fewer pixels than are kept."""
        from tasks.segmentation_folder import specks

        masks = (self.probabilities(images) > self.threshold).transpose(0, 3, 1, 2)  # type: ignore[attr-defined]
        for one in masks:
            one[specks(one, self)] = False  # type: ignore[arg-type]
        return np.asarray(masks)

    def predict_folder(self, root: Path, table: Path, batch_size: int, pictures: str = "auto") -> str:
        """See `tasks.base.Predictor`."""
        from tasks.segmentation_cells import mark_cells
        from tasks.segmentation_folder import mark_folder

        if self.preprocessing.get("grid"):  # type: ignore[attr-defined]
            return mark_cells(root, self, table, pictures)  # type: ignore[arg-type]
        return mark_folder(root, self, table)  # type: ignore[arg-type]


class RunSegmenter(_Segmenter, RunPredictor):
    """By a run's checkpoint."""

    @property
    def threshold(self) -> float:
        """A pixel whose probability is above belongs to the class."""
        return float(self.record["config"]["encoding"]["threshold"])

    def probabilities(self, images: Images) -> npt.NDArray[np.float32]:
        """Raw RGB `(N, height, width, 3)` → `(N, height, width, K)`."""
        import torch

        from lightning_modules.inference import predict_masks

        given = torch.cat([chances for _, chances in predict_masks(self.module, self.batches(images, 8))])
        return np.asarray(given.permute(0, 2, 3, 1).numpy(), np.float32)


class FileSegmenter(_Segmenter, FilePredictor):
    """By an exported file."""

    @property
    def threshold(self) -> float:
        """As in `RunSegmenter`."""
        return float(self.described["threshold"])

    @override
    def file_model(self) -> "type[MaskModel]":
        from tasks.segmentation_files import MaskModel

        return MaskModel

    def probabilities(self, images: Images) -> npt.NDArray[np.float32]:
        """As in `RunSegmenter`."""
        found: npt.NDArray[np.float32] = self.model.probabilities(images)
        return found


def segmenter_of(given: Path, checkpoint: str = "shipped", threads: int = 2) -> RunSegmenter | FileSegmenter:
    """Of a run's folder, by its shipped, best or last checkpoint, or of an exported .tflite file, which computes with so many threads."""
    return FileSegmenter(given, threads) if given.suffix == ".tflite" else RunSegmenter(given, checkpoint)
