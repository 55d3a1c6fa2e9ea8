"""Photos of real phones, and each of them again with rendered damage on its glass; what is measured is real."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, override

import numpy as np
import numpy.typing as npt
from filelock import FileLock
from pydantic import Field

from choices.settings import Count, Share, Text
from datamodules.base.array_cache import disk_errors
from datamodules.base.errors import DataError
from datamodules.mixed_screens import MixedCells
from datamodules.phone_photos import PhonePhotos
from datamodules.screens.cells import Cells
from datamodules.screens.photo_folder import checked_corners, photo_stem
from datamodules.synthetic_screens import must_be_the_renderers

if TYPE_CHECKING:
    import pandas as pd

    from datamodules.rendering.painted import RealPhoto

PAINTED = "painted"
"""Group of the painted cells, and what their names begin with."""
LEAST_ASPECT = 0.2
"""Of a front, the shorter side by the longer one."""
MOST_COPIES = 100
PAINTER_VERSION = 1
"""Part of a painted set's folder name: raised by every change of its pixels or labels."""


@dataclass(frozen=True)
class PaintedCells(MixedCells):
    """Two checked data sets, first the real one; a painted cell is trained on where its phone is of the training set.

    Attributes:
        severity: whether what is painted is taught with its grade; else as its kind of damage, minor or major.

    """

    severity: bool = True

    @override
    def check_task(self, task: Mapping[str, Any]) -> None:
        if task.get("mixup") and not self.severity and self.rendered is not None:
            raise DataError(
                f"task.mixup={task['mixup']}: cells that may be of several grades (datamodule.severity=false) cannot be blended; want 0"
            )

    @property
    def fingerprint(self) -> str:
        """Over both sets and what is taught of the painted one."""
        if self.severity or self.rendered is None:
            return super().fingerprint
        return hashlib.blake2b(f"{super().fingerprint} kinds".encode(), digest_size=8).hexdigest()

    @property
    def votes(self) -> npt.NDArray[np.int64] | npt.NDArray[np.bool_] | None:
        """As in `Samples`; a painted cell that keeps its grade has the votes of the real one, others have one for their label, or none
        where nobody can tell it. Without `severity` the grades that each may be.
        """
        real, classes = self.real.votes, len(self.class_names)
        if self.rendered is None:
            return real
        if not self.severity:
            return self._candidates(classes)
        if real is None:
            return None
        labels, kept, source = self._painted()
        own = np.eye(classes, dtype=np.int64)[labels] * (labels >= 0)[..., None]
        voted = real.reshape(-1, *own.shape[1:])[source]
        painted: npt.NDArray[np.int64] = np.where(kept[..., None], voted, own).reshape(-1, classes)
        return np.concatenate([real, painted])

    def _candidates(self, classes: int) -> npt.NDArray[np.bool_]:
        """Of real cells and of those that keep their grade one, of others those of their kind; all where a cell has no grade and
        takes part in nothing.
        """
        from datamodules.rendering.painted import KINDS

        certain = np.eye(classes, dtype=np.bool_)
        alike = certain.copy()
        for grades in KINDS.values():
            alike[np.ix_(grades, grades)] = True
        labels, kept, _ = self._painted()
        painted = np.where(kept[..., None], certain[labels], alike[labels]).reshape(-1, classes)
        real = self.real.folder.labels.ravel()
        sets: npt.NDArray[np.bool_] = np.concatenate([certain[real], painted])
        sets[np.concatenate([real, labels.ravel()]) < 0] = True
        return sets

    def _painted(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_], list[int]]:
        """Of the painted photos: labels and whether they are the real ones, (photos, cells), and each one's place among the real."""
        assert self.rendered is not None
        labels = self.rendered.folder.labels
        number = {photo_stem(photo.name): at for at, photo in enumerate(self.real.folder.photos)}
        source = [number[Path(photo.name).stem.rpartition("_p")[0]] for photo in self.rendered.folder.photos]
        return labels, labels == self.real.folder.labels[source], source

    @cached_property
    def table(self) -> "pd.DataFrame":
        """As in `Samples`: the real cells, then the painted ones under the names of their phones."""
        import pandas as pd

        real = self._some_phones(self.real.table)
        if self.rendered is None:
            return real
        labels = self.rendered.folder.labels.ravel()
        sources = np.repeat([photo.source_id for photo in self.rendered.folder.photos], self.rendered.folder.grid.cells)
        learned = np.isin(sources, real.source_id[real.part == "train"].to_numpy(str)) & (labels >= 0)
        painted = self.rendered.divided(np.where(learned, "train", ""))
        painted["calibration"] = False
        for column in ("sample", "photo"):
            painted[column] = f"{PAINTED}/" + painted[column]
        return pd.concat([real, painted.assign(group=PAINTED)], ignore_index=True)

    @property
    def notes(self) -> list[str]:
        """Of the real set."""
        return self.real.notes


class PaintedScreens(PhonePhotos):
    """Reads a folder of real phones and paints damage on copies of its photos.

    Args:
        root: the folder of whole real photos, each with its corners.
        folder: where painted sets lie.
        copies: of each photo; 0: the real ones alone.
        damaged: share of the copies that get damage, each its own, 0 to 1; the others get dirt alone.
        kinds: what is painted: scratches, cracks or both.
        paint_seed: what damage.
        look: `damage` and `shards`, see `rendering.Look`.
        severity: whether a painted cell is taught with its grade; False: as scratched or cracked, and how badly is learnt from the
            real ones alone. The same cells take part, and weights and oversampling count them by the grade that was drawn.
        real: share of the training set's phones that is trained on, with their copies, above 0 to 1.
        others: as `PhonePhotos` has them. The classes have to be the renderer's, in its order.

    """

    def __init__(
        self,
        root: Text,
        *,
        folder: Text,
        copies: Annotated[int, Field(ge=0, le=MOST_COPIES)],
        damaged: Share,
        kinds: Sequence[str],
        paint_seed: Count,
        look: Mapping[str, Any],
        severity: bool = True,
        real: Annotated[float, Field(gt=0, le=1)] = 1.0,
        **others: Any,
    ) -> None:
        from datamodules.rendering import Look
        from datamodules.rendering.painted import KINDS

        super().__init__(root, **others)
        if not kinds or {*kinds} - KINDS.keys() or len({*kinds}) < len(kinds):
            raise DataError(f"datamodule.kinds={kinds}: want a list of {' and '.join(KINDS)}, or one of them")
        if not severity and others.get("labels") == "votes":
            raise DataError("datamodule.severity=false needs datamodule.labels=settled: votes say how badly")
        self.severity, self.share = severity, float(real)
        self.kinds = tuple(kind for kind in KINDS if kind in kinds)
        if isinstance(look, Mapping) and (odd := sorted(look.keys() - {"damage", "shards"})):
            raise DataError(f"datamodule.look.{odd[0]}: the photos' own stays; want damage and shards")
        self.look = Look.of(look, "datamodule.look")
        must_be_the_renderers(others)
        self.folder, self.copies, self.damaged, self.paint_seed = Path(folder), copies, float(damaged), paint_seed
        self.others = others

    def load(self) -> MixedCells:
        """Reads the photos, painting what is missing. Raises DataError on the first thing that is wrong."""
        real = self.cells()
        return PaintedCells(real, self._painted(real) if self.copies else None, self.share, self.severity)

    def _painted(self, real: Cells) -> Cells:
        from datamodules.images.decoding import size_of
        from datamodules.rendering import RENDERER_VERSION
        from datamodules.rendering.painted import RealPhoto
        from datamodules.rendering.painting import front_aspect

        if real.folder.ready_cut:
            raise DataError(
                f"{self.root}: ready-cut cells; damage is painted on whole photos: want photos/ and corners"
            )
        told = [[photo.name, photo.source_id, photo.kind] for photo in real.folder.photos]
        digest = hashlib.blake2b(json.dumps([real.pixels, told]).encode(), digest_size=6)
        digest.update(real.folder.labels.tobytes())
        drawn = "" if len(self.kinds) > 1 else f"-{self.kinds[0]}"
        settings = f"{self.copies}x{self.damaged:g}{drawn}-seed{self.paint_seed}{self.look.suffix}-v{RENDERER_VERSION}.{PAINTER_VERSION}"
        root = self.folder / f"painted_screens-{digest.hexdigest()}-{settings}"
        if not (root / "cells.csv").exists():
            for photo, file in zip(real.folder.photos, real.folder.files, strict=True):
                shape = front_aspect(checked_corners(photo, *size_of(file), file))
                if not LEAST_ASPECT <= shape <= 1 / LEAST_ASPECT:
                    raise DataError(
                        f"{self.root / 'photos.csv'}, photo {photo.name}: its corners enclose a strip, no phone"
                    )
            photos = [
                RealPhoto(
                    file, photo.name, photo.source_id, photo.kind, photo.corners, labels.reshape(self.grid.rows, -1)
                )
                for file, photo, labels in zip(real.folder.files, real.folder.photos, real.folder.labels, strict=True)
                if photo.corners is not None
            ]
            with disk_errors(self.folder, "paths.data", "painting photos"):
                self._paint(root, photos)
        same = {key: value for key, value in self.others.items() if key != "labels"}
        return PhonePhotos(str(root), **same).cells()

    def _paint(self, root: Path, photos: list["RealPhoto"]) -> None:
        from datamodules.rendering.painted import paint_dataset

        root.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(root.parent / f".{root.name}.lock"):  # of two jobs at once, one paints
            if not (root / "cells.csv").exists():
                paint_dataset(
                    root,
                    photos,
                    copies=self.copies,
                    damaged=self.damaged,
                    kinds=self.kinds,
                    seed=self.paint_seed,
                    look=self.look,
                )
