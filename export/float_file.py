"""The float32 file of a network, with all that other kinds of files are made from."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from export.bias_correction import float_means
from export.mixed_precision import Bound
from export.ranges import ESTIMATORS, Range, Seen, observe
from export.runtime import FileModel

if TYPE_CHECKING:
    import pandas as pd

    from export.deployable import Deployable

CORRECTION_IMAGES = 24


class QuantizationError(ValueError):
    """A file that cannot be made; the message says what is missing."""


class Measures(Protocol):
    """See `export.measuring.Measuring`."""

    def float_file(self) -> "FloatFile":
        """The float32 file with the distance."""

    def figures(self, figures: dict[str, Any], answers: "pd.DataFrame") -> dict[str, Any]:
        """Figures of a file with those of its distances."""


@dataclass(frozen=True)
class FloatFile:
    """What every kind of file is made from."""

    data: bytes
    """A float32 TFLite file."""
    images: npt.NDArray[np.uint8]
    """The calibration part, `(n, H, W, 3)`."""
    kind: type[FileModel]
    """How it is read."""
    onnx: bytes = field(default=b"", repr=False)
    """The network as ONNX, from which `data` was converted."""
    network: "Callable[[], Deployable] | None" = field(default=None, repr=False)
    """The deployable network itself, on the processor."""
    retrain: "Callable[[int, float], FloatFile] | None" = field(default=None, repr=False)
    """(epochs, rate) → the float32 file of the network tuned under rounding, see `quantization_aware`."""
    measuring: "Measures | None" = field(default=None, repr=False)
    """Of the network, how far a picture lies from those of training."""
    bound: Bound | None = field(default=None, repr=False)
    """What a file may lose; None where there is nothing to judge by."""
    notes: dict[str, Any] = field(default_factory=dict, repr=False)
    """What is to be said in the record of the file that was made last."""
    _ranges: dict[str, dict[str, Range]] = field(default_factory=dict, repr=False)

    @cached_property
    def measured(self) -> "FloatFile":
        """The same for files that give the distance as well, made once. Raises QuantizationError or SpreadError."""
        if self.measuring is None:
            raise QuantizationError("a distance from the pictures of training wants a trained network beside the file")
        return replace(self.measuring.float_file(), bound=self.bound, notes=self.notes)

    @cached_property
    def seen(self) -> dict[str, Seen]:
        """Activations over the calibration images. Raises QuantizationError when there are none."""
        if not len(self.images):
            raise QuantizationError("the calibration part is empty: int8 has no ranges to go by")
        return observe(self.data, self.images)

    def ranges(self, estimator: str) -> dict[str, Range]:
        """The range of every activation by one of `ranges.ESTIMATORS`; worked out once."""
        if estimator not in self._ranges:
            self._ranges[estimator] = {name: ESTIMATORS[estimator](one) for name, one in self.seen.items()}
        return self._ranges[estimator]

    @cached_property
    def means(self) -> dict[str, npt.NDArray[np.float32]]:
        """Channel means over the images that biases are corrected by."""
        return float_means(self.data, self.images[:CORRECTION_IMAGES])

    @cached_property
    def blends(self) -> npt.NDArray[np.uint8]:
        """Means of two calibration images each, `(n - 1, H, W, 3)`, at most 100; one image is its own blend.

        A network is so sure of what it was trained on that rounding hardly shows. Of blends (Zhang et al. 2018,
        "mixup") it is as unsure as of new images.
        """
        first, second = (self.images[:-1], self.images[1:]) if len(self.images) > 1 else (self.images, self.images)
        return np.asarray((first[:100].astype(np.uint16) + second[:100]) // 2, np.uint8)

    @cached_property
    def other_blends(self) -> npt.NDArray[np.uint8]:
        """As `blends`, of images that lie further apart; of few images `blends` themselves."""
        apart = 7
        if len(self.images) <= apart:
            return self.blends
        first, second = self.images[:-apart][:100], self.images[apart:][:100]
        return np.asarray((first.astype(np.uint16) + second) // 2, np.uint8)

    @cached_property
    def other_probabilities(self) -> npt.NDArray[np.float32]:
        """Of `other_blends`, as `probabilities`."""
        return self.kind(self.data).probabilities(self.other_blends)

    @cached_property
    def probabilities(self) -> npt.NDArray[np.float32]:
        """Of the blends, `(n - 1, K)`, of files that mark pixels `(n - 1, H, W, K)`."""
        return self.kind(self.data).probabilities(self.blends)
