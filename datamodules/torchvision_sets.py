"""MNIST, CIFAR-10 and CIFAR-100, read by torchvision: local files first, the network where there are none."""

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from filelock import FileLock
from pydantic import Field

from choices.settings import Count, Seed, Text
from datamodules.base.array_cache import build_array, disk_errors, is_kept, threaded_map
from datamodules.base.data_set import DataSet
from datamodules.base.errors import DataError
from datamodules.base.pixels import resize
from datamodules.base.samples import SPLIT_VERSION, Samples
from datamodules.idx_files import check_idx

if TYPE_CHECKING:
    import pandas as pd

IDX = (
    "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte",
)  # fmt: skip
"""MNIST's files."""
READERS = {"mnist": "MNIST", "cifar10": "CIFAR10", "cifar100": "CIFAR100"}


@dataclass(frozen=True)
class Pictures(Samples):
    """A data set in memory.

    Attributes:
        pixels: `(N, S, S, 3)`, the train list first.
        labels: `(N,)`.
        tested: how many of them, the last ones, are the test set.
        held_out: so many of the train list are the validation set, of each class its share.
        most_train: so many others are trained on at most; 0: all.

    """

    name: str
    class_names: tuple[str, ...]
    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    tested: int
    held_out: int
    most_train: int
    seed: int
    calibration_cells: int
    cache: Path
    ordered: bool = False

    @property
    def preprocessing(self) -> dict[str, Any]:
        """The largest centred square of a picture is one sample."""
        return {"crop": "centre", "grid": None}

    @cached_property
    def fingerprint(self) -> str:
        """Over pixels, labels and the division."""
        digest = hashlib.blake2b(self.pixels.tobytes(), digest_size=8)
        digest.update(self.labels.tobytes())
        digest.update(repr([SPLIT_VERSION, self.class_names, self.tested, self.held_out, self.most_train, self.seed,
                            self.calibration_cells]).encode())  # fmt: skip
        return digest.hexdigest()

    @cached_property
    def table(self) -> "pd.DataFrame":
        """As in `Samples`; every picture is its own source."""
        import pandas as pd

        count = len(self.labels)
        numbers = np.char.mod("%05d", np.arange(count))
        known = count - self.tested
        parts = np.full(count, "test", "<U5")
        order = _evenly(self.labels[:known], np.random.default_rng(self.seed))
        parts[order[: self.held_out]] = "val"
        train = order[self.held_out :]
        kept = train[: self.most_train] if self.most_train else train
        parts[train], parts[kept] = "", "train"
        chosen = kept[: self.calibration_cells]
        return pd.DataFrame(
            {
                "sample": numbers, "source_id": numbers, "group": "", "label": self.labels, "part": parts,
                "calibration": np.isin(np.arange(count), chosen),
            }
        )  # fmt: skip

    def images(self, resolution: int) -> npt.NDArray[np.uint8]:
        """As they are, or resized once per resolution."""
        if resolution == self.pixels.shape[1]:
            return self.pixels
        path = self.cache / f"{self.name}-{self.fingerprint}-{resolution}.npy"
        with disk_errors(self.cache):
            self.cache.mkdir(parents=True, exist_ok=True)
            with FileLock(path.with_suffix(".lock")):
                if not is_kept(path, (len(self.pixels), resolution, resolution, 3)):
                    size = (resolution, resolution)
                    small = threaded_map(lambda at: resize(self.pixels[at], size)[None], range(len(self.pixels)))
                    build_array(
                        path, (len(self.pixels), *size, 3), small, len(self.pixels), f"resizing to {resolution} px"
                    )
        return np.asarray(np.load(path, mmap_mode="r"))


def _evenly(labels: npt.NDArray[np.int64], rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """All places in random order, in which any leading slice has of every class its share."""
    order = rng.permutation(len(labels))
    place = np.zeros(len(labels))
    for label in np.unique(labels):
        members = order[labels[order] == label]
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.argsort(place, kind="stable")


class TorchvisionSet(DataSet):
    """One of torchvision's data sets.

    Args:
        reader: mnist, cifar10 or cifar100.
        root: where its files are: as torchvision keeps them, or for MNIST the four files, gzipped or not.
        cache: where they are unpacked, and where resized pictures are kept.
        held_out: of the train list, the validation set.
        most_train: of the rest, at most so many are trained on; 0: all.
        split_seed: which ones.
        calibration_cells: size of the calibration part.
        fold: 0; there is no other.
        ordered: whether the classes are grades.

    """

    split_keys = (*DataSet.split_keys, "held_out")

    def __init__(
        self, root: Text, *, reader: Literal["mnist", "cifar10", "cifar100"], cache: Text, held_out: Annotated[int, Field(ge=1)],
        most_train: Count, split_seed: Seed, calibration_cells: Count, fold: Count = 0, ordered: bool = False,
    ) -> None:  # fmt: skip
        if fold:
            raise DataError(f"fold={fold}: {reader} has its own test list, so there is fold 0 alone")
        self.root, self.reader, self.cache = Path(root), reader, Path(cache)
        self.held_out, self.most_train, self.seed = held_out, most_train, split_seed
        self.calibration_cells, self.ordered = calibration_cells, ordered

    def load(self) -> Pictures:
        """Reads all of it. Raises DataError where there is nothing and nothing can be fetched, or for a broken file."""
        from torchvision import datasets

        place = self._unpacked()
        if self.reader == "mnist" and all((place / "MNIST" / "raw" / name).is_file() for name in IDX):
            place = self._checked(place)
        made = getattr(datasets, READERS[self.reader])
        if self.reader != "mnist":
            self._check_batches(made)
        try:
            train, test = (self._read(made, place, train=train) for train in (True, False))
        except (RuntimeError, OSError, EOFError, ValueError, AssertionError) as error:
            told = str(error).strip().splitlines() or [type(error).__name__]
            raise DataError(
                f"{self.root}: no readable {READERS[self.reader]} in it, nor to be fetched ({told[-1]})"
            ) from None
        pixels = np.concatenate([np.asarray(one.data) for one in (train, test)])
        pixels = np.repeat(pixels[..., None], 3, axis=-1) if pixels.ndim == 3 else pixels
        labels = np.concatenate([np.asarray(one.targets, np.int64) for one in (train, test)])
        names = tuple(str(name).partition(" - ")[0] for name in train.classes)
        known = len(train.targets)
        if not 0 < self.held_out < known:
            raise DataError(
                f"datamodule.held_out={self.held_out}: want 1 to {known - 1}, of {known} pictures in the train list"
            )
        if known - self.held_out < len(names):
            raise DataError(
                f"datamodule.held_out={self.held_out}: leaves {known - self.held_out} of {known} pictures to train on, of {len(names)} "
                f"classes; want at most {known - len(names)}"
            )
        return Pictures(self.reader, names, np.asarray(pixels, np.uint8), labels, len(test.targets), self.held_out,
                        self.most_train, self.seed, self.calibration_cells, self.cache, self.ordered)  # fmt: skip

    def _checked(self, place: Path) -> Path:
        """The folder, unpacked once more where what the cache has of it was damaged. Raises DataError."""
        try:
            check_idx(place / "MNIST" / "raw")
        except DataError:
            if place == self.root:
                raise
            (place / ".whole").unlink(missing_ok=True)
            check_idx(self._unpacked() / "MNIST" / "raw")
        return place

    def _check_batches(self, made: Any) -> None:
        """Raises DataError for a file of CIFAR that is there and not as its makers made it: it would be unpickled."""
        from torchvision.datasets.utils import check_integrity

        for name, digest in [*made.train_list, *made.test_list, (made.meta["filename"], made.meta["md5"])]:
            path = self.root / made.base_folder / name
            if path.is_file() and not check_integrity(str(path), digest):
                raise DataError(f"{path}: not the file of {made.filename} (want MD5 {digest}); your own pictures are read by datamodule=image_folder")  # fmt: skip

    @staticmethod
    def _read(made: Any, place: Path, *, train: bool) -> Any:
        try:
            return made(str(place), train=train, download=False)
        except RuntimeError:
            place.mkdir(parents=True, exist_ok=True)
            return made(str(place), train=train, download=True)

    def _unpacked(self) -> Path:
        """The folder that torchvision reads: `root`, or for loose MNIST files one in the cache."""
        files = [next((self.root / f"{name}{end}" for end in ("", ".gz") if (self.root / f"{name}{end}").is_file()), None)
                 for name in IDX]  # fmt: skip
        if self.reader != "mnist" or not any(files):
            return self.root
        if None in files:
            raise DataError(
                f"{self.root / IDX[files.index(None)]}: no such file, nor with .gz, though others of MNIST are there"
            )
        stats = repr([(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files if file])
        target = self.cache / f"mnist-{hashlib.blake2b(stats.encode(), digest_size=4).hexdigest()}"
        with disk_errors(self.cache):
            self.cache.mkdir(parents=True, exist_ok=True)
            with FileLock(self.cache / f"{target.name}.lock"):
                if not (target / ".whole").exists():
                    raw = target / "MNIST" / "raw"
                    raw.mkdir(parents=True, exist_ok=True)
                    for file, name in zip(files, IDX, strict=True):
                        assert file is not None
                        _unpack(file, raw / name)
                    (target / ".whole").touch()
        return target


MOST_BYTES = 100_000_000
"""Of a file of digits, unpacked; the largest has 47 million."""


def _unpack(file: Path, target: Path) -> None:
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as given, target.open("wb") as taken:
            while block := given.read(1 << 20):
                taken.write(block)
                if taken.tell() > MOST_BYTES:
                    raise DataError(f"{file}: more than {MOST_BYTES} bytes unpacked: none of these files")
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{file}: not a whole gzip file ({error})") from None
