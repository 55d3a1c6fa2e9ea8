"""Contract 2 of the design: images in, feature maps out, on timm's mobile networks."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from lightning_modules.backbones.spec import InitialWeights, WeightsError


class Backbone(nn.Module):
    """A timm network without its classifier.

    Args:
        network: a timm model of the EfficientNet or MobileNetV3 class, built with `num_classes=0`.
        start: padding, input scaling and weights.
        unused: parts of the network that come after its last feature map; they are taken out.
        own_eps: whether batch normalisation keeps what the network is built with.
        above: weights of a file, or parts, that stand above the features, beside the classifier.

    Attributes:
        strides: input pixels per pixel of each feature map, rising.
        out_channels: channels of each feature map.
        num_features: F, of what `pooled` gives.
        mean, std: input scaling per channel, of pixels divided by 255.

    """

    def __init__(
        self,
        network: nn.Module,
        start: InitialWeights,
        unused: tuple[str, ...] = (),
        *,
        own_eps: bool = False,
        above: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        for part in unused:
            setattr(network, part, nn.Identity())
        self.network = network
        self.mean, self.std = start.mean, start.std
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d) and not own_eps:
                module.eps = start.eps
        if start.path is not None and not start.whole_network:  # of which `take_over_backbone` knows
            load_weights(network, start.path, (*unused, *above))
        info: list[dict[str, Any]] = list(network.feature_info)  # type: ignore[arg-type]
        self.strides = tuple(int(stage["reduction"]) for stage in info)
        inner = [int(stage["num_chs"]) for stage in info]
        self.out_channels = (*inner[:-1], int(network.num_features))  # type: ignore[arg-type]
        self.num_features = self.out_channels[-1]

    def forward(self, images: Tensor) -> list[Tensor]:
        """Scaled images `(B, in_channels, H, W)` → feature maps `(B, out_channels[i], H / strides[i], W / strides[i])`.

        Sizes round up. The last map has gone through the family's final convolution where it has one.
        """
        last, maps = self.network.forward_intermediates(images)  # type: ignore[operator]
        return [*maps[:-1], last]

    def pooled(self, last: Tensor) -> Tensor:
        """The last feature map → features `(B, F)`: the mean over the picture, here."""
        return adaptive_avg_pool2d(last, 1).flatten(1)

    def classifier(self, num_outputs: int) -> nn.Module | None:
        """What stands above the last map in place of pooling and one linear layer; None where nothing of its own does."""
        return None


def timm_padding(padding: str) -> str:
    """The name that timm gives to `same` or `symmetric` padding."""
    names = {"same": "same", "symmetric": ""}
    if padding not in names:
        raise ValueError(f"padding={padding!r}: want same or symmetric")
    return names[padding]


def load_weights(network: nn.Module, path: Path, unused: tuple[str, ...] = ()) -> None:
    """Fills a network from a safetensors file in timm's names; a classifier and `unused` parts in it are left out.

    Raises WeightsError naming the file and the first key that lacks, is foreign, or has another shape.
    """
    try:
        given = load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: not a readable safetensors file ({error})") from None
    wanted = network.state_dict()
    classifier = getattr(network, "pretrained_cfg", {}).get("classifier") or "classifier"
    left_out = (
        *([classifier] if isinstance(classifier, str) else classifier),
        *unused,
    )  # of some a pair, one for a teacher
    given = {
        key: value for key, value in given.items() if not f"{key}.".startswith(tuple(f"{one}." for one in left_out))
    }
    counters = {key for key in wanted if key.endswith("num_batches_tracked")}
    missing = sorted(wanted.keys() - given.keys() - counters)
    foreign = sorted(given.keys() - wanted.keys())
    if missing or foreign:
        odd = f"lacks {missing[0]}" if missing else f"has {foreign[0]}, which this network lacks"
        raise WeightsError(f"{path}: not the weights of this network: {odd}")
    for key, value in given.items():
        if value.shape != wanted[key].shape:
            raise WeightsError(
                f"{path}: {key} has shape {tuple(value.shape)}, this backbone and width want {tuple(wanted[key].shape)}"
            )
        if wanted[key].is_floating_point() and not (value.is_floating_point() and value.float().isfinite().all()):
            raise WeightsError(f"{path}: {key}: {value.dtype}, or not finite; want finite floats")
    with torch.no_grad():
        network.load_state_dict(given, strict=False)
