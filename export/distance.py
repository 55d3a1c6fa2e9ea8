"""How far a picture's features lie from those of training, as a part of a network that ships (`metrics.unknown`)."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from datamodules.base.samples import Samples
from export.comparison import in_batches
from lightning_modules.base import TaskModule
from lightning_modules.networks.classifier import GradeNetwork, Network
from metrics.unknown import Numbers, Spread, SpreadError

DISTANCE = "distance"
"""Name of the output, `(B, 1)`, and of the column of a file's answers."""
LEAST_CORRELATION = 0.95
"""Of a file's distances with torch's, by rank; a file with less is marked."""


PARITY = 1e-3
"""Largest difference that a float32 file's distance may have from torch's, as a share of it."""


class Distance(nn.Module):
    """The distance to the nearest class mean in operators that every runtime has: two linear layers, squares and a minimum.

    |z - m|² = |z|² - 2 z·m + |m|² for whitened features z, so that no axis but samples and features is needed.
    """

    def __init__(self, spread: Spread) -> None:
        super().__init__()
        self.whiten = _linear(spread.whitening.T, -spread.centre @ spread.whitening)
        self.nearest = _linear(-2 * spread.means, (spread.means**2).sum(axis=1))

    def forward(self, features: Tensor) -> Tensor:
        """Features `(B, F)`, or maps `(B, F, H, W)`, whose mean is taken → `(B, 1)`."""
        placed = self.whiten(pooled(features))
        squares = (placed * placed).sum(dim=1, keepdim=True) + self.nearest(placed)
        least: Tensor = squares.min(dim=1, keepdim=True).values
        return least.clamp(min=0).sqrt()


def _linear(weight: Numbers, bias: Numbers) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.weight = nn.Parameter(torch.tensor(weight, dtype=torch.float32), requires_grad=False)
    layer.bias = nn.Parameter(torch.tensor(bias, dtype=torch.float32), requires_grad=False)
    return layer


def pooled(features: Tensor) -> Tensor:
    """What the last layer works on as one row of features a picture, `(B, F)`."""
    return features.mean(dim=(2, 3)) if features.ndim == 4 else features


@torch.inference_mode()
def features_of(network: Network, batches: Iterable[Tensor]) -> Numbers:
    """Raw pixels `(B, 3, S, S)`, batch by batch → pooled features `(N, F)`, in eval mode."""
    network.eval()
    device = next(network.parameters()).device
    found = [
        pooled(network.features(network.scaling(network.prepared(images.to(device))))).double().cpu()
        for images in batches
    ]
    return np.asarray(torch.cat(found).numpy())


def spread_of(module: TaskModule, samples: Samples, resolution: int) -> Spread:
    """Where the features of the training samples lie, none of them augmented.

    Raises SpreadError for a network that has no such features, or too few samples.
    """
    if not isinstance(module.network, GradeNetwork):
        raise SpreadError("a distance is measured for one network that grades pictures, not for masks or an ensemble")
    table = samples.table
    if "label" not in table or not np.issubdtype(table.label.to_numpy().dtype, np.integer):
        raise SpreadError("a distance is measured from classes, and the labels are none")
    chosen = np.flatnonzero(((table.part == "train") & (table.label >= 0)).to_numpy())
    labels = table.label.to_numpy()[chosen]
    images = samples.images(resolution)[chosen]
    return Spread.of(features_of(module.network, in_batches(images)), labels.astype(np.int64))


def check_float32(torch_says: Numbers, file_says: Numbers) -> None:
    """Raises SpreadError where a float32 file's distances are not torch's, both `(N,)`."""
    worst = float(np.max(np.abs(file_says - torch_says) / np.maximum(torch_says, 1.0)))
    if not worst <= PARITY:
        raise SpreadError(f"its float32 distances differ from torch's by {worst:.2g}; want {PARITY:g} of them at most")


def with_distances(figures: Mapping[str, Any], torch_says: Numbers, file_says: Numbers) -> dict[str, Any]:
    """Figures of a file with those of its distances against torch's, both `(N,)`: rank correlation and the largest difference, as a
    share of torch's; a file whose distances are in another order is marked.
    """
    from scipy.stats import spearmanr

    correlation = float(spearmanr(torch_says, file_says).statistic) if len(torch_says) > 2 else 1.0
    worst = float(np.max(np.abs(file_says - torch_says) / np.maximum(torch_says, 1e-6)))
    wrong = "" if correlation >= LEAST_CORRELATION else f"its distances go with torch's by {correlation:.2f} alone"
    found = {"distance_correlation": correlation, "max_distance_difference": worst}
    return dict(figures) | found | {"marked": " and ".join(filter(None, (figures["marked"], wrong)))}
