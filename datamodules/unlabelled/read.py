"""Pictures without labels that a run learns from: read, held against what the run is measured on, kept in the cache. No torch."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock

from datamodules.base.array_cache import disk_errors, kept_json
from datamodules.base.errors import DataError
from datamodules.base.joined import JoinedImages
from datamodules.unlabelled.kept_out import reasons
from datamodules.unlabelled.pictures import KEY, Picture, content_digest, cut, grid_of, pictures_in
from datamodules.whole_photos import Find
from storage.whole_file import write_whole

if TYPE_CHECKING:
    from datamodules.base.samples import Samples

VERSION = 1
"""Raised when pictures are chosen or cut differently, so that old choices are not read."""


@dataclass(frozen=True)
class Unlabelled:
    """A folder that has been looked through."""

    root: Path
    pictures: list[Picture]
    kept: npt.NDArray[np.intp]
    """Places of the samples that are learned from, among those of all pictures."""
    left_out: Mapping[str, int]
    """Reason → pictures of which nothing is learned."""
    preprocessing: Mapping[str, Any]
    cache: Path
    digest: str

    @property
    def fingerprint(self) -> str:
        """16 hex digits over the content and what is kept of it."""
        told = [VERSION, self.digest, self.kept.tolist(), [one.name for one in self.pictures]]
        return hashlib.blake2b(json.dumps(told).encode(), digest_size=8).hexdigest()

    def images(self, resolution: int) -> JoinedImages:
        """The samples that are learned from, `(M, resolution, resolution, 3)` RGB."""
        every = cut(self.pictures, self.preprocessing, resolution, self.cache, self.digest)
        return JoinedImages((every, self.kept))

    @property
    def used(self) -> list[Picture]:
        """Pictures of which something is learned."""
        ends = np.cumsum([len(one.samples(grid_of(self.preprocessing))) for one in self.pictures])
        return [self.pictures[at] for at in np.unique(np.searchsorted(ends, self.kept, side="right"))]

    @property
    def record(self) -> dict[str, Any]:
        """What a run's record says of it."""
        return {
            "fingerprint": self.fingerprint,
            "pictures": len(self.used),
            "samples": len(self.kept),
            "left_out": dict(self.left_out),
        }

    @property
    def told(self) -> str:
        """The same in a line for the terminal."""
        used = self.used
        photos = sum(one.corners is not None for one in used)
        single = len(used) - photos
        kinds = [f"{photos} photos of phones ({len(self.kept) - single} cells)"] if photos else []
        kinds += [f"{single} {'cells' if self.preprocessing['grid'] else 'pictures'}"] if single else []
        away = f"; left out: {_listed(self.left_out)}" if self.left_out else ""
        return f"{KEY}: learns from {' and '.join(kinds)} without labels{away}"


def _listed(left_out: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in left_out.items())


def read_unlabelled(
    root: Path, samples: "Samples", resolution: int, cache: Path, find: Find | None, *, same_folder: bool
) -> Unlabelled:
    """Reads a folder once for a division of a data set; later starts find in the cache what was seen.

    Args:
        root: photos with or without photos.csv, ready-cut cells, or plain pictures: whatever the data set's own are.
        samples: the data set that is learned beside it, and measured on.
        resolution: at which pictures are compared.
        cache: where what is made of the files is kept.
        find: an outline in a photo; None takes every picture as one sample.
        same_folder: whether the data set itself lies in `root`.

    Raises DataError for a folder that cannot be used, or of which nothing is left.

    """
    digest, grid = content_digest(root), grid_of(samples.preprocessing)
    told = [
        VERSION,
        digest,
        samples.fingerprint,
        dict(samples.preprocessing),
        resolution,
        same_folder,
        find is not None,
    ]
    name = f"unlabelled-{hashlib.blake2b(json.dumps(told).encode(), digest_size=8).hexdigest()}"
    with disk_errors(cache):
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / f"{name}.lock"):
            found = _kept(kept_json(cache / f"{name}.json"), root, samples, cache, digest)
            if found is None:
                pictures, left_out = pictures_in(root, grid, len(samples.class_names), find)
                why: npt.NDArray[np.str_] = np.zeros(0, "<U1")
                if pictures:
                    images = cut(pictures, samples.preprocessing, resolution, cache, digest)
                    why = reasons(pictures, images, samples, grid, resolution, same_folder=same_folder)
                found = _chosen(root, pictures, why, left_out, samples, cache, digest)
                write_whole(cache / f"{name}.json", json.dumps(_plain(found)))
    if not len(found.kept):
        raise DataError(
            f"{KEY}={root}: nothing in it may be learned from: {_listed(found.left_out)}; want other pictures"
        )
    return found


def _chosen(
    root: Path, pictures: list[Picture], why: npt.NDArray[np.str_], left_out: Counter[str], samples: "Samples", cache: Path,
    digest: str,
) -> Unlabelled:  # fmt: skip
    grid, at = grid_of(samples.preprocessing), 0
    counts = Counter(left_out)
    for one in pictures:
        own = why[at : at + len(one.samples(grid))]
        at += len(own)
        if (own != "").all():
            counts[str(own[0])] += 1
    return Unlabelled(root, pictures, np.flatnonzero(why == ""), counts, samples.preprocessing, cache, digest)


def _plain(found: Unlabelled) -> dict[str, Any]:
    pictures = [
        [
            one.name,
            str(one.file.relative_to(found.root)),
            one.source_id,
            None if one.corners is None else one.corners.tolist(),
        ]
        for one in found.pictures
    ]
    return {"pictures": pictures, "kept": found.kept.tolist(), "left_out": dict(found.left_out)}


def _kept(plain: Any, root: Path, samples: "Samples", cache: Path, digest: str) -> Unlabelled | None:
    """What was chosen before; None where nothing was, or it was damaged."""
    try:
        pictures = [
            Picture(name, root / file, source, None if corners is None else np.array(corners, np.float64))
            for name, file, source, corners in plain["pictures"]
        ]
        kept, left_out = (
            np.array(plain["kept"], np.intp),
            {str(key): int(value) for key, value in plain["left_out"].items()},
        )
    except (TypeError, KeyError, ValueError, AttributeError):
        return None
    return Unlabelled(root, pictures, kept, left_out, samples.preprocessing, cache, digest)
