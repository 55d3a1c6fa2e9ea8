"""Which of a run's checkpoints is meant: the one that ships, whose figures stand without a prefix, or one by its name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sweeps.records.run_record import RecordError
from sweeps.records.schema import KEPT


def check_checkpoint(name: str, key: str = "checkpoint") -> None:
    """Raises RecordError for a name that is neither `shipped` nor one of KEPT."""
    if name not in ("shipped", *KEPT):
        raise RecordError(f"{key}={name}: want shipped, {' or '.join(KEPT)}")


def shipped_checkpoint(record: Mapping[str, Any]) -> str:
    """Of KEPT the one that is exported and predicted with; of a record that does not say, the best: its figures are of that one."""
    return str(record.get("shipped", {}).get("checkpoint", "best"))


def checkpoint_file(folder: Path, record: Mapping[str, Any], name: str = "shipped") -> Path:
    """`<folder>/checkpoints/<best or last>.ckpt`. Raises RecordError for another name."""
    check_checkpoint(name)
    return folder / "checkpoints" / f"{shipped_checkpoint(record) if name == 'shipped' else name}.ckpt"
