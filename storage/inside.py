"""Names that a file gives stay within the folder that they belong to."""

from pathlib import Path


class OutsideError(ValueError):
    """A name that leads out of its folder; the message names both."""


def leads_out(name: str) -> bool:
    """Whether a name is no path within a folder: absolute, with `..`, with a zero byte, or none at all."""
    return not name or "\0" in name or Path(name).is_absolute() or ".." in Path(name).parts


def inside(folder: Path, name: str) -> Path:
    """`folder/name`. Raises OutsideError for an absolute name, one with `..`, and a link that leads out of the folder."""
    path = folder / name
    if leads_out(name):
        raise OutsideError(f"{name!r}: leads out of {folder}; want a name within it")
    if not path.resolve().is_relative_to(folder.resolve()):
        raise OutsideError(f"{path}: a link that leads out of {folder}")
    return path
