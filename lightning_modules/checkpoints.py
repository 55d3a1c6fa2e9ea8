"""A trained network's weights, read back from its checkpoint, whole or in part."""

import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


def each_checkpoint(module: Any, folder: Path, shipped: str) -> Iterator[tuple[str, str]]:
    """Loads those that were kept, at the end the one that ships, best or last; yields name and what figures of it are called by."""
    other = "best" if shipped == "last" else "last"
    for checkpoint, infix in ((other, f"{other}/"), (shipped, "")):
        path = folder / "checkpoints" / f"{checkpoint}.ckpt"
        if path.exists():
            load_checkpoint(module, path)
            yield checkpoint, infix


class CheckpointError(ValueError):
    """A checkpoint that cannot be loaded; the message names the file."""


def load_checkpoint(module: nn.Module, path: Path) -> None:
    """Fills a module from a Lightning checkpoint, which is read as plain data only: no code in it runs.

    Raises CheckpointError when the file is missing, truncated, foreign, or of another configuration.
    """
    state = _saved(path)
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise CheckpointError(f"{path}: of another configuration than its record ({first})") from None


ENCODER = "network.backbone."


def take_over_backbone(backbone: nn.Module, path: Path) -> None:
    """Fills a backbone from a run's checkpoint. Raises CheckpointError where it does not fit."""
    state, wanted = _saved(path), backbone.state_dict()
    given = {key.removeprefix(ENCODER): value for key, value in state.items() if key.startswith(ENCODER)}
    odd = sorted(key for key, value in wanted.items() if key not in given or given[key].shape != value.shape)
    if odd:
        raise CheckpointError(f"{path}: not of this backbone: {odd[0]} is missing or has another shape")
    backbone.load_state_dict({key: given[key] for key in wanted})


def take_over_above(module: nn.Module, path: Path) -> None:
    """Fills what stands above a module's backbone from a run's checkpoint, where all of it has the same shape."""
    state = _saved(path)
    wanted = {
        key: value
        for key, value in module.state_dict().items()
        if key.startswith("network.") and not key.startswith(ENCODER)
    }
    if all(key in state and state[key].shape == value.shape for key, value in wanted.items()):
        module.load_state_dict({key: state[key] for key in wanted}, strict=False)


def _saved(path: Path) -> Mapping[str, Tensor]:
    """The tensors of a Lightning checkpoint."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what torch thinks of a foreign pickle is said below
            _check_stored(path)
            saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such checkpoint") from None
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError(f"{path}: not a whole checkpoint of plain tensors ({type(error).__name__})") from None
    state = saved.get("state_dict") if isinstance(saved, Mapping) else None
    if not isinstance(state, Mapping):
        raise CheckpointError(f"{path}: holds no state_dict")
    odd = next((key for key, value in state.items() if not (isinstance(key, str) and isinstance(value, Tensor))), None)
    if odd is not None:
        raise CheckpointError(f"{path}: state_dict holds {odd!r}, which is no tensor by its name")
    return state


def _check_stored(path: Path) -> None:
    """Raises CheckpointError for a compressed one: torch writes none, and a small file could fill the memory."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any(one.compress_type != zipfile.ZIP_STORED for one in archive.infolist()):
                raise CheckpointError(f"{path}: compressed; want a checkpoint as torch writes it")
