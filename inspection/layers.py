"""Layers of any network by module path, what they put out, and their filters."""

import difflib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

Maps = npt.NDArray[np.float32]


class LayerError(ValueError):
    """A layer that the network does not have, or that puts out no maps."""


def map_layers(network: nn.Module, pixels: Tensor) -> dict[str, tuple[int, ...]]:
    """Module path → shape `(C, h, w)` of what it puts out, in the order in which an image passes them.

    Args:
        pixels: raw, `(1, 3, H, W)`.

    """
    found: dict[str, tuple[int, ...]] = {}

    def note(path: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _given: Any, out: Any) -> None:
            if isinstance(out, Tensor) and out.ndim == 4 and min(out.shape[2:]) > 1:
                found.pop(path, None)
                found[path] = tuple(out.shape[1:])

        return hook

    network.eval()  # else batch norms would learn from the image
    with _hooked(network, {path: note(path) for path, _ in network.named_modules() if path}), torch.inference_mode():
        network(pixels)
    return found


def chosen(network: nn.Module, pixels: Tensor, wanted: Sequence[str] | None, most: int = 7) -> list[str]:
    """The wanted layers, checked; without any, the last one at each size of map, from the image upwards.

    Raises LayerError naming a layer that does not exist, with the nearest that do.
    """
    known = map_layers(network, pixels)
    for path in wanted or ():
        if path not in known:
            near = difflib.get_close_matches(path, known, n=3, cutoff=0.3)
            raise LayerError(
                f"layers={path}: no layer of this network puts out maps by that name; near: {', '.join(near)}"
            )
    if wanted:
        return list(wanted)
    last: dict[tuple[int, ...], str] = {}
    for path, (_, height, width) in known.items():
        if "backbone" in path or not any("backbone" in other for other in known):
            last[height, width] = path
    return list(last.values())[-most:]


def feature_maps(network: nn.Module, pixels: Tensor, layers: Sequence[str]) -> dict[str, Maps]:
    """Raw pixels `(B, 3, H, W)` → module path → maps `(B, C, h, w)`, in eval mode."""
    found: dict[str, Maps] = {}

    def keep(path: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _given: Any, out: Tensor) -> None:
            found[path] = out.detach().float().cpu().clone().numpy()  # a later activation may work in its place

        return hook

    network.eval()
    with _hooked(network, {path: keep(path) for path in layers}), torch.inference_mode():
        network(pixels)
    return {path: found[path] for path in layers}


def first_filters(network: nn.Module) -> tuple[str, Maps]:
    """Path and weights `(O, C, k, k)` of the first convolution that sees all channels of the image."""
    for path, module in network.named_modules():
        if isinstance(module, nn.Conv2d) and module.groups == 1 and module.kernel_size != (1, 1):
            return path, module.weight.detach().float().cpu().numpy()
    raise LayerError("the network has no convolution whose filters could be drawn")


@contextmanager
def _hooked(network: nn.Module, hooks: dict[str, Callable[..., None]]) -> Iterator[None]:
    modules = dict(network.named_modules())
    handles = [modules[path].register_forward_hook(hook) for path, hook in hooks.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
