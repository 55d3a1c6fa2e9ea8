"""How a network's steps are computed: precision, memory format and compiler."""

import logging
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class ExecutionMode:
    """How steps are computed."""

    precision: str = "32-true"
    """Lightning's name."""
    channels_last: bool = True
    compiled: str = ""
    """A mode of `torch.compile`; reduce-overhead is CUDA graphs. Empty: not compiled."""

    @property
    def name(self) -> str:
        """Words for a table."""
        layout = "channels last" if self.channels_last else "contiguous"
        return f"{self.precision}, {layout}" + (f", compiled ({self.compiled})" if self.compiled else "")


PLAIN = ExecutionMode()


def adopt(network: nn.Module, way: ExecutionMode) -> nn.Module:
    """The network itself, laid out and compiled so; `network.forward` stays uncompiled."""
    last = way.channels_last and not any(getattr(module, "contiguous_only", False) for module in network.modules())
    network.to(memory_format=torch.channels_last if last else torch.contiguous_format)
    if way.compiled:
        # it says that there is no CUDA where there is none
        logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
        network.compile(mode=way.compiled, dynamic=False)
    return network


def in_layout(images: Tensor, way: ExecutionMode) -> Tensor:
    """The batch as the way wants it in memory."""
    return images.contiguous(memory_format=torch.channels_last if way.channels_last else torch.contiguous_format)
