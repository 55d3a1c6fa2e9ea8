"""Arrays that are computed once and kept on disk, written whole or not at all."""

import errno
import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from datamodules.base.errors import DataError
from datamodules.base.pixels import Image
from storage.whole_file import forget_unfinished, replaced


@contextmanager
def disk_errors(cache: Path, key: str = "paths.cache", doing: str = "caching images") -> Iterator[None]:
    """Turns a full or unwritable folder into a DataError that names it and the `key` that sets it."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DataError(f"{cache}: disk full while {doing}; free space or set {key} elsewhere") from None
        if error.errno in (errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise DataError(f"{cache}: cannot write here ({error.strerror}); set {key} elsewhere") from None
        raise


def build_array(path: Path, shape: tuple[int, ...], blocks: Iterable[Image], total: int, title: str) -> None:
    """Writes blocks one after another into a new .npy, which gets its final name when it is whole."""
    forget_unfinished(path)
    with replaced(path) as unfinished, unfinished.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)  # type: ignore[no-untyped-call]
        for block in tqdm(blocks, total=total, desc=title, unit="", leave=False, disable=None):
            file.write(np.ascontiguousarray(block).tobytes())


def is_kept(path: Path, shape: tuple[int, ...]) -> bool:
    """Whether an array of this shape lies there whole: one that was cut or overwritten is built again."""
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return False
    return bool(found.shape == shape and found.dtype == np.uint8)


def kept_json(path: Path) -> Any:
    """What a file of the cache holds; None where there is none, or it was damaged."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def threaded_map[Result](function: Callable[[int], Result], items: range, ahead: int = 8) -> Iterator[Result]:
    """`map` over threads that holds at most `prefetch` results, so that a large data set never sits in memory."""
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(function, item) for item in items[:ahead]]
        for item in items:
            result = waiting.pop(0).result()
            if item + ahead < len(items):
                waiting.append(pool.submit(function, items[item + ahead]))
            yield result
