"""Which parts of a pretrained network are trained when, and how fast."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from timm.models import group_parameters
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from lightning_modules.networks.classifier import Network


@dataclass(frozen=True)
class FineTuning:
    """Head first, then the top blocks, then everything, the lower the slower: Howard and Ruder 2018, sections 3.2, 3.3.

    Args:
        head_epochs: epochs in which the head alone is trained.
        top_epochs: epochs after these in which the top blocks are trained with it.
        top_share: share of the network's layers, from the head down, that counts as top.
        rate_decay: learning rate of a layer (a block of the network) over that of the one above it; 1 trains all alike.

    """

    head_epochs: int = 0
    top_epochs: int = 0
    top_share: float = 0.34
    rate_decay: float = 1.0

    def __post_init__(self) -> None:
        """Raises ValueError for settings that train nothing sensible."""
        for key, value in (("head_epochs", self.head_epochs), ("top_epochs", self.top_epochs)):
            if value < 0:
                raise ValueError(f"fine_tuning.{key}={value}: want 0 or more")
        if not 0 < self.top_share <= 1:
            raise ValueError(f"fine_tuning.top_share={self.top_share:g}: want more than 0 and at most 1")
        if not 0 < self.rate_decay <= 1:
            raise ValueError(f"fine_tuning.rate_decay={self.rate_decay:g}: want more than 0 and at most 1")

    def freeze(self, network: Network, epoch: int) -> None:
        """Sets what is trained in an epoch, counted from 0; frozen batch norms keep their statistics."""
        if not self.head_epochs and not self.top_epochs:
            return
        layers = list(_layers(network))
        trained = len(layers)
        if epoch < self.head_epochs:
            trained = 0
        elif epoch < self.head_epochs + self.top_epochs:
            trained = max(1, round(self.top_share * len(layers)))
        for place, layer in enumerate(layers):
            for parameter in layer:
                parameter.requires_grad_(place >= len(layers) - trained)
        network.train()
        for module in network.modules():
            if isinstance(module, _BatchNorm) and module.weight is not None and not module.weight.requires_grad:
                module.eval()

    def rates(self, network: Network) -> list[tuple[list[nn.Parameter], float]]:
        """All parameters in groups, each with its share of the learning rate; one group where all have the same."""
        if self.rate_decay == 1:
            return [(list(network.parameters()), 1.0)]
        layers = list(_layers(network))
        shares = [self.rate_decay ** (len(layers) - place) for place in range(len(layers))]
        above = [parameter for module in network.above for parameter in module.parameters()]
        return [*zip(layers, shares, strict=True), (above, 1.0)]


def _layers(network: Network) -> Iterator[list[nn.Parameter]]:
    """The backbone's parameters, layer by layer from the image upwards, as timm divides its networks."""
    inner: Any = network.backbone.network
    known = dict(inner.named_parameters())
    layer_of: dict[str, int] = group_parameters(inner, inner.group_matcher(), reverse=True)
    for number in sorted(set(layer_of.values())):
        yield [known[name] for name, layer in layer_of.items() if layer == number and name in known]
