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


def check_output(output: Path, base: Path) -> None:
    """Raises DataError where a folder is that of the photos, holds other things, or the grades of other photos.

    Args:
        output: the folder; it need not be there.
        base: the folder of photos.

    """
    if output.resolve() == base:
        raise DataError(f"output={output}: is the folder of photos; want another")
    path = output / SETTINGS
    if not path.exists() and output.is_dir() and any(not one.name.startswith(".") for one in output.iterdir()):
        raise DataError(f"output={output}: holds other things; want a new folder, or one that this command has made")
    earlier = _photos_of(path)
    if earlier not in (None, str(base)):
        raise DataError(f"output={output}: holds the grades of {earlier}; want another folder for those of {base}")


@contextmanager
def held(output: Path, base: Path, settings: Mapping[str, Any]) -> Iterator[None]:
    """Makes the folder where there is none, and keeps other commands out of it; `settings` are written into SETTINGS.

    Raises DataError as `check_output` does, and where the folder is in use.
    """
    output.mkdir(parents=True, exist_ok=True)
    lock = FileLock(output / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise DataError(f"output={output}: another command is grading into it") from None
    try:
        check_output(output, base)
        write_whole(output / SETTINGS, json.dumps({"photos": str(base), **settings}, indent=1, ensure_ascii=False))
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
