"""Which image a file of masks belongs to: by the end of its path, without what tools add to the name."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from annotation.imported import LeftOut, grouped
from annotation.photo_names import PhotoNames
from annotation.photos import PhotoFile
from annotation.placing import placed
from annotation.png_pixels import MASK_SUFFIXES
from datamodules.base.tables import same_name
from datamodules.images.decoding import SUFFIXES

ADDED = re.compile(r"[-_. ](mask|masks|label|labels|labelIds|gt|seg|segmentation|annotation)$", re.IGNORECASE)
"""What tools add to an image's name, before the suffix."""


@dataclass(frozen=True)
class MaskFile:
    """A picture that is a mask."""

    path: Path
    told: str
    """Below the folder of masks, with slashes."""
    name: str
    """What of it says which image is meant; without the class's folder."""
    kind: str = ""
    """Name of its class, where a folder says it."""


def pictures(folder: Path) -> Iterator[Path]:
    """Files below a folder that are pictures by their names, in order."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in SUFFIXES | MASK_SUFFIXES and not hidden and path.is_file():
            yield path


def is_named_as_mask(path: Path) -> bool:
    """Whether its name says so: `a_mask.png`."""
    return path.suffix.lower() in MASK_SUFFIXES and ADDED.search(path.stem) is not None


def by_image(
    files: Mapping[str, PhotoFile], masks: Sequence[MaskFile], left: list[LeftOut]
) -> dict[str, list[MaskFile]]:
    """The masks of each image; those that fit none or several are left out with a line."""
    stems = grouped(list(files), lambda name: str(PurePosixPath(name).with_suffix("")))
    whole, ends = PhotoNames(files), PhotoNames(stems)
    meant: dict[Path, str] = {}
    for mask in masks:
        name = same_name(str(PurePosixPath(mask.name).with_suffix("")))
        if whole.find(name)[0]:  # a.jpg.png
            meant[mask.path] = name
            continue
        for text in dict.fromkeys((name, ADDED.sub("", name))):
            found = ends.find(text)[0]
            images = [image for stem in found for image in stems[stem]]
            if len(found) == 1 and len(images) > 1:
                left.append(LeftOut(mask.told, "", f"fits {len(images)} photos alike: {', '.join(images[:3])}"))
                break
            if images:
                meant[mask.path] = text + PurePosixPath(images[0]).suffix
                break
        else:
            left.append(LeftOut(mask.told, "", "no such photo"))
    known = [mask for mask in masks if mask.path in meant]
    return placed(files, known, lambda mask: meant[mask.path], left, told=lambda mask: mask.told)
