"""Divides cells into the four parts of the design, never a source on both sides."""

import warnings

import numpy as np
import numpy.typing as npt

from datamodules.base.errors import DataError

PARTS = ("train", "val", "test")


def assign_parts(
    labels: npt.NDArray[np.int64], source_ids: npt.NDArray[np.str_], *, fold: int, folds: int, val_folds: int, seed: int,
    least_labels: int = 2,
) -> npt.NDArray[np.str_]:  # fmt: skip
    """The part of each cell, `(cells,)` of "train", "val" or "test".

    Fold `fold` of `folds` stratified folds grouped by source is the test set; so over all folds every cell is tested
    exactly once, by a network that saw nothing of its device. Of the rest, the first of `val_folds` such folds is
    the validation set. With `val_folds` 0, for sets too small to spare one, the fold is the validation set and there is no test
    part; what is claimed of it then has to come from the last epoch, which nothing chose. Depends on `seed` (of the split, not of the training) alone, so that points of a grid are paired.

    Raises DataError where a part would be empty or the training set would hold fewer than `least_labels` different labels.
    """
    sources = len(np.unique(source_ids))
    if not 0 <= fold < folds:
        raise DataError(f"fold={fold}: want 0 to {folds - 1} (datamodule.folds={folds})")
    if sources < folds:
        fewer = f"datamodule.folds={sources}, or " if sources > 1 else ""
        raise DataError(
            f"datamodule.folds={folds}: more folds than the {sources} different source_id of the data; want {fewer}{folds} of them: a "
            "device must not be on two sides of a split"
        )
    if len(np.unique(labels)) < least_labels:
        raise DataError(f"every cell has the same label, {labels[0]}: there is nothing to learn")
    parts = np.full(len(labels), "train", dtype="<U5")
    held_out = _fold(labels, source_ids, folds, fold, seed)
    parts[held_out] = "test" if val_folds else "val"
    if val_folds:
        _divide_rest(parts, labels, source_ids, val_folds, seed)
    for part in PARTS if val_folds else ("train", "val"):
        if not (parts == part).any():
            raise DataError(f"the {part} part of fold {fold} is empty: want more sources, or fewer datamodule.folds")
    classes = np.unique(labels[parts == "train"])
    if len(classes) < least_labels:
        raise DataError(f"the training set of fold {fold} holds one class only (label {classes[0]})")
    return parts


def _divide_rest(
    parts: npt.NDArray[np.str_],
    labels: npt.NDArray[np.int64],
    source_ids: npt.NDArray[np.str_],
    val_folds: int,
    seed: int,
) -> None:
    """Marks the validation set among the cells that are still train."""
    rest = np.flatnonzero(parts == "train")
    if len(np.unique(source_ids[rest])) < max(2, val_folds):
        raise DataError(f"datamodule.val_folds={val_folds}: too few different source_id left for a validation set")
    parts[rest[_fold(labels[rest], source_ids[rest], val_folds, 0, seed)]] = "val"


def _fold(
    labels: npt.NDArray[np.int64], source_ids: npt.NDArray[np.str_], folds: int, fold: int, seed: int
) -> npt.NDArray[np.intp]:
    from sklearn.model_selection import (
        StratifiedGroupKFold,
        StratifiedKFold,
    )  # takes seconds to import: bad data is answered before

    alone = len(np.unique(source_ids)) == len(source_ids)
    kind = StratifiedKFold if alone else StratifiedGroupKFold  # the same, but the latter takes minutes for many sources
    splitter = kind(n_splits=folds, shuffle=True, random_state=seed)
    try:
        with warnings.catch_warnings():  # a class rarer than the folds is missing in some of them: that is no fault
            warnings.filterwarnings("ignore", message="The least populated class")
            pairs = list(splitter.split(np.zeros(len(labels)), labels, None if alone else source_ids))
    except ValueError as error:
        raise DataError(f"too few cells of every class for {folds} folds ({error})") from None
    return np.asarray(pairs[fold][1])


def spread(
    labels: npt.NDArray[np.int64], source_ids: npt.NDArray[np.str_], count: int, seed: int
) -> npt.NDArray[np.intp]:
    """Up to `count` indices spread over classes, and within a class over sources: the calibration part.

    Takes turns: one cell of each class, each time from the source that has given least.
    """
    rng = np.random.default_rng(seed)
    queues = [_by_turns(np.flatnonzero(labels == grade), source_ids, rng) for grade in np.unique(labels)]
    longest = max(map(len, queues))
    turns = [queue[turn] for turn in range(longest) for queue in queues if turn < len(queue)]
    return np.sort(np.array(turns[:count], dtype=np.intp))


def _by_turns(
    indices: npt.NDArray[np.intp], source_ids: npt.NDArray[np.str_], rng: np.random.Generator
) -> npt.NDArray[np.intp]:
    """Indices in an order in which sources take turns."""
    shuffled = rng.permutation(indices)
    seen: dict[str, int] = {}
    turn = np.empty(len(shuffled), np.int64)
    for place, index in enumerate(shuffled):
        source = str(source_ids[index])
        turn[place] = seen[source] = seen.get(source, -1) + 1
    return shuffled[np.argsort(turn, kind="stable")]
