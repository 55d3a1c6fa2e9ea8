"""Grades and probabilities of many images from a trained network."""

from collections.abc import Iterable, Iterator
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from heads.binary import BinaryHead
from heads.grades import GradeHead
from lightning_modules.base import TaskModule


@torch.inference_mode()
def grade_images(
    module: TaskModule, batches: Iterable[Tensor]
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
def predict_masks(module: TaskModule, batches: Iterable[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    """Raw pixels `(B, 3, H, W)`, batch by batch → masks, bool, and probabilities `(B, K, H, W)`, in eval mode."""
    module.eval()
    head = cast(BinaryHead, module.head)
    for images in batches:
        logits = module(images.to(module.device)).float()
        yield head.decode(logits).cpu(), head.probabilities(logits).cpu()


@torch.inference_mode()
def predict_numbers(module: TaskModule, batches: Iterable[Tensor]) -> npt.NDArray[np.float64]:
    """Raw pixels `(B, 3, S, S)`, batch by batch → numbers in their unit `(N,)`, in eval mode."""
    module.eval()
    found = [module.head.decode(module(images.to(module.device)).float())[:, 0].double().cpu() for images in batches]
    return torch.cat(found).numpy()


@torch.inference_mode()
def mean_loss(module: TaskModule, batches: Iterable[Any]) -> float:
    """The validation loss over batches of images and labels as the loaders hand them out, of this process alone, in eval mode."""
    module.eval()
    module.on_validation_epoch_start()
    for at, batch in enumerate(batches):
        module.validation_step(module.transfer_batch_to_device(batch, module.device, 0), at)
    total, count = module.val_loss.tolist()
    module.val_metrics.reset()
    return float(total / count)
