"""`stack=10`: several seeds of one point in one training; each gets the folder and the record that it would have alone."""

import hashlib
import time
from contextlib import ExitStack
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from conf.again import ended_before
from conf.background import are_taken, wish
from conf.command_line import say_start, stop_or_report
from conf.exporting import export_within
from conf.point import Point, make_point, samples_of
from conf.ranks import largest_memory_bytes
from conf.scoring import headline, opening, scored
from sweeps.record import Record, Status, failure_recorded, hold, is_done, update_record
from sweeps.wandb_runs import closing

if TYPE_CHECKING:
    from datamodules.samples import Samples


def train_stack(cfg: DictConfig) -> str:
    """One job of several runs. Returns their folders, a line each."""
    configs = [_of_seed(cfg, cfg.seed + number) for number in range(cfg.stack)]
    points = [make_point(one) for one in configs]
    folders = [point.folder for point in points]
    with stop_or_report(folders[0]), ExitStack() as held:
        for folder, point in zip(folders, points, strict=True):
            held.enter_context(hold(folder))
            held.enter_context(failure_recorded(folder, point.identity))
            held.enter_context(closing(folder))
        _train(configs, points)
        if cfg.export.enabled and not are_taken(cfg):
            for folder, one in zip(folders, configs, strict=True):
                if is_done(folder):
                    export_within(folder, one)
    if cfg.export.enabled and are_taken(cfg):
        for folder, one in zip(folders, configs, strict=True):
            wish(folder, one)
    return "\n".join(map(str, folders))


def _of_seed(cfg: DictConfig, seed: int) -> DictConfig:
    own = deepcopy(cfg)
    own.seed = seed
    return own


def _train(configs: list[DictConfig], points: list[Point]) -> None:
    cfg, first = configs[0], points[0]
    if first.problem is not None:
        raise first.problem
    if first.start is None:
        for point in points:
            ending = point.identity | {"status": Status.NOT_APPLICABLE, "error": point.not_applicable}
            update_record(point.folder, lambda _, ending=ending: ending)  # type: ignore[misc]
        print(f"not applicable: {first.not_applicable}")
        return
    if wrong := _unfit(cfg):
        raise ValueError(wrong)
    began = time.perf_counter()
    samples = samples_of(cfg)
    left = []
    for one, point in zip(configs, points, strict=True):
        if ended := ended_before(point.folder, samples.fingerprint, one):
            print(f"{ended}: {point.folder}")
        else:
            left.append((one, point))
    if not left:
        return
    samples.images(cfg.resolution)
    say_start(first, cfg, samples)
    stack = _Stack(left, samples)
    for _, point in left:
        beginning = opening(point, samples, {}) | {"together": len(left), "resumed": stack.resumed}
        update_record(point.folder, lambda _, beginning=beginning: beginning)  # type: ignore[misc]
    ready = time.perf_counter()
    stack.fit()
    fitted = time.perf_counter()
    for place, (one, point) in enumerate(left):
        result = stack.score(place, one, point)
        share = {"data": (ready - began) / len(left), "fit": (fitted - ready) / len(left)}
        result |= {"seconds": share | result["seconds"], "peak_memory_bytes": largest_memory_bytes()}
        ending = {"status": Status.DONE, "error": ""} | result
        update_record(point.folder, lambda record, ending=ending: record | ending)  # type: ignore[misc]
        print(f"{headline(result)}: {point.folder}")
    stack.checkpoint.unlink(missing_ok=True)


def _unfit(cfg: DictConfig) -> str:
    """Which setting does not go with a stack, one line; empty where all do."""
    choices = HydraConfig.get().runtime.choices
    kept = f"want stack=1, or seeds={cfg.stack} for one run after another"
    wrong = (
        ("samples" in cfg.task, f"task={choices['task']} trains one network at a time"),
        (choices["logger"] == "wandb", "logger=wandb follows one run at a time; want logger=csv, and python -m sweeps wandb after"),
        (cfg.trial is not None, "a search that prunes judges one run at a time"),
        (cfg.callbacks.patience is not None, "callbacks.patience ends runs at different epochs"),
        (cfg.callbacks.ema is not None, "callbacks.ema averages one network"),
        (cfg.trainer.devices * cfg.trainer.num_nodes > 1, "trainer=ddp divides one run's batches"),
        (cfg.trainer.gradient_clip_val is not None, "trainer.gradient_clip_val would clip all networks as one"),
        (cfg.trainer.precision != "32-true", f"trainer.precision={cfg.trainer.precision} is not computed in a stack"),
        (cfg.optimizer._target_.rpartition(".")[2] in ("LBFGS", "Muon", "Adafactor"), "the optimizer looks at whole layers"),
    )  # fmt: skip
    return next((f"stack={cfg.stack}: {why}; {kept}" for is_so, why in wrong if is_so), "")


class _Stack:
    """The training of what is left of a stack.

    Args:
        runs: configuration and point of each.

    """

    def __init__(self, runs: list[tuple[DictConfig, Point]], samples: "Samples") -> None:
        self.runs, self.samples = runs, samples
        digest = hashlib.sha256("".join(point.hash for _, point in runs).encode() + samples.fingerprint.encode())
        self.checkpoint = runs[0][1].folder / "checkpoints" / f"stack-{digest.hexdigest()[:8]}.ckpt"
        if runs[0][0].overwrite:
            self.checkpoint.unlink(missing_ok=True)
        self.resumed = self.checkpoint.exists()
        for _, point in runs:
            for old in (point.folder / "checkpoints").glob("*.ckpt"):
                if old != self.checkpoint:
                    old.unlink()
        self.histories: list[list[dict[str, float]]] = [[] for _ in runs]

    def fit(self) -> None:
        """Trains, or goes on from the last whole epoch."""
        from conf.build import build_parts, build_stack_trainer, forget_last_job, run_logger, seed_everything
        from lightning_modules.stacked import StackedData, StackedModule
        from sweeps.curves import kept_epochs

        forget_last_job()
        self.modules: list[Any] = []
        self.data: list[Any] = []
        for cfg, point in self.runs:
            seed_everything(cfg.seed)
            assert point.start is not None
            module, data = build_parts(cfg, point.start, self.samples)
            self.modules.append(module)
            self.data.append(data)
        cfg = self.runs[0][0]
        with ExitStack() as open_files:
            for _, point in self.runs:
                open_files.enter_context(kept_epochs(point.folder / "metrics.csv", go_on=self.resumed))
            loggers = [run_logger(cfg, point, resumed=self.resumed) for cfg, point in self.runs]
            self.module = StackedModule(self.modules, cfg.callbacks.monitor, loggers, self.histories)
            trainer = build_stack_trainer(cfg, self.checkpoint)
            trainer.fit(self.module, StackedData(self.data), ckpt_path=self.checkpoint if self.resumed else None)
        self.step = int(trainer.global_step)

    def score(self, place: int, cfg: DictConfig, point: Point) -> Record:
        """What a run's record says of its network, whose checkpoints are written first."""
        import torch

        began = time.perf_counter()
        folder = point.folder / "checkpoints"
        folder.mkdir(exist_ok=True)
        states = {"best": (cfg.callbacks.keep_best, self.module.best[place][1]),
                  "last": (cfg.callbacks.keep_last, self.module.state_of(place))}  # fmt: skip
        for name, (kept, state) in states.items():
            if kept:
                torch.save({"state_dict": state, "epoch": cfg.trainer.max_epochs}, folder / f"{name}.ckpt")
        module, history = self.modules[place], self.histories[place]
        found = scored(cfg, module, self.data[place], point, self.samples, history)
        return found | {"history": history, "seconds": {"test": time.perf_counter() - began}}
