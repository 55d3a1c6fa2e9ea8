"""The folder that grades are written to: one command's at a time, and of one folder of photos."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from datamodules.base.errors import DataError
from storage.whole_file import write_whole

SETTINGS = "settings.json"


@contextmanager
def held(output: Path, base: Path, settings: Mapping[str, Any]) -> Iterator[None]:
    """Makes the folder where there is none, and keeps other commands out of it.

    Args:
        output: the folder.
        base: the folder of photos.
        settings: what else is written beside its name into SETTINGS.

    Raises DataError where it is the folder of photos, holds other things or the grades of other photos, or is in use.

    """
    if output.resolve() == base:
        raise DataError(f"output={output}: is the folder of photos; want another")
    path = output / SETTINGS
    output.mkdir(parents=True, exist_ok=True)
    if not path.exists() and any(not one.name.startswith(".") for one in output.iterdir()):
        raise DataError(f"output={output}: holds other things; want a new folder, or one that this command has made")
    lock = FileLock(output / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise DataError(f"output={output}: another command is grading into it") from None
    try:
        earlier = _photos_of(path)
        if earlier not in (None, str(base)):
            raise DataError(f"output={output}: holds the grades of {earlier}; want another folder for those of {base}")
        write_whole(path, json.dumps({"photos": str(base), **settings}, indent=1, ensure_ascii=False))
        yield
    finally:
        lock.release()


def _photos_of(path: Path) -> str | None:
    try:
        return str(json.loads(path.read_bytes())["photos"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise DataError(f"{path}: damaged; want an output folder of this command, or a new one") from None
