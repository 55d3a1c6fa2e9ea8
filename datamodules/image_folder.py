"""Any folder of images with a folder per class, with or without train, val and test above them."""

import hashlib
import json
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, override

import numpy as np
import numpy.typing as npt
from filelock import FileLock

from choices.settings import ClassNames, Text
from datamodules.base.array_cache import build_array, disk_errors, is_kept, threaded_map
from datamodules.base.data_set import DividedFolder
from datamodules.base.errors import DataError
from datamodules.base.samples import SPLIT_VERSION, Division, Samples
from datamodules.base.splits import PARTS, assign_parts, spread
from datamodules.images.decoding import centre_square, decode
from datamodules.images.index import ImageEntry, Index, find_members, passed_over, scan_images

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class FolderImages(Samples):
    """A folder that has been looked through.

    Attributes:
        given: whether the folder's own train, val and test divide it.
        ordered: whether the classes are grades, from best to worst.

    """

    root: Path
    class_names: tuple[str, ...]
    members: list[ImageEntry]
    index: Index
    division: Division
    given: bool
    cache: Path
    ordered: bool = False

    @property
    def preprocessing(self) -> dict[str, Any]:
        """The largest centred square of a picture is one sample."""
        return {"crop": "centre", "grid": None}

    @cached_property
    def fingerprint(self) -> str:
        """Over the bytes of the files, their names, parts and classes."""
        settings = [SPLIT_VERSION, self.index.pixels, self.class_names, self.given, asdict(self.division)]
        return hashlib.blake2b(json.dumps([settings, self.members]).encode(), digest_size=8).hexdigest()

    @property
    @override
    def content(self) -> str:
        return replace(self, division=replace(self.division, fold=0)).fingerprint

    @cached_property
    def _kept(self) -> tuple[list[ImageEntry], list[str]]:
        """The samples, and a line for each file that is none."""
        lines = [f"{path}: {reason}" for path, reason in sorted(self.index.broken.items())]
        lines += self._passed_over
        members = [member for member in self.members if member.path not in self.index.broken]
        if not self.given:
            return members, lines
        # a later part's copy stays: what is tested on must not have been trained on
        rank = {part: place for place, part in enumerate(PARTS)}
        alike = self._alike
        latest = {alike[member.path]: member for member in sorted(members, key=lambda m: rank[m.part])}
        kept = []
        for member in members:
            other = latest[alike[member.path]]
            if other.part == member.part:
                kept.append(member)
            else:
                lines.append(f"{member.path}: {self.likeness} {other.path}")
        return kept, lines

    coloured_things: ClassVar[bool] = True

    @property
    def likeness(self) -> str:
        """What copies in two parts have in common."""
        return "almost the same picture as"

    @property
    def least_labels(self) -> int:
        """How many different labels the training set must hold."""
        return 2

    @property
    def _alike(self) -> Mapping[str, Hashable]:
        """By the image's name: what must not lie on both sides of a division."""
        return self.index.group

    @property
    def _passed_over(self) -> list[str]:
        return passed_over(self.root)

    @property
    def left_out(self) -> list[str]:
        """Broken files, and where the folder itself divides them, pictures of which a later part has a copy."""
        return self._kept[1]

    @property
    def samples(self) -> list[ImageEntry]:
        """The files in order."""
        return self._kept[0]

    @cached_property
    def conflicts(self) -> list[tuple[ImageEntry, ImageEntry]]:
        """Pictures that are almost the same and lie in different classes: one of them is labelled wrongly."""
        first: dict[int, ImageEntry] = {}
        found = []
        for member in self.samples:
            other = first.setdefault(self.index.group[member.path], member)
            if other.name != member.name:
                found.append((other, member))
        return found

    @property
    def notes(self) -> list[str]:
        """Files left out, copies, and likely wrong labels."""
        sizes = Counter(self.index.group[member.path] for member in self.samples)
        copied = {number: size for number, size in sizes.items() if size > 1}
        copies = [
            f"{sum(copied.values())} pictures are copies of one another, {len(copied)} different ones (by looks, turned, cropped or "
            "recoloured, or by name): each lies on one side of every split with all of its copies"
        ]
        pairs = [f"{one.path} and {other.path}" for one, other in self.conflicts]
        many = f"{len(pairs)} pairs of almost equal pictures lie in different classes; the first: "
        return super().notes + (copies if copied else []) + ([many + pairs[0]] if pairs else [])

    def images(self, resolution: int) -> npt.NDArray[np.uint8]:
        """Centred squares; each file is decoded once per resolution."""
        digest = hashlib.blake2b(json.dumps([member.path for member in self.samples]).encode(), digest_size=4)
        name = f"images-{self.index.pixels}-{digest.hexdigest()}"
        path = self.cache / f"{name}-{resolution}.npy"
        files = [self.root / member.path for member in self.samples]
        with disk_errors(self.cache):
            self.cache.mkdir(parents=True, exist_ok=True)
            with FileLock(self.cache / f"{name}.lock"):
                shape = (len(files), resolution, resolution, 3)
                if not is_kept(path, shape):
                    squares = threaded_map(
                        lambda at: centre_square(decode(files[at]), resolution)[None], range(len(files))
                    )
                    build_array(path, shape, squares, len(files), f"resizing to {resolution} px")
        return np.asarray(np.load(path, mmap_mode="r"))

    @cached_property
    def table(self) -> "pd.DataFrame":
        """As in `Samples`; a source is a group of pictures that are almost the same."""
        import pandas as pd

        labels = self._labels()
        sources = self._sources()
        parts = self._parts(labels, sources)
        train = np.flatnonzero(parts == "train")
        chosen = train[spread(labels[train], sources[train], self.division.calibration_cells, self.division.seed)]
        return pd.DataFrame(
            {
                "sample": [member.path for member in self.samples],
                "source_id": sources,
                "group": "",
                "label": labels,
                "part": parts,
                "calibration": np.isin(np.arange(len(labels)), chosen),
            }
        )

    def _labels(self) -> npt.NDArray[np.int64]:
        """By which the pictures are divided and balanced, `(N,)`."""
        return np.array([self.class_names.index(member.name) for member in self.samples], np.int64)

    def _sources(self) -> npt.NDArray[np.str_]:
        groups = np.array([self.index.group[member.path] for member in self.samples])
        _, numbers = np.unique(groups, return_inverse=True)
        return np.char.mod("%d", numbers)

    def _parts(self, labels: npt.NDArray[np.int64], sources: npt.NDArray[np.str_]) -> npt.NDArray[np.str_]:
        by = self.division
        if not self.given:
            return assign_parts(labels, sources, fold=by.fold, folds=by.folds, val_folds=by.val_folds, seed=by.seed,
                                least_labels=self.least_labels)  # fmt: skip
        parts = np.array([member.part for member in self.samples], "<U5")
        if not (parts == "train").any():
            copies = f" that has no copy in another part ({self.left_out[0]})" if self.left_out else ""
            raise DataError(f"{self.root}: no readable image in its training set{copies}; want other pictures in train, or "
                            "datamodule.use_parts=false, which divides all of them")  # fmt: skip
        if "val" not in parts:  # a fold of the training set chooses among epochs, the test set stays untouched
            rest = np.flatnonzero(parts == "train")
            divided = assign_parts(labels[rest], sources[rest], fold=by.fold, folds=by.folds, val_folds=0, seed=by.seed,
                                   least_labels=self.least_labels)  # fmt: skip
            parts[rest] = divided
        elif by.fold:
            raise DataError(f"fold={by.fold}: {self.root} has its own validation set, so there is fold 0 alone; "
                            "datamodule.use_parts=false divides all of it into folds")  # fmt: skip
        return parts


class ImageFolder(DividedFolder):
    """Looks through a folder of class folders.

    Args:
        root: the folder: `<class>/*.jpg`, or `train/<class>/*.jpg` beside `test` and, if wanted, `val`.
        use_parts: whether folders called train, val and test divide the data; else all is divided into folds.
        ordered: whether the classes are grades; `class_names` then has to name them from best to worst.
        class_names: all class folders in the order that they shall have; None takes them by name.
        divided: see `DividedFolder`.

    """

    def __init__(
        self,
        root: Text,
        *,
        use_parts: bool,
        ordered: bool = False,
        class_names: ClassNames | None = None,
        **divided: Any,
    ) -> None:
        super().__init__(root, **divided)
        self.use_parts = use_parts
        self.ordered, self.class_names = ordered, class_names

    def load(self) -> FolderImages:
        """Reads every file once; later starts find what was seen. Raises DataError on what cannot be trained on."""
        members, has_parts = find_members(self.root)
        index = scan_images(self.root, members, self.cache)
        whole = Counter(member.name for member in members if member.path not in index.broken)
        names = tuple(sorted({member.name for member in members}))
        for name in names:
            if not whole[name]:
                broken = next(member.path for member in members if member.name == name)
                raise DataError(f"{self.root / broken}: {index.broken[broken]}; class {name} has no readable image")
        names = self._in_order(names)
        if len(names) < 2:
            raise DataError(f"{self.root}: one class folder only ({names[0]}): there is nothing to learn")
        return FolderImages(
            self.root, names, members, index, self.division, has_parts and self.use_parts, self.cache, self.ordered
        )

    def _in_order(self, found: tuple[str, ...]) -> tuple[str, ...]:
        if self.class_names is None:
            if self.ordered:
                raise DataError(f"datamodule.ordered=true: name the classes from best to worst, such as "
                                f"datamodule.class_names=[{','.join(found)}]")  # fmt: skip
            return found
        given = tuple(str(name) for name in self.class_names)
        if sorted(given) != sorted(found):
            raise DataError(f"datamodule.class_names=[{','.join(given)}]: the folders of {self.root} are "
                            f"{', '.join(found)}")  # fmt: skip
        return given
