"""The checkpoints of runs: one's own, and those of others that a run learns or starts from."""

import hashlib
from glob import glob
from pathlib import Path

from sweeps.records.checkpoints import checkpoint_file
from sweeps.records.run_record import Record, RecordError, Status, read_record


def matching(key: str, name: str, without: Path | None = None) -> list[Path]:
    """The folder of that name, or the runs that a pattern with `*` matches: one per fold, say, by `${fold}` in it.

    Args:
        key: what the name was given to.
        without: a sweep's folder, the runs of which are passed over: those that ask.

    Raises RecordError, naming `key`, where none is called so.
    """
    if "*" not in name:
        return [Path(name)]
    found = sorted(Path(path).parent for path in glob(f"{name}/record.json"))  # noqa: PTH207  it may begin anywhere
    found = [one for one in found if without is None or one.parent.resolve() != without.resolve()]
    if not found:
        raise RecordError(f"{key}={name}: no run's folder is called so")
    return found


def checkpoint_of(key: str, folder: Path) -> tuple[Record, Path]:
    """A done run's record and the checkpoint that ships. Raises RecordError."""
    record = read_record(folder)
    if record["status"] != Status.DONE:
        raise RecordError(f"{key}={folder}: the run is {record['status']}; want a done one")
    path = checkpoint_file(folder, record)
    if not path.exists():
        raise RecordError(f"{key}={folder}: its {path.name} is not there any more")
    return record, path


def content_of(path: Path) -> str:
    """The first 16 hex digits of a file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
