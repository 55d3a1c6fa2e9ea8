"""Rendered phones and real ones in one training set; what is measured is real."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, override

import numpy as np
import numpy.typing as npt
from filelock import FileLock

from choices.settings import Share, Text
from datamodules.base.array_cache import build_array, disk_errors, is_kept
from datamodules.base.data_set import PictureSet
from datamodules.base.errors import DataError
from datamodules.base.samples import Samples, WholePhoto
from datamodules.phone_photos import PhonePhotos
from datamodules.screens.cells import Cells
from datamodules.synthetic_screens import SyntheticScreens

if TYPE_CHECKING:
    import pandas as pd

RENDERED = "rendered"
"""Group of the rendered cells, and what their names and sources begin with."""
RENDERER = {"devices", "photos", "render_seed", "label_noise", "look", "rule"}
"""Settings of the rendered phones."""


@dataclass(frozen=True)
class MixedCells(Samples):
    """Two checked data sets, first the real one.

    Attributes:
        rendered: None: the real one alone.
        share: of the real training set's phones, so many are trained on; 0: none, and all real cells are the test set.

    """

    real: Cells
    rendered: Cells | None
    share: float

    @property
    def class_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """The real set's."""
        return self.real.class_names

    @property
    def preprocessing(self) -> dict[str, Any]:
        """The real set's."""
        return self.real.preprocessing

    @property
    @override
    def profile(self) -> dict[str, Any] | None:
        return self.real.profile

    @property
    def fingerprint(self) -> str:
        """Over both sets and the share."""
        if self.rendered is None and self.share == 1:
            return self.real.fingerprint
        told = [self.real.fingerprint, self.rendered.fingerprint if self.rendered else "", self.share]
        return hashlib.blake2b(json.dumps(told).encode(), digest_size=8).hexdigest()

    @property
    @override
    def content(self) -> str:
        rendered = self.rendered and self.rendered.at_first_fold
        return replace(self, real=self.real.at_first_fold, rendered=rendered).fingerprint

    @property
    def notes(self) -> list[str]:
        """Notes of the real set, then of the rendered one."""
        return [*self.real.notes, *(self.rendered.notes if self.rendered else [])]

    @property
    def votes(self) -> npt.NDArray[np.int64] | npt.NDArray[np.bool_] | None:
        """As in `Samples`; a rendered cell has one vote for its label."""
        if (real := self.real.votes) is None or self.rendered is None:
            return real
        return np.concatenate([real, np.eye(real.shape[1], dtype=np.int64)[self.rendered.folder.labels.ravel()]])

    @cached_property
    def table(self) -> "pd.DataFrame":
        """As in `Samples`: the real cells, then the rendered ones."""
        import pandas as pd

        if not self.share:
            real = self.real.divided(np.where(self.real.folder.labels.ravel() >= 0, "test", ""))
        else:
            real = self._some_phones(self.real.table)
        if self.rendered is None:
            return real
        if self.share:
            rendered = self.rendered.divided(np.full(self.rendered.folder.labels.size, "train"))
            rendered["calibration"] = False
        else:
            rendered = self.rendered.table.copy()
        for column in ("sample", "photo", "source_id"):
            rendered[column] = f"{RENDERED}/" + rendered[column]
        return pd.concat([real, rendered.assign(group=RENDERED)], ignore_index=True)

    def _some_phones(self, table: "pd.DataFrame") -> "pd.DataFrame":
        """The real cells with so many phones left in the training set, calibration cells among theirs."""
        train = (table.part == "train").to_numpy()
        phones = np.unique(table.source_id[train].to_numpy(str))
        count = max(1, round(self.share * len(phones)))
        if count == len(phones):
            return table
        by = self.real.division
        kept = np.random.default_rng((by.seed, by.fold)).permutation(phones)[:count]
        chosen = table.label[train & table.source_id.isin(kept).to_numpy()]
        if self.rendered is None and chosen.nunique() < 2:
            raise DataError(
                f"datamodule.real={self.share:g}: the {count} phones that this leaves to train on at fold {by.fold} have one class"
            )
        parts = table.part.to_numpy("<U5").copy()
        parts[train & ~table.source_id.isin(kept).to_numpy()] = ""
        return self.real.divided(parts)

    @override
    def original_names(self) -> "tuple[pd.Series[str], pd.Series[str]]":
        sample, source = (self.table[name].str.removeprefix(f"{RENDERED}/") for name in ("sample", "source_id"))
        return sample, source

    @override
    def whole_photos(self, count: int) -> list[WholePhoto]:
        """Of the real ones."""
        return self.real.photos_named(set(self.table.photo[self.table.part.isin(self.evaluated)]), count)

    @override
    def in_photo(self, name: str) -> WholePhoto | None:
        """Of either set: without real ones to train on rendered ones are validated on."""
        if name.startswith(f"{RENDERED}/"):
            assert self.rendered is not None
            return self.rendered.in_photo(name.removeprefix(f"{RENDERED}/"))
        return self.real.in_photo(name)

    @property
    @override
    def measured_photos(self) -> list[Path]:
        """Of the real ones."""
        return self.real.files_named(set(self.table.photo[self.table.part.isin(["val", "test"])]))

    def images(self, resolution: int) -> npt.NDArray[np.uint8]:
        """As in `Samples`; both sets in one memory-mapped file."""
        if self.rendered is None:
            return self.real.images(resolution)
        cache = self.real.cache
        path = cache / f"cells-{self.real.pixels}-{self.rendered.pixels}-{resolution}.npy"
        parts = [self.real.images(resolution), self.rendered.images(resolution)]
        with disk_errors(cache), FileLock(path.with_suffix(".lock")):
            count = sum(map(len, parts))
            if not is_kept(path, shape := (count, *parts[0].shape[1:])):
                build_array(path, shape, _blocks(parts), count, "joining cells")
        return np.asarray(np.load(path, mmap_mode="r"))


def _blocks(parts: list[npt.NDArray[np.uint8]]) -> Iterator[npt.NDArray[np.uint8]]:
    for part in parts:
        for at in range(len(part)):
            yield part[at : at + 1]


class MixedScreens(PhonePhotos):
    """Reads a folder of real phones, and renders others beside it.

    Args:
        root: the folder of real photos.
        folder: where rendered sets lie.
        real: share of the real training set's phones that is trained on, 0 to 1. With 0 nothing real is trained on: a fold of
            the rendered phones is the validation set, and all real ones are the test set.
        rendered: devices, photos, render_seed, label_noise, look and rule, see `SyntheticScreens`; photos=0: the real ones alone. The
            real set's classes have to be the renderer's, in its order.
        others: as `PhonePhotos` has them, of the real ones.

    """

    @classmethod
    @override
    def pictures(cls, settings: Mapping[str, Any], *, trained: bool) -> list[PictureSet]:
        alone, own = settings["real"] == 0, cls.division_of(settings)
        real = [] if alone and trained else [replace(cls.lying(settings), division=None if alone else own)]
        if not settings["rendered"]["photos"] or not (alone or trained):
            return real
        return [*real, SyntheticScreens.drawn(settings["rendered"], own | {"val_folds": 0} if alone else None)]

    def __init__(self, root: Text, *, folder: Text, real: Share, rendered: Mapping[str, Any], **others: Any) -> None:
        super().__init__(root, **others)
        if odd := sorted(RENDERER - {"rule"} ^ rendered.keys() - {"rule"}):
            raise DataError(f"datamodule.rendered: {odd[0]}: want {', '.join(sorted(RENDERER))}")
        if not (real or rendered["photos"]):
            raise DataError("datamodule.real=0 and datamodule.rendered.photos=0: nothing is left to train on")
        self.share = float(real)
        self.rendered: SyntheticScreens | None = None
        if rendered["photos"] != 0:
            same = {key: value for key, value in others.items() if key != "labels"}
            own: dict[str, Any] = {**rendered, **same, "val_folds": 0, "groups": {}}
            self.rendered = SyntheticScreens(folder=folder, root=None, key="datamodule.rendered", **own)

    def load(self) -> MixedCells:
        """Reads both, rendering what is missing. Raises DataError on the first thing that is wrong."""
        real = self.cells()
        return MixedCells(real, self.rendered.cells() if self.rendered else None, self.share)
