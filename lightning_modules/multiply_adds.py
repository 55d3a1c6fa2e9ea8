"""How much a network computes for one image."""

from copy import deepcopy

import torch
from torch.utils.flop_counter import FlopCounterMode

from lightning_modules.backbones.reparametrised import reparametrise
from lightning_modules.networks.classifier import Network


def multiply_adds(network: Network, size: tuple[int, int]) -> int:
    """Products that are added up in convolutions and linear layers for one image of height and width `size`, as papers on small networks count.

    Of the network as it is deployed, its branches joined; the network itself stays as it is. Normalisation, activations
    and additions are left out. Counted by torch's FlopCounterMode, which gives two operations for each.

    """
    copy = deepcopy(network).cpu().eval()
    image = torch.linspace(0, 255, 3 * size[0] * size[1]).view(1, 3, *size)
    for one in copy.networks:
        reparametrise(one.backbone, image / 127.5 - 1)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        copy.forward(image)
    return int(counter.get_total_flops()) // 2
