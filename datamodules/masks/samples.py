"""Images with a mask per class: cached, divided by what defects they have, copies kept on one side."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, override

import numpy as np
import numpy.typing as npt
from filelock import FileLock

from datamodules.base.array_cache import build_array, disk_errors, is_kept, threaded_map
from datamodules.base.errors import DataError
from datamodules.base.pixels import resize
from datamodules.base.samples import SPLIT_VERSION, Division
from datamodules.base.splits import PARTS, assign_parts, spread
from datamodules.images.decoding import decode
from datamodules.images.index import Index
from datamodules.masks.bits import packed, shrunk
from datamodules.masks.masked import Masked
from datamodules.masks.run_lengths import Mask

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class MaskSamples(Masked):
    """A checked set of images of one size.

    Attributes:
        root: what the images' names are relative to.
        names: of the images, in order.
        class_names: of the defects; an image may have several, or none.
        index: of all images, see `image_index.scan_images`.
        truth: name, height, width → masks `(K, height, width)`.
        labels: which classes each image has, `(N, K)` bool.
        truth_digest: over everything that `truth` says.
        given: parts by name, where the data set divides itself; empty otherwise.
        test_images: held back before the rest is divided into folds; 0 leaves the test set to `division`.
        keep_copies: whether `given` holds for images of which a later part has a copy.

    """

    root: Path
    names: list[str]
    class_names: tuple[str, ...]
    index: Index
    truth: Callable[[str, int, int], Mask]
    labels: npt.NDArray[np.bool_]
    truth_digest: str
    division: Division
    cache: Path
    given: Mapping[str, str]
    test_images: int = 0
    keep_copies: bool = False

    @property
    def preprocessing(self) -> dict[str, Any]:
        """The whole picture is one sample; `picture` is its width and height."""
        return {"crop": "none", "grid": None, "picture": list(self.size)}

    @cached_property
    def size(self) -> tuple[int, int]:
        """Width and height of the images, pixels. Raises DataError where they differ."""
        sizes = {tuple(self.index.size[name]): name for name in reversed(self.names)}
        if len(sizes) > 1:
            (one, first), (other, second) = list(sizes.items())[:2]
            raise DataError(f"{self.root}: {first} is {one[0]} x {one[1]} pixels, {second} {other[0]} x {other[1]}")
        width, height = next(iter(sizes))
        return width, height

    def shape(self, resolution: int) -> tuple[int, int]:
        """Height and width at a resolution, which is the shorter side's."""
        width, height = self.size
        share = resolution / min(width, height)
        return round(height * share), round(width * share)

    def check_stride(self, resolution: int, stride: int) -> None:
        """As in the base class."""
        if not any(side % stride for side in self.shape(resolution)):
            return
        near = sorted(range(stride, 4096, stride), key=lambda other: abs(other - resolution))
        fitting = [other for other in near if not any(side % stride for side in self.shape(other))][:2]
        height, width = self.shape(resolution)
        raise DataError(
            f"resolution={resolution}: the images become {width} x {height} pixels, and the network wants multiples of {stride}: "
            f"resolution={' or '.join(map(str, sorted(fitting)))} fits"
        )

    @cached_property
    def fingerprint(self) -> str:
        """Over the images' bytes, the masks, the names, and how they are divided."""
        settings = [SPLIT_VERSION, self.index.pixels, self.truth_digest, self.names, self.class_names, dict(self.given),
                    self.test_images, asdict(self.division)] + ["copies kept"] * self.keep_copies  # fmt: skip
        return hashlib.blake2b(json.dumps(settings).encode(), digest_size=8).hexdigest()

    @property
    @override
    def content(self) -> str:
        return replace(self, division=replace(self.division, fold=0)).fingerprint

    @cached_property
    def _copies(self) -> list[tuple[int, str]]:
        """Images of which a later part of the data set's own lists has almost the same, and that one's name."""
        latest: dict[int, str] = {}
        rank = {part: place for place, part in enumerate(PARTS)}
        for name in sorted(self.given, key=lambda name: rank[self.given[name]]):
            if name in self.index.group:
                latest[self.index.group[name]] = name
        found = []
        for at, name in enumerate(self.names):
            other = latest.get(self.index.group[name], name)
            if self.given and self.given[other] != self.given[name]:
                found.append((at, other))
        return found

    @property
    def left_out(self) -> list[str]:
        """Broken files, and images of which a later part has a copy: what is tested on must not have been trained on."""
        lines = [f"{path}: {reason}" for path, reason in sorted(self.index.broken.items())]
        if self.keep_copies:
            return lines
        return lines + [f"{self.names[at]}: almost the same picture as {other}" for at, other in self._copies]

    @property
    @override
    def notes(self) -> list[str]:
        """Files left out; and of copies in later parts how many there are."""
        if not self._copies:
            return super().notes
        kept = (
            "trained and chosen on all the same (keep_copies): figures are higher than on new pictures"
            if self.keep_copies
            else "left out, all named in record.json (use_parts=false divides all of them anew, copies together)"
        )
        many = f"{len(self._copies)} of {len(self.names)} pictures are copies, also turned, mirrored or in part, of one in a later list: {kept}"
        return [many, *(super().notes if self.index.broken else [])]

    def images(self, resolution: int) -> npt.NDArray[np.uint8]:
        """`(N, height, width, 3)` RGB, memory-mapped."""
        height, width = self.shape(resolution)

        def one(at: int) -> npt.NDArray[np.uint8]:
            return resize(decode(self.root / self.names[at]), (width, height))[None]

        return self._cached(f"images-{height}x{width}", (height, width, 3), one, "resizing images")

    def masks(self, resolution: int) -> npt.NDArray[np.uint8]:
        """`(N, height, width)`, memory-mapped; bit k of a pixel says whether it belongs to class k.

        A pixel of a smaller mask belongs to a class where at least half of the pixels under it do.
        """
        height, width = self.shape(resolution)

        def one(at: int) -> npt.NDArray[np.uint8]:
            return packed(shrunk(self.truth(self.names[at], self.size[1], self.size[0]), height, width))[None]

        return self._cached(f"masks-{self.truth_digest}-{height}x{width}", (height, width), one, "drawing masks")

    def _cached(
        self, name: str, shape: tuple[int, ...], one: Callable[[int], npt.NDArray[np.uint8]], title: str
    ) -> npt.NDArray[np.uint8]:
        digest = hashlib.blake2b(json.dumps(self.names).encode(), digest_size=4).hexdigest()
        path = self.cache / f"{self.index.pixels}-{digest}-{name}.npy"
        with disk_errors(self.cache):
            self.cache.mkdir(parents=True, exist_ok=True)
            with FileLock(path.with_suffix(".lock")):
                if not is_kept(path, (len(self.names), *shape)):
                    blocks = threaded_map(one, range(len(self.names)))
                    build_array(path, (len(self.names), *shape), blocks, len(self.names), title)
        return np.asarray(np.load(path, mmap_mode="r"))

    @cached_property
    def table(self) -> "pd.DataFrame":
        """As in `Samples`; label is a number for the set of an image's classes, which the parts are balanced by, and
        a column per class says whether the image has it.
        """
        import pandas as pd

        _, combination = np.unique(self.labels, axis=0, return_inverse=True)
        combination = np.asarray(combination, np.int64).ravel()
        sources = np.char.mod("%d", np.array([self.index.group[name] for name in self.names]))
        parts = self._parts(combination, sources)
        train = np.flatnonzero(parts == "train")
        chosen = train[spread(combination[train], sources[train], self.division.calibration_cells, self.division.seed)]
        columns = {f"class_{name}": self.labels[:, at] for at, name in enumerate(self.class_names)}
        fixed = {"sample": self.names, "source_id": sources, "group": "", "label": combination, "part": parts}
        return pd.DataFrame(fixed | {"calibration": np.isin(np.arange(len(parts)), chosen)} | columns)

    def _parts(self, labels: npt.NDArray[np.int64], sources: npt.NDArray[np.str_]) -> npt.NDArray[np.str_]:
        by = self.division
        if self.given:
            if by.fold:
                raise DataError(f"fold={by.fold}: {self.root} is divided by its own lists, so there is fold 0 alone")
            parts = np.array([self.given[name] for name in self.names], "<U5")
            if not self.keep_copies:
                parts[[at for at, _ in self._copies]] = ""
            for part in ("train", "val"):
                if not (parts == part).any():
                    raise DataError(f"{self.root}: its {part} part is empty, or all of it has copies in a later part")
            return parts
        parts = np.full(len(labels), "test", "<U5")
        rest: npt.NDArray[np.intp] = np.arange(len(labels))
        if self.test_images:
            share = round(len(labels) / self.test_images)
            if share < 3:
                raise DataError(
                    f"datamodule.test_images={self.test_images}: too many of {len(labels)} images; want at most a third, "
                    "or 0: then the fold is the test set"
                )
            held = (
                assign_parts(labels, sources, fold=0, folds=share, val_folds=0, seed=by.seed, least_labels=1) == "val"
            )
            rest = np.flatnonzero(~held)
        val_folds = 0 if self.test_images else by.val_folds
        parts[rest] = assign_parts(
            labels[rest], sources[rest], fold=by.fold, folds=by.folds, val_folds=val_folds, seed=by.seed, least_labels=1
        )
        return parts
