"""Several networks of one kind as one, which answers with the mean of their probabilities."""

from collections.abc import Callable, Sequence
from typing import override

import torch
from torch import Tensor, nn

from lightning_modules.networks.classifier import Network


class EnsembleNetwork(Network):
    """The members see the same scaled image; what they say is averaged by the head (`Head.mean_logits`).

    Args:
        members: networks that differ in their weights alone.
        mean_logits: outputs of all members `(M, B, …)` → logits of their mean `(B, …)`.

    """

    def __init__(self, members: Sequence[Network], mean_logits: Callable[[Tensor], Tensor]) -> None:
        nn.Module.__init__(self)  # the backbones stay where they are
        self.members = nn.ModuleList(members)
        self.scaling = members[0].scaling
        self.mean_logits = mean_logits

    @property
    @override
    def networks(self) -> list[Network]:
        return [one for one in self.members if isinstance(one, Network)]

    @property
    @override
    def above(self) -> list[nn.Module]:
        return [module for one in self.networks for module in one.above]

    @override
    def prepared(self, pixels: Tensor) -> Tensor:
        return self.networks[0].prepared(pixels)

    @override
    def features(self, images: Tensor) -> Tensor:
        """Of all members, `(M, B, …)`."""
        return torch.stack([one.features(images) for one in self.networks])

    @override
    def logits(self, features: Tensor) -> Tensor:
        outputs = [one.logits(own) for one, own in zip(self.networks, features.unbind(), strict=True)]
        return self.mean_logits(torch.stack(outputs))
