"""Samples of several arrays as one, without copying them: labelled ones, and pictures without labels behind them."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from datamodules.base.loaders import CellDataModule

Images = npt.NDArray[np.uint8]
Places = npt.NDArray[np.intp]


class JoinedImages:
    """`(N, S, S, 3)` uint8, read by index or slice from arrays in memory or mapped.

    Args:
        parts: arrays of one size, each with the places that are taken of it, in their order; None takes all.

    """

    def __init__(self, *parts: tuple[Any, Places | None]) -> None:
        self.parts = [(array, np.arange(len(array)) if places is None else places) for array, places in parts]
        self.ends = np.cumsum([len(places) for _, places in self.parts])
        self.shape: tuple[int, ...] = (int(self.ends[-1]), *self.parts[0][0].shape[1:])
        self.dtype = np.dtype(np.uint8)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """As one array it would take."""
        return int(np.prod(self.shape))

    def __getitem__(self, key: slice | Places | list[int]) -> Images:
        wanted = np.arange(len(self))[key]
        found = np.empty((len(wanted), *self.shape[1:]), np.uint8)
        owners = np.searchsorted(self.ends, wanted, side="right")
        for number, (array, places) in enumerate(self.parts):
            here = owners == number
            begin = int(self.ends[number]) - len(places)
            found[here] = array[places[wanted[here] - begin]]
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Images:
        return self[:] if dtype is None else np.asarray(self[:], dtype)


def learn_also(
    data: "CellDataModule", images: Any, labels: npt.NDArray[np.int64], teacher_logits: npt.NDArray[np.float32] | None
) -> None:
    """Puts pictures behind a data set's own and into its training set.

    Args:
        data: of classes; its class weights then count the new labels too.
        images: `(M, S, S, 3)`, of the size of its own.
        labels: `(M,)`, -1 where there is none.
        teacher_logits: of its own samples and the new ones, `(N + M, O)`, or None.

    """
    arrays = data.arrays
    votes = arrays.votes
    if votes is not None:
        given = np.zeros((len(labels), votes.shape[1]), votes.dtype)
        given[np.flatnonzero(labels >= 0), labels[labels >= 0]] = 1
        votes = np.concatenate([votes, given])
    joined: Any = JoinedImages((arrays.images, None), (images, None))
    data.arrays = replace(
        arrays, images=joined, labels=np.concatenate([arrays.labels, labels]), votes=votes,
        parts=np.concatenate([arrays.parts, np.full(len(labels), "train", "<U5")]), teacher_logits=teacher_logits,
    )  # fmt: skip
    known = data.arrays.labels[(data.arrays.parts == "train") & (data.arrays.labels >= 0)]
    data.class_weights = data.imbalance.class_weights(np.bincount(known, minlength=arrays.num_classes))
