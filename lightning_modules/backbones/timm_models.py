"""Any image network of timm by its name: `backbone=timm backbone.model=<name>`."""

import difflib
from dataclasses import replace
from fnmatch import fnmatch
from functools import cache
from typing import Any, override

import timm
import torch
from torch import Tensor

from lightning_modules.backbones.base import Backbone
from lightning_modules.backbones.spec import BackboneSpec, InitialWeights, ModelError, Pretrained

SUGGESTED = 5
"""Names that are suggested for one that there is not, at most."""
CRASHING = ("MobileOneBlock",)
"""Layers (MobileOne's, FastViT's) whose gradients end the process with channels last: torch 2.15 on x86-64, images of 96 px in batches of 16."""


class TimmModel(Backbone):
    """One network of timm as `timm.create_model(model, num_classes=0)` makes it, padding and normalisation its own.

    Args:
        model: one of `timm.list_models()`: nothing else is looked up, so that no name reaches a network or a disk.
        width: 1.0; sizes are networks of their own.

    Raises ModelError for another name, ValueError for another width.

    """

    def __init__(self, model: str, width: float, start: InitialWeights, in_channels: int = 3) -> None:
        if width != 1.0:
            raise ValueError(f"width={width:g}: {model} comes at width 1 only")
        check_name(model)
        network: Any = timm.create_model(model, num_classes=0, in_chans=in_channels)
        super().__init__(network, start, own_eps=True, above=_above(model, network))
        self.num_features = int(network.head_hidden_size)
        self.contiguous_only = any(type(module).__name__ in CRASHING for module in network.modules())
        """Whether it is trained with channels first alone, see `lightning_modules.execution`."""

    @override
    def forward(self, images: Tensor) -> list[Tensor]:
        return super().forward(images.contiguous() if self.contiguous_only else images)

    @override
    def pooled(self, last: Tensor) -> Tensor:
        head: Any = self.network.forward_head
        features: Tensor = head(last, pre_logits=True)
        return features


def _above(model: str, network: Any) -> tuple[str, ...]:
    """Weights that the network has with its classifier alone: RepViT's has a normalisation of its own."""
    with torch.device("meta"):
        whole = timm.create_model(model).state_dict()
    return tuple(sorted(whole.keys() - network.state_dict().keys()))


@cache
def _names() -> frozenset[str]:
    return frozenset(timm.list_models())


def check_name(model: str) -> None:
    """Raises ModelError, with the names that are nearest, for one that timm does not list."""
    if model not in _names():
        near = difflib.get_close_matches(model, sorted(_names()), n=SUGGESTED, cutoff=0.4)
        raise ModelError(
            f"backbone.model={model}: timm {timm.__version__} has no such network; nearest {', '.join(near) or 'none'}; all of them: "
            'python -c "import timm; print(*timm.list_models())"'
        )


def spec_of(model: str, default: BackboneSpec, resolution: int | None = None) -> BackboneSpec:
    """What timm knows of a network, asked of its shapes alone: no weights are made, no network is reached.

    Args:
        model: its name.
        default: from which the batch size comes, and what is refused.
        resolution: pixels at which it will be used; None takes those of its weights.

    Raises ModelError for a name that there is not, for a network that is known not to become a file, for one that gives no map of features, and for a resolution that it
    does not take.

    """
    check_name(model)
    if why := next((why for pattern, why in default.refused.items() if fnmatch(model, pattern)), ""):
        raise ModelError(f"backbone.model={model}: does not become a file ({why}); what does: docs/timm.md")
    with torch.device("meta"):
        network: Any = timm.create_model(model, num_classes=0).eval()
    needed = ("forward_intermediates", "forward_head", "feature_info", "head_hidden_size")
    if missing := [name for name in needed if not getattr(network, name, None)]:
        raise ModelError(f"backbone.model={model}: not made to give features (it has no {missing[0]}); want another")
    about = network.pretrained_cfg
    own, mean, std = int(about["input_size"][1]), tuple(about["mean"]), tuple(about["std"])
    if len(mean) != 3 or len(std) != 3:
        raise ModelError(f"backbone.model={model}: takes {len(mean)} channels; want one for coloured pictures")
    stride = max(int(stage["reduction"]) for stage in network.feature_info)
    side = own if resolution is None else resolution
    if side >= stride and not _takes(network, side):
        raise ModelError(f"resolution={side}: {model} is not made for it; want {own}, its own")
    hub = about.get("hf_hub_id")
    weights = [Pretrained(default.padding, mean, std, hub=str(hub))] if hub else []
    return replace(
        default, name=model, default_resolution=own, stride=stride, mean=mean, std=std, pretrained={1.0: weights} if weights else {}
    )  # fmt: skip


def _takes(network: Any, side: int) -> bool:
    """Whether a network on the meta device takes images of a size, and gives as many features as it says."""
    try:
        with torch.inference_mode():
            last, _ = network.forward_intermediates(torch.zeros(1, 3, side, side, device="meta"))
            shape = tuple(network.forward_head(last, pre_logits=True).shape)
    except (RuntimeError, AssertionError, ValueError, TypeError, IndexError):
        return False
    return shape == (1, int(network.head_hidden_size))
