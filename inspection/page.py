"""One page on what a trained network sees in an image, or in two side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor, nn

from heads.base import Head
from inspection.activation import activation_map
from inspection.drawing import Picture, edges, filters, heated, mosaic, sheet
from inspection.layers import Maps, chosen, feature_maps, first_filters, map_layers

CHANNELS, TILES = 24, 8
"""Shown of a layer, and how many stand in a row."""


class Trained(Protocol):
    """A module of `lightning_modules`."""

    network: nn.Module
    head: Head


@dataclass(frozen=True)
class Seen:
    """What one image comes to.

    Attributes:
        name: of its file.
        pixels: RGB `(H, W, 3)` as the network is given it.
        answer: in words.
        logits: the network's, `(O,)` or `(O, H, W)`.
        target: class for which activation maps speak.

    """

    name: str
    pixels: Picture
    answer: str
    logits: Tensor
    target: int


def seen(module: Trained, pixels: Picture, name: str, class_names: Sequence[str], wanted: int | None = None) -> Seen:
    """The network's answer to an image, and the class that is asked about: the wanted one, else the answer."""
    module.network.eval()
    with torch.inference_mode():
        logits = module.network(batch_of(pixels)).float()
        words, rests_on = module.head.describe(logits, class_names)
    return Seen(name, pixels, words, logits[0], rests_on if wanted is None else wanted)


def batch_of(pixels: Picture) -> Tensor:
    """`(H, W, 3)` → `(1, 3, H, W)`."""
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None]


def draw(
    module: Trained,
    images: Sequence[Seen],
    title: str,
    class_names: Sequence[str],
    *,
    layers: Sequence[str] | None,
    method: str,
    cam_layer: str | None = None,
    side: int = 400,
) -> tuple[Image.Image, dict[str, Any]]:
    """The page, and what is in it as plain values.

    Args:
        layers: module paths; None takes the last layer at each size of map.
        cam_layer: where activation maps are taken; None: the last of the layers, of a network that marks pixels the
            last one of its decoder.

    Raises LayerError for a layer that is none, ValueError for a method that is none.
    """
    network = module.network
    batches = [batch_of(one.pixels) for one in images]
    paths = chosen(network, batches[0], layers)
    at = chosen(network, batches[0], [cam_layer])[0] if cam_layer else _last_before_answer(module, batches[0], paths)
    maps = [feature_maps(network, batch, paths) for batch in batches]
    shown = [_large(one.pixels, side) for one in images]
    heats = [
        activation_map(network, at, batch, module.head.evidence(one.target, one.logits), method)
        for one, batch in zip(images, batches, strict=True)
    ]
    asked = sorted({class_names[one.target] for one in images})
    rows: list[tuple[str, list[Picture]]] = [
        ("the image as the network is given it", shown),
        ("Canny's edges", [_large(edges(one.pixels), side) for one in images]),
        (
            f"{method} at {at}: what speaks for {' / '.join(asked)}",
            [_large(heated(one.pixels, heat), side) for one, heat in zip(images, heats, strict=True)],
        ),
    ]
    told: dict[str, Any] = {"layers": {}, "method": method, "cam_layer": at}
    for path in paths:
        both = [each[path][0] for each in maps]
        order = _liveliest(both)
        channels, height, width = both[0].shape
        rows.append((f"{path}: {channels} maps of {width} x {height}, the {len(order)} that vary most",
                     [mosaic(one, order, side, TILES) for one in both]))  # fmt: skip
        told["layers"][path] = {"shape": [channels, height, width], "shown": order,
                                "dead": [int((np.ptp(one, axis=(1, 2)) < 1e-6).sum()) for one in both]}  # fmt: skip
    path, weights = first_filters(network)
    first = filters(weights, side)
    blank = np.full_like(first, 255)
    rows.append((f"{path}: its {len(weights)} filters", [first, *[blank] * (len(images) - 1)]))
    columns = [f"{one.name}: {one.answer}" for one in images]
    return sheet(title, columns, rows, side), told


def _last_before_answer(module: Trained, pixels: Tensor, paths: Sequence[str]) -> str:
    decoder = [path for path in map_layers(module.network, pixels) if path.startswith("decoder.")]
    return decoder[-1] if decoder else paths[-1]


def _liveliest(maps: Sequence[npt.NDArray[np.float32]]) -> list[int]:
    """Channels by their spread over all images, the same ones for all; each map counts with its own scale."""
    spread = sum(one.std(axis=(1, 2)) for one in maps)
    return [int(channel) for channel in np.argsort(-np.asarray(spread))[:CHANNELS]]


def _large(picture: Picture, side: int) -> Picture:
    height = round(side * picture.shape[0] / picture.shape[1])
    smooth = Image.Resampling.LANCZOS if side < picture.shape[1] else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(picture).resize((side, height), smooth))


def pooled(maps: Maps) -> npt.NDArray[np.float64]:
    """Maps `(B, C, h, w)` → features `(B, C)`: their means over places."""
    return np.asarray(maps.mean(axis=(2, 3), dtype=np.float64))
