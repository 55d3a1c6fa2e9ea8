"""What all data sets with a mask per class share."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from datamodules.base.errors import DataError
from datamodules.base.samples import Samples
from datamodules.base.splits import PARTS

if TYPE_CHECKING:
    import pytorch_lightning as pl


class Masked(Samples):
    """Samples whose labels are masks.

    Attributes:
        labels: which classes each sample has, `(N, K)` bool.

    """

    labels: npt.NDArray[np.bool_]

    targets: ClassVar[str] = "masks"
    one_class_each: ClassVar[bool] = False

    def loaders(self, resolution: int, **settings: Any) -> "pl.LightningDataModule":
        """Loaders over the parts; `settings` as `MaskDataModule` has them, and `cache_on_device`, which masks have no use for.

        Raises DataError for an augmentation that masks could not follow.
        """
        from datamodules.masks.loaders import MaskArrays, MaskDataModule

        augmentation = settings["augmentation"]
        if augmentation.changes and not hasattr(augmentation, "on_pair"):
            raise DataError("augmentation: moves images alone; of those whose masks follow there are none and steel")
        parts = self.table.part.to_numpy(str)
        arrays = MaskArrays(self.images(resolution), self.masks(resolution), self.types, parts, len(self.class_names))
        return MaskDataModule(arrays, **{key: value for key, value in settings.items() if key != "cache_on_device"})

    @property
    def ordered(self) -> bool:
        """Kinds of defects have no order."""
        return False

    @abstractmethod
    def masks(self, resolution: int) -> npt.NDArray[np.uint8]:
        """`(N, height, width)`, memory-mapped; bit k of a pixel says whether it belongs to class k."""

    @property
    def types(self) -> npt.NDArray[np.int64]:
        """Of each image the rarest of its classes in the training set, K where it has none: what the training set is balanced by."""
        train = (self.table.part == "train").to_numpy()
        rarity = np.argsort(np.argsort(self.labels[train].sum(axis=0), kind="stable"))
        classes = len(self.class_names)
        rank = np.where(self.labels, rarity, classes)
        return np.where(self.labels.any(axis=1), np.argsort(rarity)[np.minimum(rank.min(axis=1), classes - 1)], classes)

    def counts(self) -> dict[str, list[int]]:
        """Images per class in each part, those without a defect last."""
        parts = {part: (self.table.part == part).to_numpy() for part in PARTS}
        parts["calibration"] = self.table.calibration.to_numpy()
        empty = ~self.labels.any(axis=1, keepdims=True)
        has = np.concatenate([self.labels, empty], axis=1)
        return {name: has[chosen].sum(axis=0).tolist() for name, chosen in parts.items()}
