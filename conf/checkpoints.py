"""A run's checkpoints, one after the other."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any


def each_checkpoint(module: Any, folder: Path) -> Iterator[tuple[str, str]]:
    """Loads the last one and then the best one, of those that were kept; yields name and what figures of it are called by."""
    from lightning_modules.inference import load_checkpoint

    for checkpoint, infix in (("last", "last/"), ("best", "")):
        path = folder / "checkpoints" / f"{checkpoint}.ckpt"
        if path.exists():
            load_checkpoint(module, path)
            yield checkpoint, infix
