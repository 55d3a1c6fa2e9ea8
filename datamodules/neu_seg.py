"""Hot-rolled steel strips with three kinds of defects: the NEU surface defect database with pixel masks."""

import hashlib
import stat
import zipfile
import zlib
from collections import Counter
from pathlib import Path
from typing import Any, Literal

import numpy as np
from filelock import FileLock

from choices.settings import Count, Names, Text
from datamodules.base.data_set import DividedFolder
from datamodules.base.errors import DataError
from datamodules.base.splits import PARTS
from datamodules.images.decoding import opened
from datamodules.masks.bits import checked_names
from datamodules.masks.run_lengths import Mask
from datamodules.masks.samples import MaskSamples
from datamodules.severstal import masks_of_table
from storage.inside import leads_out

MOST_BYTES = 2_000_000_000
"""Of the archive, unpacked; the database has a twentieth of it."""
MOST_FILES = 100_000


class NeuSeg(DividedFolder):
    """Reads neu_seg.zip, or its folders `images`, `masks` and `splits`.

    Args:
        root: the folder that holds the zip or the folders.
        class_names: of the index masks' values 1, 2, ...
        truth: `index` (png masks) or `runs` (train_rle.csv): both say the same.
        use_parts: whether the data set's own lists divide it; else all is divided into folds.
        keep_copies: whether the lists hold although one has copies of another's images, as in most published figures.
        divided: see `DividedFolder`.
        most_train: so many images of the train list alone, spread evenly over it; 0 takes all.

    """

    split_keys = (*DividedFolder.split_keys, "keep_copies")

    def __init__(
        self,
        root: Text,
        *,
        class_names: Names,
        truth: Literal["index", "runs"],
        use_parts: bool,
        most_train: Count = 0,
        keep_copies: bool = False,
        **divided: Any,
    ) -> None:
        super().__init__(root, **divided)
        self.class_names = checked_names(class_names)
        self.truth, self.use_parts, self.most_train = truth, use_parts, most_train
        self.keep_copies = keep_copies

    def load(self) -> MaskSamples:
        """Raises DataError on the first thing that is wrong."""
        folder = self._unpacked()
        parts = _divided(folder, self.root)
        train = [name for name, part in parts.items() if part == "train"]
        if self.most_train:
            kept = set(np.array(train)[np.linspace(0, len(train) - 1, self.most_train).astype(int)])
            parts = {name: part for name, part in parts.items() if part != "train" or name in kept}
        if self.truth == "index":
            return self._by_index(folder, parts)
        given = parts if self.use_parts else {}
        table = self.root / "train_rle.csv"
        return masks_of_table(
            folder / "images",
            table,
            sorted(parts),
            self.class_names,
            self.division,
            self.cache,
            given,
            0,
            keep_copies=self.keep_copies,
        )

    def _by_index(self, folder: Path, parts: dict[str, str]) -> MaskSamples:
        from datamodules.images.index import ImageEntry, scan_images, whole_ones

        names, classes = sorted(parts), len(self.class_names)
        index = scan_images(folder / "images", [ImageEntry(name, "", "") for name in names], self.cache)
        kept = whole_ones(folder / "images", names, index)
        digest = hashlib.blake2b(digest_size=4)
        labels = np.zeros((len(kept), classes), np.bool_)

        def truth(name: str, height: int, width: int) -> Mask:
            path = folder / "masks" / f"{Path(name).stem}.png"
            with opened(path) as picture:
                values = np.asarray(picture)
            if values.ndim != 2:
                raise DataError(f"{path}: {values.shape[2]} values a pixel: want one, the class's number")
            if values.shape != (height, width) or values.max(initial=0) > classes:
                raise DataError(
                    f"{folder / 'masks' / Path(name).stem}.png: {values.shape[1]} x {values.shape[0]} pixels with values "
                    f"to {values.max()}: want {width} x {height}, 0 to {classes}"
                )
            return np.asarray(values[None] == np.arange(1, classes + 1)[:, None, None])

        for at, name in enumerate(kept):
            path = folder / "masks" / f"{Path(name).stem}.png"
            if not path.is_file():
                raise DataError(f"{path}: no such file, though {name} is listed")
            digest.update(path.read_bytes())
            width, height = index.size[name]
            labels[at] = truth(name, height, width).any(axis=(1, 2))
        given = {name: parts[name] for name in kept} if self.use_parts else {}
        return MaskSamples(folder / "images", kept, self.class_names, index, truth, labels, digest.hexdigest(),
                           self.division, self.cache, given, keep_copies=self.keep_copies)  # fmt: skip

    def _unpacked(self) -> Path:
        """The folder with images and masks; of the zip, unpacked once."""
        if (self.root / "images").is_dir():
            return self.root
        path = self.root / "neu_seg.zip"
        if not path.is_file():
            raise DataError(f"{self.root}: no neu_seg.zip and no images in it (datamodule.root)")
        stat = path.stat()
        target = self.cache / f"neu_seg-{stat.st_size}-{stat.st_mtime_ns}"
        self.cache.mkdir(parents=True, exist_ok=True)
        with FileLock(self.cache / f"{target.name}.lock"):
            if not (target / ".whole").exists():
                _unpack(path, target)
                (target / ".whole").touch()
        return target


def _unpack(path: Path, target: Path) -> None:
    """Unpacks the zip. Raises DataError for one that is broken, leads out of its folder, or is none of this database."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if (size := sum(one.file_size for one in members)) > MOST_BYTES or len(members) > MOST_FILES:
                raise DataError(
                    f"{path}: {size} bytes in {len(members)} files unpacked; want at most {MOST_BYTES} in {MOST_FILES}"
                )
            for one in members:
                if leads_out(one.filename.replace("\\", "/")) or stat.S_ISLNK(one.external_attr >> 16):
                    raise DataError(
                        f"{path}: {one.filename!r}: a link, or leads out of the folder; want files within it"
                    )
            archive.extractall(target)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
    ) as error:  # encrypted: RuntimeError
        raise DataError(f"{path}: not a readable zip ({error})") from None
    except (FileExistsError, NotADirectoryError, IsADirectoryError, UnicodeError) as error:
        raise DataError(f"{path}: not a readable zip ({error})") from None


def _divided(folder: Path, root: Path) -> dict[str, str]:
    """The part of each image that the lists name. Raises DataError for one that is named twice."""
    parts: dict[str, str] = {}
    for part in PARTS:
        for name in _listed(folder, root, part):
            if (other := parts.setdefault(f"{name}.jpg", part)) != part:
                raise DataError(f"{root}: {name} is in splits/{other}.txt and in splits/{part}.txt; want it in one")
    return parts


def _listed(folder: Path, root: Path, part: str) -> list[str]:
    path = next((one / "splits" / f"{part}.txt" for one in (folder, root) if (one / "splits").is_dir()), None)
    if path is None or not path.is_file():
        raise DataError(f"{root}: no splits/{part}.txt in it")
    try:
        names = path.read_text().split()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None
    if away := next((name for name in names if leads_out(name)), None):
        raise DataError(f"{path}: {away}: leads out of the folder; want names within it")
    if twice := next((name for name, count in Counter(names).items() if count > 1), None):
        raise DataError(f"{path}: {twice} is there twice; want it once")
    if not names and part != "test":
        raise DataError(f"{path}: names no image")
    return names
