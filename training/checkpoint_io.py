"""Lightning's checkpoints: written whole, read as plain data."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, override

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from storage.whole_file import forget_unfinished, replaced


class WholeCheckpoints(TorchCheckpointIO):
    """Lightning's own writes into the folder for temporary files first, which may be another disk, and copies."""

    @override
    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        forget_unfinished(path)
        with replaced(path) as unfinished:
            torch.save(checkpoint, unfinished)

    @override
    def load_checkpoint(
        self, path: str | Path, map_location: Callable[..., Any] | None = None, weights_only: bool | None = True
    ) -> dict[str, Any]:
        """No code in a checkpoint runs, whatever the environment asks for."""
        found: dict[str, Any] = torch.load(path, map_location=map_location, weights_only=True)
        return found
