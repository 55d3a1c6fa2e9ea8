"""Several seeds of one point trained together: their weights stacked, each with batches of its own."""

import math
import time
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import Logger
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state
from torch.nn.modules.dropout import _DropoutNd

from lightning_modules.base import TaskModule
from lightning_modules.data_parallel import Rows
from lightning_modules.distillation import labelled
from lightning_modules.grading import Batch, GradingModule, hard
from lightning_modules.optimizers import build_optimizer

Figures = dict[str, float]


class StackedModule(pl.LightningModule):
    """Trains S networks of one shape at once: what each learns is what it would by itself, but for rounding.

    Forward and backward run through `torch.vmap` over weights and buffers `(S, ...)`; optimizers here work value by value, so
    one over the stack does what S would. On a CPU small convolutions are computed by `small_convolutions`.

    Args:
        modules: one per seed, built as for a training of its own; their own weights stay as they are.
        monitor, mode: figure by which the best epoch of each is kept, and whether it is its max or its min.
        loggers: one of Lightning's per network, or None; each is given that network's figures.
        histories: one list per network, which gains a row of figures with each epoch.

    Raises ValueError for what cannot be stacked; the message says why.

    """

    def __init__(
        self,
        modules: Sequence[GradingModule],
        monitor: str,
        mode: str,
        loggers: Sequence[Logger | None],
        histories: list[list[Figures]],
    ) -> None:
        super().__init__()
        if why := unsupported_reason(modules[0]):
            raise ValueError(f"not to be stacked: {why}")
        self.sign = 1.0 if mode == "max" else -1.0
        self.monitor, self.loggers_of, self.histories = monitor, loggers, histories
        self.singles = list(modules)  # a list and no ModuleList: their own weights are not what is trained
        self.val_metrics = nn.ModuleList(module.val_metrics for module in modules)
        weights, buffers = stack_module_state([module.network for module in modules])
        self.names, self.buffer_names = list(weights), list(buffers)
        self.weights = nn.ParameterList(weights.values())
        for number, one in enumerate(buffers.values()):
            self.register_buffer(f"buffer{number}", one)
        self.shape = [deepcopy(modules[0].network)]
        self.best: list[tuple[float, dict[str, Tensor], int]] = [(float("-inf"), {}, -1) for _ in modules]
        """Per network the figure, the state and the epoch; no state before there is one."""
        self.diverged: dict[int, str] = {}
        """Why a network's training is worth nothing, by its place; the others do not depend on it."""
        self.sums = torch.zeros(4, len(modules))
        self.began = 0.0
        self.small_convolutions = True
        """Whether a CPU computes them by `small_convolutions`; a benchmark goes without."""

    def setup(self, stage: str) -> None:
        """Lightning's, before training; here the device is known."""
        if self.small_convolutions and self.trainer.strategy.root_device.type == "cpu":
            from lightning_modules.multi_seed.convolutions import with_small_convolutions

            with_small_convolutions(self.shape[0])

    def stacked(self, images: Tensor, *, shared: bool = False) -> Tensor:
        """Raw pixels `(S, B, C, H, W)`, or shared `(B, C, H, W)` → logits `(S, B, O)`."""
        (network,) = self.shape
        weights = dict(zip(self.names, self.weights, strict=True))
        buffers = {name: getattr(self, f"buffer{number}") for number, name in enumerate(self.buffer_names)}

        def one(mine: dict[str, Tensor], state: dict[str, Tensor], pixels: Tensor) -> Tensor:
            found: Tensor = functional_call(network, (mine, state), (pixels,))
            return found

        logits: Tensor = torch.vmap(one, in_dims=(0, 0, None if shared else 0))(weights, buffers, images)
        return logits.float()

    def on_train_epoch_start(self) -> None:
        """What of the networks is trained in this epoch, as `TaskModule` decides it."""
        (network,) = self.shape
        network.train()
        self.singles[0].freeze_for(network, self.current_epoch)
        trained = dict(network.named_parameters())
        for name, weight in zip(self.names, self.weights, strict=True):
            weight.requires_grad_(trained[name].requires_grad)
        self.sums = torch.zeros(4, len(self.singles), device=self.device)
        self.began = time.perf_counter()

    def training_step(self, batches: Sequence[Batch], batch_idx: int) -> Tensor:
        """The sum of the networks' losses: none of them depends on another's weights."""
        logits = self.stacked(torch.stack([batch.images for batch in batches]))
        pairs = []
        for module, mine, batch in zip(self.singles, logits, batches, strict=True):
            rows = Rows((len(mine),))
            _, labels, weights = module.prepared(batch, rows)
            pairs.append(module.learn(mine, batch, labels, weights, rows))
        losses = torch.stack([loss for loss, _ in pairs])
        counts = losses.new_tensor([len(batch.labels) for batch in batches])
        right = torch.stack([share for _, share in pairs])
        known = (
            counts
            if self.singles[0].distillation is None
            else torch.stack([labelled(one.labels).sum().to(losses.dtype) for one in batches])
        )
        self.sums += torch.stack([losses.detach() * counts, right * known, counts, known])
        return losses.sum()

    def on_validation_epoch_start(self) -> None:
        """Starts the epoch's sums."""
        self.shape[0].eval()
        for module in self.singles:
            module.val_loss = torch.zeros(2, device=self.device)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Adds one batch, which all see, to the epoch's metrics."""
        for module, logits in zip(self.singles, self.stacked(batch.images, shared=True), strict=True):
            module.add_val_losses(module.head.sample_losses(logits, batch.labels))
            module.val_metrics.update(module.head.decode(logits), hard(batch.labels))

    def on_validation_epoch_end(self) -> None:
        """Lightning is told that there was something to validate."""
        self.shape[0].train()

    def on_train_epoch_end(self) -> None:
        """Hands out each network's figures and keeps the best. Raises ValueError for a figure that there is none of."""
        losses, right = (self.sums[:2] / self.sums[2:].clamp(min=1)).tolist()
        seconds = round((time.perf_counter() - self.began) / len(self.singles), 3)
        for place, module in enumerate(self.singles):
            found = {"train/loss": losses[place], "train/accuracy": right[place]}
            found |= {name: float(value) for name, value in module.val_figures().items()}
            if self.monitor not in found:
                raise ValueError(f"callbacks.monitor={self.monitor}: no such figure; there are {', '.join(found)}")
            if not math.isfinite(losses[place]) and place not in self.diverged:
                self.diverged[place] = (
                    f"the training loss is {losses[place]} in epoch {self.current_epoch}: try a smaller optimizer.lr"
                )
            self.histories[place].append({"epoch": self.current_epoch, "seconds": seconds, **found})
            if (logger := self.loggers_of[place]) is not None:
                logger.log_metrics({"epoch": self.current_epoch, **found}, step=self.global_step - 1)
                logger.save()
            if (worth := self.sign * found[self.monitor]) > self.best[place][0]:
                self.best[place] = worth, self.state_of(place), self.current_epoch

    def state_of(self, place: int) -> dict[str, Tensor]:
        """A single module's state with the weights that the stack has now, copies on the CPU."""
        own = dict(zip(self.names, self.weights, strict=True))
        own |= {name: getattr(self, f"buffer{number}") for number, name in enumerate(self.buffer_names)}
        kept = self.singles[place].state_dict()
        mine = {f"network.{name}": stack[place].detach().cpu().clone() for name, stack in own.items()}
        return {name: mine.get(name, value) for name, value in kept.items()}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """The best of each so far goes into the checkpoint."""
        checkpoint |= {"best": self.best, "histories": self.histories, "diverged": self.diverged}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Takes up where a checkpoint left off."""
        self.best, self.diverged = list(checkpoint["best"]), dict(checkpoint["diverged"])
        for kept, rows in zip(self.histories, checkpoint["histories"], strict=True):
            kept[:] = rows

    def configure_optimizers(self) -> Any:
        """As the single modules', over the stack."""
        (network,) = self.shape
        first = self.singles[0]
        place = {id(one): at for at, (_, one) in enumerate(network.named_parameters())}
        groups = first.fine_tuning.rates(network)
        stacks = [[self.weights[place[id(one)]] for one in members] for members, _ in groups]
        optimizer = build_optimizer(first.settings.optimizer, [{"params": members} for members in stacks])
        for group, (_, share) in zip(optimizer.param_groups, groups, strict=True):
            group["lr"] *= share
        schedule = first.settings.schedule(optimizer, int(self.trainer.estimated_stepping_batches))
        if schedule is None:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class StackedData(pl.LightningDataModule):
    """A list of batches at each step, one from each loader; the first one's validation set, which all share.

    Args:
        each: `CellDataModule`s, one per network.

    """

    def __init__(self, each: Sequence[Any]) -> None:
        super().__init__()
        self.each = list(each)

    def setup(self, stage: str) -> None:
        """Lightning's: tells the loaders where the network is."""
        for one in self.each:
            one.trainer = self.trainer

    def train_dataloader(self) -> list[Any]:
        """All of them: they are of one length."""
        return [one.train_dataloader() for one in self.each]

    def val_dataloader(self) -> Any:
        """The validation set, once: all seeds share it."""
        return self.each[0].val_dataloader()


def unsupported_reason(module: TaskModule) -> str:
    """Why a module cannot be one of a stack; empty where it can."""
    if not isinstance(module, GradingModule):
        return f"{type(module).__name__} is not computed in a stack"
    if list(module.head.parameters()):
        return "the encoding's own thresholds are trained, which are not stacked"
    if module.mixup is not None:
        return "task.mixup draws differently in a stack"
    dropping = [name for name, layer in module.network.named_modules() if isinstance(layer, _DropoutNd) and layer.p > 0]
    return f"{dropping[0]} drops out, with other draws in a stack (task.dropout=0 does not)" if dropping else ""
