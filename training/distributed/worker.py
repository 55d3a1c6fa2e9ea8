"""What the processes beside rank 0 do: `python -m training.distributed.worker <rank> <world> <file>`, or train.py under torchrun or srun.

They train along and leave record, loggers and screen to rank 0.
"""

import os
import signal
import sys
import threading
import warnings
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING

from cli.train_schema import register
from jobs.launch_environment import ProcessInfo, launched
from sweeps.records.environment import peak_memory_bytes
from sweeps.records.run_record import one_line
from training.distributed.rank_zero import meeting_store

if TYPE_CHECKING:
    from torch._C._distributed_c10d import Store


def ran_as_worker() -> bool:
    """Whether this is one of a launch's processes beside rank 0; returns when rank 0 has ended."""
    place = launched()
    if place is None:
        return False
    import torch.distributed  # noqa: F401  at its end rank 0 needs it, when it is too late to import it

    if place.rank:
        work_for_rank_zero(place)
    return place.rank > 0


def work_for_rank_zero(place: ProcessInfo) -> None:
    """Joins in every job that rank 0 hands out. Ends the process where one fails; rank 0 is told why."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    store = meeting_store(place)
    for number in count():
        given = store.get(f"job/{number}")
        if not given:
            store.add("left", 1)
            return
        try:
            work(given.decode(), place, store, number)
        except BaseException as error:
            with suppress(Exception):
                store.compare_set(f"error/{number}", "", f"rank {place.rank}: {one_line(error)}")
                store.add("left", 1)
            os._exit(0)  # with another code a launcher ends rank 0 too, before it has written why


def work(message: str, place: ProcessInfo, store: "Store", number: int) -> None:
    """One job, as rank 0 does it, up to the end of its training."""
    from hydra.utils import instantiate

    from training.distributed.message import read

    job, fingerprint, resume = read(message)
    cfg = job.cfg
    samples = instantiate(cfg.datamodule).load()
    if samples.fingerprint != fingerprint:
        raise ValueError(f"the data are not rank 0's here (fingerprint {samples.fingerprint}, rank 0's {fingerprint})")
    samples.images(cfg.resolution)

    from training.build import build_parts
    from training.distributed.process_group import group
    from training.trainer import History, build_trainer, forget_last_job, seed_everything

    forget_last_job()
    store.set(f"ready/{number}/{place.rank}", "")
    with group(cfg.trainer, place, store, number) as plugins:
        seed_everything(cfg.seed)
        module, data = build_parts(job, samples)
        trainer = build_trainer(job, History(), resume, cfg.trainer.precision, plugins)
        trainer.fit(module, data, ckpt_path=resume)
    store.set(f"peak/{number}/{place.rank}", str(peak_memory_bytes()))


def _end_with_rank_0() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    register()
    threading.Thread(target=_end_with_rank_0, daemon=True).start()
    rank, world = map(int, sys.argv[1:3])
    work_for_rank_zero(ProcessInfo(rank, world, rank, 0, sys.argv[3], 0, hosts=False))
