"""Class-activation maps by pytorch-grad-cam: which part of an image an answer rests on."""

from collections.abc import Callable
from contextlib import redirect_stderr
from io import StringIO
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from inspection.layers import LayerError

METHODS = ("GradCAM", "GradCAMPlusPlus", "HiResCAM", "LayerCAM", "XGradCAM", "EigenCAM", "EigenGradCAM", "ScoreCAM")
"""Names of the library's classes: Selvaraju et al. 2017, Chattopadhay et al. 2018, Draelos and Carin 2020, ..."""
Heat = npt.NDArray[np.float32]


def activation_map(
    network: nn.Module, layer: str, pixels: Tensor, wanted: Callable[[Tensor], Tensor], method: str = "GradCAM"
) -> Heat:
    """How much each place speaks for what is wanted, `(H, W)` from 0 to 1, at the image's size.

    Args:
        layer: module path whose maps are weighed.
        pixels: raw, `(1, 3, H, W)`.
        wanted: logits of one image, without the batch, → a scalar: the higher, the more of it.
        method: one of METHODS.

    Raises ValueError for another method.

    """
    if method not in METHODS:
        raise ValueError(f"cam_method={method}: want one of {', '.join(METHODS)}")
    import pytorch_grad_cam

    target = dict(network.named_modules())[layer]
    network.eval()
    flags = [(one, one.requires_grad) for one in network.parameters()]
    in_place: list[Any] = [one for one in network.modules() if getattr(one, "inplace", False)]
    found: Any = None
    try:
        for one, _ in flags:
            one.requires_grad = True
        for module in in_place:  # they would change what the layer has put out
            module.inplace = False
        with (
            torch.enable_grad(),
            redirect_stderr(StringIO()),  # a bar of the library's own
            getattr(pytorch_grad_cam, method)(model=network, target_layers=[target]) as cam,
        ):
            cam.batch_size = 16
            found = cam(input_tensor=pixels.float().requires_grad_(), targets=[wanted])
    finally:
        for module in in_place:
            module.inplace = True
        for one, needed in flags:
            one.requires_grad_(needed)
            one.grad = None
    if found is None:
        raise LayerError(f"cam_layer={layer}: {method} finds nothing there")
    return np.asarray(found[0], np.float32)
