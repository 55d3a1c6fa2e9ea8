"""`stack=10`: several seeds of one point in one training; each gets the folder and the record that it would have alone."""

import hashlib
import sys
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from conf.again import ended_before
from conf.background import are_taken, wish
from conf.command_line import in_grid, say_start, stop_or_report
from conf.exporting import export_within
from conf.point import Point, make_point, samples_of
from conf.ranks import largest_memory_bytes
from conf.scoring import headline, opening, scored
from sweeps.record import (
    Record,
    RecordError,
    RunIsBusyError,
    Status,
    failure_recorded,
    hold,
    is_done,
    one_line,
    read_record,
    update_record,
)
from sweeps.wandb_runs import closing

if TYPE_CHECKING:
    from datamodules.samples import Samples

VALUE_BY_VALUE = ("Adam", "AdamW", "Adamax", "Adagrad", "Adadelta", "NAdam", "RAdam", "RMSprop", "SGD")
"""Optimizers of torch that treat every number by itself: one over a stack does what one for each network would."""


class StackError(ValueError):
    """What cannot be trained in a stack, but may well be by itself: no failure of the runs."""


@dataclass(frozen=True)
class One:
    """One of a stack's runs."""

    cfg: DictConfig
    point: Point

    @property
    def folder(self) -> Path:
        """The run's."""
        return self.point.folder


def train_stack(cfg: DictConfig) -> str:
    """One job of several runs. Returns their folders, a line each."""
    runs = []
    for number in range(cfg.stack):
        own = deepcopy(cfg)
        own.seed = cfg.seed + number
        runs.append(One(own, make_point(own)))
    failed = False
    with ExitStack() as held:
        free = []
        for one in runs:
            try:
                held.enter_context(hold(one.folder))
                held.enter_context(closing(one.folder))
                free.append(one)
            except RunIsBusyError:
                print(f"left to another process: {one.folder}")
        with stop_or_report(runs[0].folder):
            failed = _train(free)
            if cfg.export.enabled and not are_taken(cfg):
                for one in free:
                    with _reported(one) as good:
                        if is_done(one.folder):
                            export_within(one.folder, one.cfg)
                    failed |= not good
    if cfg.export.enabled and are_taken(cfg):
        for one in runs:
            wish(one.folder, one.cfg)
    if failed and not in_grid():
        sys.exit(1)
    return "\n".join(str(one.folder) for one in runs)


def _train(runs: list[One]) -> bool:
    """Trains and scores what is left to do. Returns whether one of the runs failed by itself."""
    if not runs:
        return False
    first = runs[0]
    if first.point.problem is not None:
        with _all_failed(runs):
            raise first.point.problem
    if first.point.start is None:
        for one in runs:
            ending = one.point.identity | {"status": Status.NOT_APPLICABLE, "error": first.point.not_applicable}
            update_record(one.folder, lambda _, ending=ending: ending)  # type: ignore[misc]
        print(f"not applicable: {first.point.not_applicable}")
        return False
    began = time.perf_counter()
    with _all_failed(runs):
        samples = samples_of(first.cfg)
    left, failed = [], False
    for one in runs:
        with _reported(one) as good:
            if ended := ended_before(one.folder, samples.fingerprint, one.cfg):
                print(f"{ended}: {one.folder}")
            else:
                left.append(one)
        failed |= not good
    trained = [one for one in left if _is_trained(one, samples.fingerprint)]
    left = [one for one in left if one not in trained]
    if left:
        _must_fit(left)
        with _all_failed(left):
            samples.images(first.cfg.resolution)
            say_start(first.point, first.cfg, samples)
            stack = Stack(left, samples)
            stack.open(time.perf_counter() - began)
            stack.fit()
    for one in [*left, *trained]:
        with _reported(one) as good:
            _score(one, samples)
        failed |= not good
    return failed


def _is_trained(one: One, fingerprint: str) -> bool:
    """Whether a stack has trained the run, but was stopped before it could score it."""
    try:
        record = read_record(one.folder)
    except RecordError:
        return False
    same = record["status"] == Status.RUNNING and record.get("data", {}).get("fingerprint") == fingerprint
    return same and "trained_s" in record and not one.cfg.overwrite


def _must_fit(runs: list[One]) -> None:
    """Raises StackError for settings that do not go with a stack; says so in records without harming them."""
    cfg = runs[0].cfg
    try:
        if wrong := _unfit(cfg):
            raise StackError(
                f"stack={cfg.stack}: {wrong}; want stack=1, or seeds={cfg.stack} for one run after another"
            )
    except StackError as error:
        for one in runs:
            _note(one, error)
        raise


def _unfit(cfg: DictConfig) -> str:
    """Which setting does not go with a stack; empty where all do."""
    choices = HydraConfig.get().runtime.choices
    package, _, optimizer = cfg.optimizer._target_.rpartition(".")
    wrong = (
        ("samples" in cfg.task, f"task={choices['task']} trains one network at a time"),
        (choices["logger"] == "wandb", "logger=wandb follows one run at a time (python -m sweeps wandb does it afterwards)"),
        (cfg.trial is not None, "a search that prunes judges one run at a time"),
        (cfg.callbacks.patience is not None, "callbacks.patience ends runs at different epochs"),
        (cfg.callbacks.ema is not None, "callbacks.ema averages one network"),
        (cfg.task.get("mixup"), "task.mixup draws differently in a stack"),
        (cfg.trainer.devices * cfg.trainer.num_nodes > 1, "trainer=ddp divides one run's batches"),
        (cfg.trainer.gradient_clip_val is not None, "trainer.gradient_clip_val would clip all networks as one"),
        (cfg.trainer.precision != "32-true", f"trainer.precision={cfg.trainer.precision} is not computed in a stack"),
        (not package.startswith("torch.optim") or optimizer not in VALUE_BY_VALUE,
         f"optimizer={choices['optimizer']} is none of torch's {', '.join(VALUE_BY_VALUE)}"),
    )  # fmt: skip
    if found := next((why for is_so, why in wrong if is_so), ""):
        return found
    from conf.build import build_module
    from lightning_modules.stacked import hindrance

    point = make_point(cfg)
    assert point.start is not None
    return hindrance(build_module(cfg, point.start, 2))


@contextmanager
def _all_failed(runs: Sequence[One]) -> Iterator[None]:
    """What goes wrong inside goes wrong for all of them."""
    with ExitStack() as stack:
        for one in runs:
            stack.enter_context(failure_recorded(one.folder, one.point.identity))
        yield


@contextmanager
def _reported(one: One) -> Iterator[list[bool]]:
    """What goes wrong inside is this run's alone: it is recorded and said, the others go on. Yields what is empty then."""
    good = [True]
    try:
        with failure_recorded(one.folder, one.point.identity):
            yield good
    except Exception as error:
        good.clear()
        print(f"error: {one_line(error)}", file=sys.stderr)


def _note(one: One, error: Exception) -> None:
    """A record that exists keeps what it says and gains `later_error`; a new one says failed."""
    said = {"error": one_line(error), "at": datetime.now(UTC).isoformat(timespec="seconds")}
    failed = one.point.identity | {"status": Status.FAILED, "error": said["error"]}
    with suppress(OSError):
        update_record(one.folder, lambda record: record | {"later_error": said} if record else failed)


class Stack:
    """The training of runs that nothing but the seed tells apart.

    Args:
        runs: what is left of them.

    """

    def __init__(self, runs: list[One], samples: "Samples") -> None:
        from conf.build import build_parts, forget_last_job, seed_everything

        self.runs, self.samples = runs, samples
        digest = hashlib.sha256("".join(one.point.hash for one in runs).encode() + samples.fingerprint.encode())
        self.checkpoint = runs[0].folder / "checkpoints" / f"stack-{digest.hexdigest()[:8]}.ckpt"
        going = [_status(one) == Status.RUNNING and not one.cfg.overwrite for one in runs]
        self.resumed = all(going) and zipfile.is_zipfile(self.checkpoint)
        forget_last_job()
        self.modules: list[Any] = []
        self.data: list[Any] = []
        for one in runs:
            seed_everything(one.cfg.seed)
            assert one.point.start is not None
            module, data = build_parts(one.cfg, one.point.start, samples)
            self.modules.append(module)
            self.data.append(data)

    def open(self, seconds: float) -> None:
        """Begins the records; what earlier trainings left goes, but for the stack's own checkpoint."""
        for one in self.runs:
            for old in (one.folder / "checkpoints").glob("*.ckpt"):
                if old != self.checkpoint or not self.resumed:
                    old.unlink()
            known = {"together": len(self.runs), "resumed": self.resumed, "seconds": {"data": seconds / len(self.runs)}}
            beginning = opening(one.point, self.samples, {}) | known
            update_record(one.folder, lambda _, beginning=beginning: beginning)  # type: ignore[misc]

    def fit(self) -> None:
        """Trains, or goes on from the last whole epoch; leaves each run's checkpoints and history."""
        from conf.build import build_stack_trainer, quiet, run_logger
        from lightning_modules.stacked import StackedData, StackedModule
        from sweeps.curves import kept_epochs

        quiet()
        cfg, began = self.runs[0].cfg, time.perf_counter()
        histories: list[list[dict[str, float]]] = [[] for _ in self.runs]
        with ExitStack() as files:
            for one in self.runs:
                files.enter_context(kept_epochs(one.folder / "metrics.csv", go_on=self.resumed))
            loggers = [run_logger(one.cfg, one.point, resumed=self.resumed) for one in self.runs]
            module = StackedModule(self.modules, cfg.callbacks.monitor, loggers, histories)
            trainer = build_stack_trainer(cfg, self.checkpoint)
            trainer.fit(module, StackedData(self.data), ckpt_path=self.checkpoint if self.resumed else None)
            for logger in filter(None, loggers):
                logger.finalize("success")
        seconds = (time.perf_counter() - began) / len(self.runs)
        for place, one in enumerate(self.runs):
            _save(one, module, place)
            known = {"history": histories[place], "trained_s": seconds, "diverged": module.diverged.get(place, "")}
            update_record(one.folder, lambda record, known=known: record | known)  # type: ignore[misc]
        self.checkpoint.unlink(missing_ok=True)


def _status(one: One) -> str:
    try:
        return str(read_record(one.folder)["status"])
    except RecordError:
        return ""


def _save(one: One, module: Any, place: int) -> None:
    """The checkpoints that the run keeps: states alone, there is nothing to go on from."""
    import torch

    folder = one.folder / "checkpoints"
    folder.mkdir(exist_ok=True)
    last = module.state_of(place)
    _, state, epoch = module.best[place]
    ending = one.cfg.trainer.max_epochs - 1
    if one.cfg.callbacks.keep_best:
        torch.save({"state_dict": state or last, "epoch": epoch if state else ending}, folder / "best.ckpt")
    if one.cfg.callbacks.keep_last:
        torch.save({"state_dict": last, "epoch": ending}, folder / "last.ckpt")


def _score(one: One, samples: "Samples") -> None:
    """Ends the record of a run that is trained. Raises FloatingPointError for one whose loss was no number."""
    from conf.build import build_parts, seed_everything

    began, record = time.perf_counter(), read_record(one.folder)
    if record["diverged"]:
        raise FloatingPointError(record["diverged"])
    seed_everything(one.cfg.seed)
    assert one.point.start is not None
    module, data = build_parts(one.cfg, one.point.start, samples)
    result: Record = scored(one.cfg, module, data, one.point, samples, record["history"])
    seconds = record["seconds"] | {"fit": record["trained_s"], "test": time.perf_counter() - began}
    ending = {
        "status": Status.DONE,
        "error": "",
        "seconds": seconds,
        "peak_memory_bytes": largest_memory_bytes(),
    } | result
    without = ("trained_s", "diverged")
    update_record(one.folder, lambda old: {key: value for key, value in old.items() if key not in without} | ending)
    _log_ending(one, result["metrics"], len(record["history"]))
    print(f"{headline(result)}: {one.folder}")


def _log_ending(one: One, metrics: dict[str, Any], epochs: int) -> None:
    """The record's figures for a logger that shows them, as `final/<name>`: TensorBoard's; the record is beside metrics.csv."""
    if HydraConfig.get().runtime.choices["logger"] != "tensorboard":
        return
    from conf.build import run_logger

    logger = run_logger(one.cfg, one.point, resumed=True)
    scalars = {f"final/{name}": value for name, value in metrics.items() if isinstance(value, int | float)}
    logger.log_metrics(scalars, step=epochs)
    logger.finalize("success")
