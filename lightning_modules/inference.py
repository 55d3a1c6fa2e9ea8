"""Grades and probabilities of many images from a trained network."""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from heads.grades import GradeHead
from heads.masks import MaskHead
from lightning_modules.trained import TrainedModule


class CheckpointError(ValueError):
    """A checkpoint that cannot be loaded; the message names the file."""


@torch.inference_mode()
def grade_images(
    module: TrainedModule, batches: Iterable[Tensor]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Raw pixels `(B, 3, S, S)`, batch by batch → grades `(N,)` and probabilities `(N, K)`, in eval mode."""
    module.eval()
    head = cast(GradeHead, module.head)
    grades, probabilities = [], []
    for images in batches:
        logits = module(images.to(module.device)).float()
        grades.append(head.decode(logits).cpu())
        probabilities.append(head.probabilities(logits).double().cpu())
    return torch.cat(grades).numpy(), torch.cat(probabilities).numpy()


@torch.inference_mode()
def mark_images(module: TrainedModule, batches: Iterable[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    """Raw pixels `(B, 3, H, W)`, batch by batch → masks, bool, and probabilities `(B, K, H, W)`, in eval mode."""
    module.eval()
    head = cast(MaskHead, module.head)
    for images in batches:
        logits = module(images.to(module.device)).float()
        yield head.decode(logits).cpu(), head.probabilities(logits).cpu()


@torch.inference_mode()
def read_off(module: TrainedModule, batches: Iterable[Tensor]) -> npt.NDArray[np.float64]:
    """Raw pixels `(B, 3, S, S)`, batch by batch → numbers in their unit `(N,)`, in eval mode."""
    module.eval()
    found = [module.head.decode(module(images.to(module.device)).float())[:, 0].double().cpu() for images in batches]
    return torch.cat(found).numpy()


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
            saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such checkpoint") from None
    except Exception as error:
        raise CheckpointError(f"{path}: not a whole checkpoint of plain tensors ({type(error).__name__})") from None
    state = saved.get("state_dict") if isinstance(saved, Mapping) else None
    if not isinstance(state, Mapping):
        raise CheckpointError(f"{path}: holds no state_dict")
    return state
