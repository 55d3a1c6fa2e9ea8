"""What importers of masks agree on: of each image a mask per class, read or named in a line."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from annotation.imported import LeftOut
from annotation.log import AnnotationError
from datamodules.masks.bits import MOST_CLASSES

ClassMask = npt.NDArray[np.bool_]
"""`(H, W)`, of the image as it is seen: turned as its EXIF says."""
Masks = dict[str, ClassMask]
"""By the class's name; a class without a pixel may be absent."""


@dataclass(frozen=True)
class Naming:
    """What another tool's classes are called here."""

    renamed: Mapping[str, str] = field(default_factory=dict)
    """Their name → ours; several of one name become one class."""
    without: frozenset[str] = frozenset()
    """Names of theirs that are no class."""

    def of(self, name: str) -> str | None:
        """Our name; None for what is no class."""
        return None if name in self.without else self.renamed.get(name, name)

    def check(self, source: Path, known: Iterable[str]) -> None:
        """Raises AnnotationError for a name that the source does not have."""
        have = list(dict.fromkeys(known))
        for option, names in (("--category", self.renamed), ("--without", self.without)):
            if strange := sorted(set(names) - set(have)):
                raise AnnotationError(
                    f"{option} {strange[0]}: {source} has no such category; it has {', '.join(have) or 'none'}"
                )


@dataclass
class Collected:
    """What is gathered while a source is gone through."""

    left: list[LeftOut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    """Images on which the source has nothing drawn."""
    partial: list[str] = field(default_factory=list)
    """Images of which some drawings could not be read."""


class MaskSource(Protocol):
    """Images with their masks, one after the other."""

    found: Collected
    """Takes lines and notes."""

    @property
    def order(self) -> Sequence[str]:
        """Of the classes."""

    def __len__(self) -> int:
        """Images."""

    def __iter__(self) -> Iterator[tuple[str, Masks]]:
        """Each image's name and masks."""


def classes_of(order: Sequence[str], drawn: Container[str], found: Collected) -> list[str]:
    """The classes of which something is drawn; notes the others. Raises AnnotationError for more than a pixel holds."""
    classes = [name for name in order if name in drawn]
    if bare := [name for name in order if name not in drawn]:
        found.notes.append(f"no class, for nothing is drawn of it: {', '.join(bare)}")
    if len(classes) > MOST_CLASSES:
        raise AnnotationError(
            f"{len(classes)} classes, {', '.join(classes)}; want at most {MOST_CLASSES}: --category {classes[-1]}={classes[-2]} takes two as one, "
            f"--without {classes[-1]} leaves one out"
        )
    return classes


@dataclass(frozen=True)
class Options:
    """What the command line says of every source."""

    naming: Naming = field(default_factory=Naming)
    empty_is_clean: bool = False
    """Whether an image on which nothing is drawn has no defect; else it is left out and counted."""
    fill_boxes: bool = False
    """Whether a box without an outline is taken as a mask."""
    keep_partial: bool = True
    """Whether an image of which a drawing could not be read is taken with the others."""
    classes: str = ""
    """Names for the numbers or colours of index masks, or a file that lists them."""
    background: frozenset[int] = frozenset()
    """Numbers of index masks that are no class, beside 0."""
    tasks: Path | None = None
    """Label Studio's JSON export, which says which image a task is."""


def add_mask(masks: Masks, name: str, mask: ClassMask) -> None:
    """Takes in another piece of a class."""
    masks[name] = masks[name] | mask if name in masks else mask
