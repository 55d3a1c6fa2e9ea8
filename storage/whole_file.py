"""Files that nobody ever reads half of: written beside their name, on the disk before they take it."""

import glob
import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Yields a name beside `path`, with its suffix, to write to; at the end that file takes the place of `path`.

    Where the block raises, or the disk is full, what was there stays whole. A link in that place is replaced, not followed.
    Raises OSError that names `path`.
    """
    unfinished = path.with_name(f".{path.stem}.{os.getpid()}.{threading.get_ident()}{path.suffix}")
    try:
        try:
            yield unfinished
            _to_disk(unfinished)
            unfinished.replace(path)
            _to_disk(path.parent)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(unfinished)):
            raise type(error)(error.errno, error.strerror or str(error), str(path)) from error
        raise


def forget_unfinished(path: Path) -> None:
    """Removes what killed processes left of `path`; for who holds the lock under which it is written."""
    for left in path.parent.glob(f".{glob.escape(path.stem)}.*.*{path.suffix}"):
        left.unlink(missing_ok=True)


def write_whole(path: Path, data: str | bytes) -> None:
    """Writes a file in one piece, see `replaced`."""
    with replaced(path) as unfinished:
        if isinstance(data, bytes):
            unfinished.write_bytes(data)
        else:
            unfinished.write_text(data, newline="")


def sha256_of(path: Path) -> str:
    """64 hex digits over the file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_changed(path: Path, data: bytes) -> None:
    """`write_whole`, where the file does not say so already: what is there needs no time on the disk."""
    try:
        same = path.stat().st_size == len(data) and not path.is_symlink() and path.read_bytes() == data
    except OSError:
        same = False
    if not same:
        write_whole(path, data)


def _to_disk(path: Path) -> None:
    place = os.open(path, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)
