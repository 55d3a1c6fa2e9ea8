"""Several processes train one network: each holds some rows of every batch, and all compute what one process would.

Losses, batch norms, dropout and mixup see the whole batch; DDP averages the gradients. Without a process group all of
it leaves things as they are.
"""

from dataclasses import dataclass
from typing import Any

import torch
from pytorch_lightning.plugins.layer_sync import LayerSync
from timm.layers.norm_act import SyncBatchNormAct
from torch import Tensor, distributed, nn
from torch.nn import functional


@dataclass(frozen=True)
class Rows:
    """Which rows of a batch this process holds; those of rank 0 come first.

    Args:
        counts: how many rows each process holds; some may hold none.
        rank: this process.

    """

    counts: tuple[int, ...]
    rank: int = 0

    @classmethod
    def of(cls, count: int) -> "Rows":
        """Of a batch of which this process holds `count` rows: asks the others."""
        if not distributed.is_initialized():
            return cls((count,))
        counts = [torch.empty(1, dtype=torch.int64) for _ in range(distributed.get_world_size())]
        distributed.all_gather(counts, torch.tensor([count]))
        return cls(tuple(int(one) for one in counts), distributed.get_rank())

    def own(self, whole: Tensor) -> Tensor:
        """The rows that this process holds."""
        start = sum(self.counts[: self.rank])
        return whole[start : start + self.counts[self.rank]]

    def gather(self, own: Tensor) -> Tensor:
        """`(b, …)` of every process → `(B, …)`; gradients find their way back."""
        return own if len(self.counts) == 1 else _Gather.apply(own, self)


class _Gather(torch.autograd.Function):
    """Every process goes on to the same loss: the gradient of one row is that of all their losses together."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, rows: Rows) -> Tensor:
        ctx.rows = rows
        padded = own.new_zeros(max(rows.counts), *own.shape[1:])
        padded[: len(own)] = own
        parts = [torch.empty_like(padded) for _ in rows.counts]
        distributed.all_gather(parts, padded)
        return torch.cat([part[:count] for part, count in zip(parts, rows.counts, strict=True)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.rows.own(gradients[0]) * len(ctx.rows.counts), None


def summed(value: Tensor) -> Tensor:
    """The sum over all processes, without gradient."""
    if distributed.is_initialized():
        distributed.all_reduce(value)
    return value


class _Sum(torch.autograd.Function):
    """The sum over all processes, with gradient."""

    @staticmethod
    def forward(_: Any, value: Tensor) -> Tensor:
        return summed(value.clone())

    @staticmethod
    def backward(_: Any, *gradients: Tensor) -> Tensor:
        return summed(gradients[0].clone())


class SyncedBatchNorm(nn.BatchNorm2d):
    """Batch norm over the rows of all processes where torch's own knows none, on the CPU; timm's activation follows."""

    momentum: float
    num_batches_tracked: Tensor
    running_mean: Tensor
    running_var: Tensor

    def forward(self, input: Tensor) -> Tensor:
        """`(b, C, H, W)` → the same shape."""
        output = self._over_all(input) if self.training else super().forward(input)
        return self.act(self.drop(output)) if hasattr(self, "act") else output  # type: ignore[operator]

    def _over_all(self, features: Tensor) -> Tensor:
        values = features.to(torch.promote_types(features.dtype, torch.float32))
        count = summed(values.new_tensor(values[:, 0].numel()))
        mean = _Sum.apply(values.sum((0, 2, 3))) / count
        centred = values - mean[:, None, None]
        variance = _Sum.apply(centred.square().sum((0, 2, 3))) / count
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale: Tensor = self.weight * (variance + self.eps).rsqrt()
        output: Tensor = centred * scale[:, None, None] + self.bias[:, None, None]
        return output.to(features.dtype)


class SyncedDropout(nn.Dropout):
    """Drops what one process would drop: all draw for the whole batch from the same state, and keep their rows."""

    def forward(self, input: Tensor) -> Tensor:
        """`(b, …)` → the same shape."""
        if not self.training or not self.p:
            return input
        rows = Rows.of(len(input))
        kept = functional.dropout(input.new_ones(sum(rows.counts), *input.shape[1:]), self.p)
        return input * rows.own(kept)


class SyncedLayers(LayerSync):
    """Lets batch norms and dropout see the whole batch while a network is trained.

    Torch's conversion of a network would lose the activations of timm's batch norms.

    Args:
        on_gpu: whether the network is trained on GPUs.

    """

    def __init__(self, *, on_gpu: bool) -> None:
        norm: type[nn.Module] = SyncBatchNormAct if on_gpu else SyncedBatchNorm
        self.synced: dict[type[nn.Module], type[nn.Module]] = {nn.BatchNorm2d: norm, nn.Dropout: SyncedDropout}
        self.replaced: list[tuple[nn.Module, type[nn.Module]]] = []

    def apply(self, model: nn.Module) -> nn.Module:
        """Changes the layers where they are: parameters and their names stay."""
        for module in model.modules():
            synced = next((of for plain, of in self.synced.items() if isinstance(module, plain)), None)
            if synced is not None:
                self.replaced.append((module, type(module)))
                module.__class__ = synced
                module.process_group = None  # type: ignore[assignment]  # of all, to torch
        return model

    def revert(self, model: nn.Module) -> nn.Module:
        """Gives the synchronised layers their own classes back."""
        while self.replaced:
            module, plain = self.replaced.pop()
            module.__class__ = plain
        return model
