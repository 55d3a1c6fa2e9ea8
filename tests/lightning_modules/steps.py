"""Prints, as JSON, what a few training steps come to in as many processes as the first argument says."""

import json
import sys
import tempfile
from pathlib import Path

import torch
from torch import distributed, multiprocessing, nn

from heads.corn import Corn
from lightning_modules.backbones.mobilenet import MobileNet
from lightning_modules.backbones.spec import InitialWeights
from lightning_modules.data_parallel import Rows, SyncedLayers
from lightning_modules.networks.classifier import GradeNetwork

HALF = (0.5, 0.5, 0.5)


def train(rank, world):
    """Losses, and sums over the weights; batches of any size, the last smaller than three processes."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    head = Corn(5)
    plain = GradeNetwork(
        MobileNet(width=0.25, start=InitialWeights("random", "same", HALF, HALF)), head.num_outputs, 0.5
    )
    network = plain = plain.double()
    if world > 1:
        SyncedLayers(on_gpu=False).apply(plain)
        network = nn.parallel.DistributedDataParallel(plain)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.001)
    drawn = torch.Generator().manual_seed(5)
    losses = []
    for size in (8, 7, 2):
        images = 255 * torch.rand(size, 3, 32, 32, generator=drawn)
        labels = torch.randint(0, 5, (size,), generator=drawn)
        if size == 7:  # grades that it may be
            labels = nn.functional.one_hot(labels, 5).bool() | (torch.arange(5) > 2)
        weights = torch.rand(size, generator=drawn) + 0.5
        own = slice(size * rank // world, size * (rank + 1) // world)
        rows = Rows.of(own.stop - own.start)
        logits = rows.gather(network(images[own]))
        loss = head.loss(logits, rows.gather(labels[own]), rows.gather(weights[own]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, {name: value.double().sum().item() for name, value in plain.state_dict().items()}


def one_of(rank, world, folder):
    distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=world)
    (Path(folder) / str(rank)).write_text(json.dumps(train(rank, world)))


if __name__ == "__main__":
    world = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.start_processes(one_of, (world, folder), world, start_method="fork")
        together = [json.loads((Path(folder) / str(rank)).read_text()) for rank in range(world)]
    print(json.dumps({"alone": train(0, 1), "together": together}))
