"""`halving.*` beside a job: which runs it is judged against, whether it was stopped before, what its record keeps. No torch here."""

from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from jobs.job import Job
from sweeps.records.halving import Bracket, entered, finished_in, stopped_in
from sweeps.records.run_record import Record, RecordError, Status, read_record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sweeps.search.halving import HalvingJudge


def bracket_of(job: Job, fingerprint: str) -> Bracket | None:
    """The runs that a job is compared with; None where no halving is asked for.

    Args:
        fingerprint: of its data as they are divided.

    """
    asked = job.cfg.halving
    if asked.reduction_factor is None:
        return None
    within = tuple((name, _value(job, name)) for name in sorted(set(asked.within)))
    return Bracket(
        int(asked.reduction_factor), int(asked.min_epochs), int(job.cfg.trainer.max_epochs), f"val/{job.metrics.main}",
        job.metrics.direction, fingerprint, int(job.cfg.seed), within,
    )  # fmt: skip


def _value(job: Job, name: str) -> Any:
    """Of a setting, as tables have it: of an axis of conf/ the choice's name."""
    if name in job.axes:
        return job.axes[name]
    found = OmegaConf.select(job.cfg, name)
    return OmegaConf.to_container(found, resolve=True) if OmegaConf.is_config(found) else found


def stopped_before(job: Job, fingerprint: str) -> str:
    """Why a job has nothing to train where the same rule has stopped it among the same runs; else empty."""
    bracket, record = bracket_of(job, fingerprint), _record_of(job)
    if bracket is None or job.cfg.overwrite or not stopped_in(record, bracket):
        return ""
    return f"stopped before, and goes on without halving.reduction_factor: {record['error']}"


def say_goes_on(job: Job, *, resumes: bool) -> None:
    """Says of a run that was stopped where its training begins now."""
    record = _record_of(job)
    if record.get("status") == Status.PRUNED:
        where = "goes on from there" if resumes else "trained from the start"
        print(f"{where}: {record['error']}")


def judge_of(job: Job, fingerprint: str, *, anew: bool) -> "HalvingJudge | None":
    """Who says whether the job is worth its remaining epochs; None where no halving is asked for.

    Args:
        anew: whether the training begins with its first epoch.

    """
    bracket = bracket_of(job, fingerprint)
    if bracket is None:
        return None
    from sweeps.search.halving import HalvingJudge

    return HalvingJudge.of_sweep(bracket, job.folder, anew=anew)


def enter_finished(job: Job, fingerprint: str) -> None:
    """Lets others be compared with a run that was finished before, by whatever command."""
    bracket, record = bracket_of(job, fingerprint), _record_of(job)
    if bracket is None or record.get("status") != Status.DONE or finished_in(record, bracket):
        return
    if (judge := judge_of(job, fingerprint, anew=False)) is not None:
        judge.finish(record["history"])


def judged(job: Job, judge: "HalvingJudge | None", history: "Sequence[Mapping[str, float]]", *, ended: bool) -> Record:
    """What the record has of the comparisons: `halving`, nothing where there were none.

    Args:
        ended: whether the run was trained to its end.

    """
    if judge is None:
        return {}
    if ended:
        judge.finish(history)
    return {"halving": entered(_record_of(job), judge.bracket.entry(judge.rungs))}


def _record_of(job: Job) -> Record:
    try:
        return read_record(job.folder)
    except RecordError:
        return {}
