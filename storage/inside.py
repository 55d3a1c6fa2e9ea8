"""Names that a file gives stay within the folder that they belong to."""

from pathlib import Path


class OutsideError(ValueError):
    """A name that leads out of its folder; the message names both."""


def inside(folder: Path, name: str) -> Path:
    """`folder/name`. Raises OutsideError for an absolute name, one with `..`, and a link that leads out of the folder."""
    path = folder / name
    if not name or "\0" in name or Path(name).is_absolute() or ".." in Path(name).parts:
        raise OutsideError(f"{name!r}: leads out of {folder}; want a name within it")
    if not path.resolve().is_relative_to(folder.resolve()):
        raise OutsideError(f"{path}: a link that leads out of {folder}")
    return path
