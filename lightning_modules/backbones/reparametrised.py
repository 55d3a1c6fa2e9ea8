"""Networks whose branches become one convolution for inference: RepVGG's, RepViT's, MobileOne's, FastViT's.

timm knows how, module by module (`fuse`, `reparameterize`, `switch_to_deploy`).
"""

import torch
from timm.utils import reparameterize_model
from torch import Tensor

from lightning_modules.backbones.base import Backbone

WAYS = ("fuse", "reparameterize", "switch_to_deploy")
LARGEST = 1e-4
"""Difference of a feature, as a share of the largest one, that rounding may make."""


class BranchError(ValueError):
    """Branches that do not become one convolution with the same answer."""


@torch.inference_mode()
def reparametrise(backbone: Backbone, images: Tensor) -> None:
    """Joins the branches of a backbone in eval mode, in place; one without any is left alone.

    Args:
        backbone: whose layers may have branches, at whatever depth.
        images: scaled, `(B, 3, H, W)`; on them both forms are held against each other.

    Raises BranchError where their features differ.

    """
    if not any(hasattr(module, way) for module in backbone.modules() for way in WAYS):
        return
    before = backbone.pooled(backbone(images)[-1])
    reparameterize_model(backbone, inplace=True)
    worst = float((backbone.pooled(backbone(images)[-1]) - before).abs().max() / before.abs().max().clamp_min(1e-6))
    if not worst <= LARGEST:
        raise BranchError(f"joining the branches of the network changes its features by {worst:.2g} of the largest")
