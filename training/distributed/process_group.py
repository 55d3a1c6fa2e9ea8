"""The process group of a job, and how Lightning learns of it."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, override

import torch
from lightning_fabric.plugins import ClusterEnvironment
from omegaconf import DictConfig
from torch import distributed
from torch._C._distributed_c10d import PrefixStore, Store

from jobs.launch_environment import ProcessInfo
from lightning_modules.data_parallel import SyncedLayers


@contextmanager
def group(trainer: DictConfig, place: ProcessInfo, store: Store, job: int) -> Iterator[list[Any]]:
    """The process group of one job; gives the plugins by which a Lightning trainer takes part in it.

    Args:
        trainer: its accelerator and devices are asked.
        place: which process this is.
        store: where they meet.
        job: its number in this command.

    """
    on_gpu = trainer.accelerator != "cpu" and torch.cuda.is_available()
    device = torch.device("cuda", place.local_rank) if on_gpu else None
    threads = torch.get_num_threads()
    if not on_gpu and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, threads // trainer.devices))
    if place.meets_in_a_file:
        loopback = [name for _, name in socket.if_nameindex() if name in ("lo", "lo0")]
        os.environ["GLOO_SOCKET_IFNAME"] = os.environ["NCCL_SOCKET_IFNAME"] = loopback[0]
    distributed.init_process_group(
        "cpu:gloo,cuda:nccl" if on_gpu else "gloo", store=PrefixStore(f"group/{job}", store),
        rank=place.rank, world_size=place.world, device_id=device,
    )  # fmt: skip
    try:
        yield [Processes(place), SyncedLayers(on_gpu=on_gpu)]
    finally:
        distributed.destroy_process_group()
        torch.set_num_threads(threads)


class Processes(ClusterEnvironment):
    """Tells Lightning which of the processes this is; the process group is there already.

    Args:
        place: which process this is.

    """

    def __init__(self, place: ProcessInfo) -> None:
        self.place = place

    creates_processes_externally = True
    main_address = ""
    main_port = 0

    @staticmethod
    def detect() -> bool:
        """False: it is asked for, not guessed from the environment."""
        return False

    @override
    def world_size(self) -> int:
        return self.place.world

    @override
    def set_world_size(self, size: int) -> None:
        """Nothing to do: it was given when the processes were started."""

    @override
    def global_rank(self) -> int:
        return self.place.rank

    @override
    def set_global_rank(self, rank: int) -> None:
        """Nothing to do: it was given when the processes were started."""

    @override
    def local_rank(self) -> int:
        return self.place.local_rank

    @override
    def node_rank(self) -> int:
        return self.place.node
