"""Which processes there are: those that torchrun or srun started, or those that rank 0 starts itself."""

import os
from dataclasses import dataclass

from omegaconf import DictConfig


@dataclass(frozen=True)
class ProcessInfo:
    """Which of a command's processes this is, and where they meet."""

    rank: int
    world: int
    """How many there are."""
    local_rank: int
    node: int
    address: str
    """Of rank 0; where it has started the others itself, a file that they share."""
    port: int
    """0 for a file."""
    hosts: bool
    """Whether the store where they meet is this process's."""
    run: str = ""
    """Tells several starts by one launcher apart."""

    @property
    def meets_in_a_file(self) -> bool:
        """Whether all of them are on this machine, started by rank 0: then nothing listens for them."""
        return self.port == 0


def launched() -> ProcessInfo | None:
    """Where torchrun or srun has put this process; None where neither has started several."""
    known = os.environ
    if "TORCHELASTIC_RUN_ID" in known and int(known["WORLD_SIZE"]) > 1:
        rank = int(known["RANK"])
        hosts = rank == 0 and known.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
        return ProcessInfo(rank, int(known["WORLD_SIZE"]), int(known["LOCAL_RANK"]), int(known["GROUP_RANK"]),
                     known["MASTER_ADDR"], int(known["MASTER_PORT"]), hosts, known["TORCHELASTIC_RESTART_COUNT"])  # fmt: skip
    if int(known.get("SLURM_STEP_NUM_TASKS", "1")) > 1:
        from lightning_fabric.plugins.environments.slurm import SLURMEnvironment

        slurm = SLURMEnvironment()
        rank = slurm.global_rank()
        return ProcessInfo(rank, int(known["SLURM_STEP_NUM_TASKS"]), slurm.local_rank(), slurm.node_rank(),
                     slurm.main_address, slurm.main_port, rank == 0)  # fmt: skip
    return None


def wrong_processes(cfg: DictConfig) -> str:
    """What cannot be about the number of processes, one line; empty where nothing."""
    trainer = cfg.trainer
    world = trainer.devices * trainer.num_nodes
    if trainer.strategy not in ("auto", "ddp"):
        return f"trainer.strategy={trainer.strategy}: want auto or ddp"
    if world > 1 and trainer.strategy != "ddp":
        return f"trainer.devices={trainer.devices}, trainer.num_nodes={trainer.num_nodes}: several want trainer=ddp"
    if cfg.batch_size % world:
        return f"batch_size={cfg.batch_size}: want a multiple of the {world} processes that share it (trainer.devices)"
    place = launched()
    started = place.world if place else trainer.devices
    if world != started:
        return (
            f"trainer.devices={trainer.devices}, trainer.num_nodes={trainer.num_nodes}: {world} processes, started are "
            f"{started}; want torchrun or srun to start train.py once for each device of each machine"
        )
    return ""
