"""A run's network that says how far a picture lies from those of training, as files are made of it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from datamodules.base.samples import Samples
from export.comparison import FileComparison, in_batches
from export.convert import to_float32, to_onnx
from export.deployable import deployable
from export.distance import DISTANCE, Distance, check_float32, features_of, spread_of, with_distances
from export.float_file import FloatFile
from lightning_modules.base import TaskModule
from metrics.unknown import Spread


@dataclass(frozen=True)
class Measuring:
    """See the module.

    Attributes:
        module: trained.
        samples: its data, divided as it was for training.
        resolution: pixels, of the shorter side.
        torch_says: the network's answers to what it is judged by.
        calibration_images: `(n, H, W, 3)`.

    """

    module: TaskModule
    samples: Samples
    resolution: int
    torch_says: FileComparison
    calibration_images: npt.NDArray[np.uint8]

    @cached_property
    def spread(self) -> Spread:
        """Where the features of the training samples lie. Raises SpreadError."""
        return spread_of(self.module, self.samples, self.resolution)

    def distances(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """Of images `(N, H, W, 3)` from those of training, by torch."""
        return self.spread.distances(features_of(self.module.network, in_batches(images)))

    def float_file(self) -> FloatFile:
        """The float32 file with the distance. Raises SpreadError where there is none, or it is not torch's."""
        size, says = self.samples.shape(self.resolution), self.torch_says
        shipped = deployable(self.module, size, says.answer, Distance(self.spread))
        data = to_float32(to_onnx(shipped, size, shipped.outputs))
        few = says.images[says.few[0]]
        told = [one[DISTANCE][0] for one in says.model(data).named_answers(few)]
        check_float32(self.distances(few), np.array(told, np.float64))
        return FloatFile(data, self.calibration_images, says.model)

    def figures(self, figures: dict[str, Any], answers: pd.DataFrame) -> dict[str, Any]:
        """Figures of a file with those of its distances, where its answers have any."""
        if DISTANCE not in answers:
            return figures
        return with_distances(figures, self.distances(self.torch_says.images), answers[DISTANCE].to_numpy(float))
