"""`num_stacked_seeds=10`: several seeds of one point in one training; each gets the folder and the record that it would have alone."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from copy import deepcopy
from datetime import UTC, datetime

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from cli.command_line import in_grid, stop_or_report
from export.run import export_within
from jobs.budget import Shape, bounds_of, check_device, end_over_budget, predicted
from jobs.export_queue import enqueue, queue_active
from jobs.job import Job, make_job
from jobs.run_state import samples_of, say_skipped, say_start, skip_reason
from sweeps.records.run_record import (
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
from sweeps.records.wandb_export import finish_wandb_run
from training.multi_seed import Stack, score

VALUE_BY_VALUE = ("Adam", "AdamW", "Adamax", "Adagrad", "Adadelta", "NAdam", "RAdam", "RMSprop", "SGD")
"""Optimizers of torch that treat every number by itself: one over a stack does what one for each network would."""


class StackError(ValueError):
    """What cannot be trained in a stack, but may well be by itself: no failure of the runs."""


def train_stack(cfg: DictConfig) -> str:
    """One job of several runs. Returns their folders, a line each."""
    runs: list[Job] = []
    failed = False
    for number in range(cfg.num_stacked_seeds):
        own = deepcopy(cfg)
        own.seed = cfg.seed + number
        runs.append(make_job(own))
    with stop_or_report(runs[0].folder), ExitStack() as held:
        free = []
        for one in runs:
            try:
                held.enter_context(hold(one.folder))
                held.enter_context(finish_wandb_run(one.folder))
                free.append(one)
            except RunIsBusyError:
                print(f"left to another process: {one.folder}")
        failed = _train(free)
        for one in free if cfg.export.enabled and not queue_active(cfg) else ():
            with _reported(one) as good:
                if is_done(one.folder):
                    export_within(one.folder, one.cfg)
            failed |= not good
    if cfg.export.enabled and queue_active(cfg):
        for one in runs:
            enqueue(one.folder, one.cfg)
    if failed and not in_grid():
        sys.exit(1)
    return "\n".join(str(one.folder) for one in runs)


def _unlike(runs: list[Job]) -> ValueError | None:
    """What keeps networks that start from runs of their own from being computed as one."""
    starts = [one.start for one in runs if one.start is not None]
    if len({(start.padding, start.mean, start.std, start.eps) for start in starts}) < 2:
        return None
    return ValueError(
        f"num_stacked_seeds={len(runs)}: the runs that they start from differ in padding or input scaling; want num_stacked_seeds=1"
    )


def _train(runs: list[Job]) -> bool:
    """Trains and scores what is left to do. Returns whether one of the runs failed by itself."""
    if not runs:
        return False
    first = runs[0]
    problem = next((one.problem for one in runs if one.problem is not None), None) or _unlike(runs)
    if problem is not None:
        with _all_failed(runs):
            raise problem
    if first.start is None:
        for one in runs:
            ending = one.identity | {"status": Status.NOT_APPLICABLE, "error": first.not_applicable}
            update_record(one.folder, lambda _, ending=ending: ending)  # type: ignore[misc]
        print(f"not applicable: {first.not_applicable}")
        return False
    began = time.perf_counter()
    with _all_failed(runs):
        check_device(first)
        samples = samples_of(first)
    left, failed = [], False
    for one in runs:
        with _reported(one) as good:
            if ended := skip_reason(one, samples.fingerprint):
                say_skipped(one, ended)
            else:
                left.append(one)
        failed |= not good
    if left and bounds_of(first.cfg):
        with _all_failed(left):
            costs = predicted(first, Shape.of(samples, first.cfg.resolution))
        left = [one for one in left if not end_over_budget(one, costs)]
    trained = [one for one in left if _is_trained(one, samples.fingerprint)]
    left = [one for one in left if one not in trained]
    if left:
        _must_fit(left)
        with _all_failed(left):
            samples.images(first.cfg.resolution)
            say_start(first, samples)
            stack = Stack(left, samples)
            stack.open(time.perf_counter() - began)
            stack.fit()
        for place, one in enumerate(list(left)):
            with _reported(one) as good:
                stack.keep(place)
            if not good:
                left.remove(one)
                failed = True
    for one in [*trained, *left]:
        with _reported(one) as good:
            score(one, samples)
        failed |= not good
    return failed


def _is_trained(one: Job, fingerprint: str) -> bool:
    """Whether a stack has trained the run, but was stopped before it could score it."""
    try:
        record = read_record(one.folder)
    except RecordError:
        return False
    same = record["status"] == Status.RUNNING and record.get("data", {}).get("fingerprint") == fingerprint
    return same and "trained_s" in record and not one.cfg.overwrite


def _must_fit(runs: list[Job]) -> None:
    """Raises StackError for settings that do not go with a stack; says so in records without harming them."""
    cfg = runs[0].cfg
    try:
        if wrong := _unfit(cfg):
            raise StackError(
                f"num_stacked_seeds={cfg.num_stacked_seeds}: {wrong}; want num_stacked_seeds=1, or seeds={cfg.num_stacked_seeds} for one run after another"
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
        (choices["logger"] == "wandb", "logger=wandb follows one run at a time (python -m sweeps wandb does it afterwards)"),
        (cfg.trial is not None, "a search that prunes judges one run at a time"),
        (cfg.halving.reduction_factor is not None, "halving.reduction_factor ends runs at different epochs"),
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
    from lightning_modules.multi_seed.module import unsupported_reason
    from training.build import build_module

    job = make_job(cfg)
    assert job.start is not None
    return unsupported_reason(build_module(cfg, job.start, 2))


@contextmanager
def _all_failed(runs: Sequence[Job]) -> Iterator[None]:
    """What goes wrong inside goes wrong for all of them."""
    with ExitStack() as stack:
        for one in runs:
            stack.enter_context(failure_recorded(one.folder, one.identity))
        yield


@contextmanager
def _reported(one: Job) -> Iterator[list[bool]]:
    """What goes wrong inside is this run's alone: it is recorded and said, the others go on. Yields what is empty then."""
    good = [True]
    try:
        with failure_recorded(one.folder, one.identity):
            yield good
    except Exception as error:
        good.clear()
        print(f"error: {one_line(error)}", file=sys.stderr)


def _note(one: Job, error: Exception) -> None:
    """A record that exists keeps what it says and gains `later_error`; a new one says failed."""
    said = {"error": one_line(error), "at": datetime.now(UTC).isoformat(timespec="seconds")}
    failed = one.identity | {"status": Status.FAILED, "error": said["error"]}
    with suppress(OSError):
        update_record(one.folder, lambda record: record | {"later_error": said} if record else failed)
