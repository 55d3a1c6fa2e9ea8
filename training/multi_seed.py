"""The training of a stack of runs, and the score of each."""

import hashlib
import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig

from jobs.job import Job
from jobs.run_state import is_whole, opening, say_end, say_once
from storage.whole_file import replaced
from sweeps.records.run_record import Record, RecordError, Status, read_record, update_record
from training.distributed.rank_zero import largest_memory_bytes
from training.evaluate import evaluate
from training.unlabelled import unlabelled_of

if TYPE_CHECKING:
    from datamodules.base.samples import Samples


class Stack:
    """The training of runs that nothing but the seed tells apart.

    Args:
        runs: what is left of them.

    """

    def __init__(self, runs: list[Job], samples: "Samples") -> None:
        from training.build import build_parts
        from training.trainer import forget_last_job, seed_everything

        self.runs, self.samples = runs, samples
        digest = hashlib.sha256("".join(one.hash for one in runs).encode() + samples.fingerprint.encode())
        self.checkpoint = runs[0].folder / "checkpoints" / f"stack-{digest.hexdigest()[:8]}.ckpt"
        going = [_status(one) == Status.RUNNING and not one.cfg.overwrite for one in runs]
        self.resumed = all(going) and is_whole(self.checkpoint)
        forget_last_job()
        if unlabelled := unlabelled_of(runs[0].cfg, samples):
            say_once(unlabelled.told)
        self.modules: list[Any] = []
        self.data: list[Any] = []
        for one in runs:
            seed_everything(one.cfg.seed)
            module, data = build_parts(one, samples)
            if said := getattr(data, "told", ""):
                say_once(said)
            self.modules.append(module)
            self.data.append(data)

    def open(self, seconds: float) -> None:
        """Begins the records; what earlier trainings left goes, but for the stack's own checkpoint."""
        for one in self.runs:
            for old in (one.folder / "checkpoints").glob("*.ckpt"):
                if old != self.checkpoint or not self.resumed:
                    old.unlink()
            known = {"together": len(self.runs), "resumed": self.resumed, "seconds": {"data": seconds / len(self.runs)}}
            beginning = opening(one, self.samples, {}) | known
            update_record(one.folder, lambda _, beginning=beginning: beginning)  # type: ignore[misc]

    def fit(self) -> None:
        """Trains, or goes on from the last whole epoch; `keep` writes what comes of it."""
        from lightning_modules.multi_seed.module import StackedData, StackedModule
        from sweeps.report.learning_curves import kept_epochs
        from training.trainer import build_stack_trainer, quiet, run_logger

        quiet()
        cfg, began = self.runs[0].cfg, time.perf_counter()
        histories: list[list[dict[str, float]]] = [[] for _ in self.runs]
        with ExitStack() as files:
            for place, one in enumerate(self.runs):
                table = one.folder / "metrics.csv"
                files.enter_context(
                    kept_epochs(table, go_on=self.resumed, history=partial(histories.__getitem__, place))
                )
            loggers = [run_logger(one, resumed=self.resumed) for one in self.runs]
            monitor = cfg.callbacks.monitor
            module = StackedModule(
                self.modules, monitor, self.runs[0].metrics.direction_of(monitor), loggers, histories
            )
            trainer = build_stack_trainer(cfg, self.checkpoint)
            trainer.fit(module, StackedData(self.data), ckpt_path=self.checkpoint if self.resumed else None)
            for logger in filter(None, loggers):
                logger.finalize("success")
        seconds = (time.perf_counter() - began) / len(self.runs)
        self.module = module
        self.known = [
            {"history": history, "trained_s": seconds, "diverged": module.diverged.get(place, "")}
            for place, history in enumerate(histories)
        ]

    def keep(self, place: int) -> None:
        """Writes what one run keeps of the training, from which it can be scored at any time."""
        one, known = self.runs[place], self.known[place]
        _save(one, self.module, place)
        update_record(one.folder, lambda record: record | known)


def _status(one: Job) -> str:
    try:
        return str(read_record(one.folder)["status"])
    except RecordError:
        return ""


def _save(one: Job, module: Any, place: int) -> None:
    """The checkpoints that the run keeps: states alone, there is nothing to go on from."""
    import torch

    folder = one.folder / "checkpoints"
    folder.mkdir(exist_ok=True)
    last = module.state_of(place)
    _, state, epoch = module.best[place]
    ending = one.cfg.trainer.max_epochs - 1
    if one.cfg.callbacks.keep_best:
        with replaced(folder / "best.ckpt") as file:
            torch.save({"state_dict": state or last, "epoch": epoch if state else ending}, file)
    if one.cfg.callbacks.keep_last:
        with replaced(folder / "last.ckpt") as file:
            torch.save({"state_dict": last, "epoch": ending}, file)


def score(one: Job, samples: "Samples") -> None:
    """Ends the record of a run that is trained. Raises FloatingPointError for one whose loss was no number."""
    from training.build import build_parts
    from training.trainer import seed_everything

    began, record = time.perf_counter(), read_record(one.folder)
    if record["diverged"]:
        raise FloatingPointError(record["diverged"])
    seed_everything(one.cfg.seed)
    module, data = build_parts(one, samples)
    result: Record = evaluate(module, data, one, samples, record["history"])
    seconds = record["seconds"] | {"fit": record["trained_s"], "test": time.perf_counter() - began}
    ending = {
        "status": Status.DONE,
        "error": "",
        "seconds": seconds,
        "peak_memory_bytes": largest_memory_bytes(),
    } | result
    without = ("trained_s", "diverged")
    update_record(one.folder, lambda old: {key: value for key, value in old.items() if key not in without} | ending)
    for old in (one.folder / "checkpoints").glob("stack-*.ckpt"):
        old.unlink()
    _log_ending(one, result["metrics"], len(record["history"]))
    say_end(one, result)


def _log_ending(one: Job, metrics: dict[str, Any], epochs: int) -> None:
    """The record's figures for a logger that shows them, as `final/<name>`: TensorBoard's; the record is beside metrics.csv."""
    if HydraConfig.get().runtime.choices["logger"] != "tensorboard":
        return
    from training.trainer import run_logger

    logger = run_logger(one, resumed=True)
    scalars = {f"final/{name}": value for name, value in metrics.items() if isinstance(value, int | float)}
    logger.log_metrics(scalars, step=epochs)
    logger.finalize("success")
