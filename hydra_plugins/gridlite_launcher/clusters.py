"""Launchers of Ray and submitit that outlive a job: what crashes has failed, the other jobs and the closing table go on.

As they are published, both end the command with a traceback at the first process that is gone.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, override

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import open_dict

from sweeps.records.journal import mark_job_failed
from sweeps.records.run_record import KILLED, failed, is_live, one_line, update_record

try:
    from hydra_plugins.hydra_ray_launcher.ray_launcher import RayLauncher
    from hydra_plugins.hydra_submitit_launcher.submitit_launcher import LocalLauncher, SlurmLauncher
except ImportError:  # without the extra `launchers`; what is chosen then cannot be composed
    RayLauncher = LocalLauncher = SlurmLauncher = object  # type: ignore[assignment,misc]


class RayJobs(RayLauncher):
    """`hydra/launcher=ray_local` and `ray_cluster`."""

    @override
    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        import ray
        from ray.exceptions import OutOfMemoryError, RayTaskError, WorkerCrashedError

        crashes = (WorkerCrashedError, OutOfMemoryError, RayTaskError)
        with _crashes_told(self, job_overrides, ray, "get", crashes, lambda returned: returned):
            return list(super().launch(job_overrides, initial_job_idx))


class LocalJobs(LocalLauncher):
    """`hydra/launcher=submitit_local`."""

    @override
    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        with _submitit_told(self, job_overrides):
            return list(super().launch(job_overrides, initial_job_idx))


class SlurmJobs(SlurmLauncher):
    """`hydra/launcher=submitit_slurm`."""

    @override
    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        with _submitit_told(self, job_overrides):
            return list(super().launch(job_overrides, initial_job_idx))


def _submitit_told(launcher: Any, jobs: Sequence[Sequence[str]]) -> AbstractContextManager[None]:
    from submitit import Job
    from submitit.core.utils import FailedJobError, UncompletedJobError

    crashes = (FailedJobError, UncompletedJobError)
    return _crashes_told(launcher, jobs, Job, "results", crashes, lambda returned: [returned])


@contextmanager
def _crashes_told(
    launcher: Any, jobs: Sequence[Sequence[str]], owner: Any, name: str, crashes: tuple[type[Exception], ...],
    given: Callable[[JobReturn], Any],
) -> Iterator[None]:  # fmt: skip
    """While it lasts, asking for the result of a job that has crashed gives what a failed one returns; they are asked for in their order."""
    ask, numbers = getattr(owner, name), iter(range(len(jobs)))

    def told(*place: Any, **more: Any) -> Any:
        number = next(numbers)
        try:
            return ask(*place, **more)
        except crashes as error:
            return given(_entered(launcher, jobs[number], error))

    setattr(owner, name, told)
    try:
        yield
    finally:
        setattr(owner, name, ask)


def _entered(launcher: Any, overrides: Sequence[str], error: Exception) -> JobReturn:
    """Enters a job whose process is gone as failed, in its record where it has got so far."""
    from jobs.job import make_job

    words, text, folder = " ".join(overrides), f"{KILLED}: {one_line(error)[:300]}", None
    try:
        config = launcher.hydra_context.config_loader.load_sweep_config(launcher.config, list(overrides))
        HydraConfig.instance().set_config(config)
        with open_dict(config):
            del config["hydra"]
        folder = make_job(config).folder
    except ValueError as wrong:  # of a setting, which the job itself would have told
        text = one_line(wrong)
    if folder is not None and (folder / "record.json").is_file() and not is_live(folder):
        update_record(folder, lambda old: failed(old, text))
    mark_job_failed(folder.name if folder is not None else words)
    print(f"error: {words}: {text}", flush=True)
    return JobReturn(overrides=list(overrides), status=JobStatus.COMPLETED, _return_value=str(folder) if folder else "")
