"""One run: compose, check, fit, test, record. A grid: `python train.py -m backbone=mobilenet,efficientnet_lite0`."""

import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from cli.command_line import in_grid, run_cli, stop_or_report
from cli.train_schema import register
from export.run import export_within
from jobs.budget import Shape, bounds_of, check_device, end_over_budget, predicted
from jobs.export_queue import enqueue, queue_active
from jobs.halving import enter_finished, say_goes_on, stopped_before
from jobs.job import Job, make_job
from jobs.run_state import (
    check_amounts,
    opening,
    prepare_resume,
    samples_of,
    say_end,
    say_once,
    say_skipped,
    say_start,
    skip_reason,
)
from sweeps.records.journal import mark_job_begun
from sweeps.records.run_record import Record, Status, failure_recorded, hold, is_done, update_record
from sweeps.records.wandb_export import finish_wandb_run
from training.distributed.rank_zero import join_workers, largest_memory_bytes
from training.distributed.worker import ran_as_worker
from training.unlabelled import unlabelled_of

if TYPE_CHECKING:
    from datamodules.base.samples import Samples

register()
warnings.filterwarnings(
    "ignore", message="A worker stopped while some jobs"
)  # joblib renews one that torch has made grow


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(cfg: DictConfig) -> str:
    """One job. Its record says how it ended; a failure ends a single run, but not the grid around it."""
    if cfg.num_stacked_seeds > 1:
        from pipelines.multi_seed import train_stack

        return train_stack(cfg)
    job = make_job(cfg)
    folder = job.folder
    mark_job_begun(folder.name)
    with stop_or_report(folder), hold(folder), failure_recorded(folder, job.identity), finish_wandb_run(folder):
        train(job)
        if cfg.export.enabled and is_done(folder) and not queue_active(cfg):
            export_within(folder, cfg)
    if cfg.export.enabled and queue_active(cfg):  # another job of this grid may train the same run, for other files
        enqueue(folder, cfg)
    return str(folder)


def train(job: Job) -> None:
    """Decides, before torch is imported, whether there is anything to do; then fits, tests and records."""
    if job.problem is not None:
        raise job.problem
    if job.start is None and not in_grid():
        raise ValueError(job.not_applicable)
    if job.start is None:
        ending = job.identity | {"status": Status.NOT_APPLICABLE, "error": job.not_applicable}
        update_record(job.folder, lambda _: ending)
        print(f"not applicable: {job.not_applicable}")
        return
    began = time.perf_counter()
    check_device(job)
    samples = samples_of(job)
    if ended := skip_reason(job, samples.fingerprint) or stopped_before(job, samples.fingerprint):
        say_skipped(job, ended)
        enter_finished(job, samples.fingerprint)
        return
    costs: Record = {}
    if bounds_of(job.cfg):
        costs = {"budget": predicted(job, Shape.of(samples, job.cfg.resolution))}
        if end_over_budget(job, costs["budget"]):
            return
    whole: Record = {}
    if job.cfg.fit != "fold":
        from jobs.whole_fit import folds_of, whole_fit

        folds = folds_of(job)
        whole = whole_fit(job, samples, folds)
    check_amounts(job, samples)
    samples.images(job.cfg.resolution)  # cut now: a broken photo is answered before the long imports
    if unlabelled := unlabelled_of(job.cfg, samples):
        say_once(unlabelled.told)
    say_start(job, samples)
    resume = prepare_resume(job.folder, samples.fingerprint, anew=job.cfg.overwrite)
    say_goes_on(job, resumes=resume is not None)
    update_record(job.folder, lambda old: opening(job, samples, old if resume else {}) | costs | whole)
    ready = time.perf_counter()
    if job.cfg.fit == "ensemble":
        from training.ensemble import assemble

        result = assemble(job, samples, folds) | whole
    else:
        result = fit_and_evaluate(job, samples, resume) | whole
    result |= {"seconds": {"data": ready - began} | result["seconds"], "peak_memory_bytes": largest_memory_bytes()}
    update_record(job.folder, lambda record: record | {"status": Status.DONE, "error": ""} | result)
    say_end(job, result)


def fit_and_evaluate(job: Job, samples: "Samples", resume: Path | None) -> Record:
    """Trains from the job's initial weights, or goes on from the last whole epoch of an interrupted run; then tests."""
    from jobs.halving import judge_of, judged
    from sweeps.report.learning_curves import kept_epochs
    from sweeps.search.judge import judge_of as judge_of_search
    from training.autotune import choose_execution
    from training.build import build_parts
    from training.evaluate import evaluate
    from training.trainer import History, build_trainer, forget_last_job, log_final, seed_everything

    began = time.perf_counter()
    forget_last_job()
    seed_everything(job.cfg.seed)
    module, data = build_parts(job, samples)
    if said := getattr(data, "told", ""):
        say_once(said)
    choose_execution(job, module, data)
    judge = judge_of(job, samples.fingerprint, anew=resume is None)
    history = History(judge or judge_of_search(job.folder.parent, job.cfg.trial, HydraConfig.get().sweeper))
    curves = kept_epochs(job.folder / "metrics.csv", go_on=resume is not None, history=lambda: history.epochs)
    with curves, join_workers(job, samples.fingerprint, resume) as plugins:
        trainer = build_trainer(job, history, resume, module.way.precision, plugins)
        trainer.fit(module, data, ckpt_path=resume)
    fitted = time.perf_counter()
    if history.stopped:
        return {"status": Status.PRUNED, "error": history.stopped, "history": history.epochs,
                "seconds": {"fit": fitted - began}} | judged(job, judge, history.epochs, ended=False)  # fmt: skip
    found = evaluate(module, data, job, samples, history.epochs)
    log_final(trainer, found["metrics"])
    seconds = {"fit": fitted - began, "test": time.perf_counter() - fitted}
    return found | {"history": history.epochs, "seconds": seconds} | judged(job, judge, history.epochs, ended=True)


if __name__ == "__main__":
    if not ran_as_worker():
        run_cli(main, "train")
