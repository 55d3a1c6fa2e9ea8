"""`hydra/launcher=side_by_side`: jobs in processes of this machine; one that is killed takes no other with it."""

import os
import sys
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import override

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, configure_log, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from hydra_plugins.hydra_joblib_launcher._core import execute_job
from joblib.externals.loky import cpu_count
from joblib.externals.loky.process_executor import ProcessPoolExecutor, TerminatedWorkerError
from omegaconf import DictConfig

from cli.machine import THREADS
from cli.signals import end_with_parent
from sweeps.records.journal import last_begun, mark_job_failed
from sweeps.records.run_record import KILLED, MEMORY_VARIABLE, Record, Status, failed, update_record


class SideBySide(Launcher):
    """As many processes as jobs at once, each with its share of the cores; a process takes one job after the other.

    A job that memory runs out under, by an error or by its process being killed, is tried once more when the others are through, one
    job fewer at a time; then its record says failed.

    Args:
        n_jobs: at once; -1: one per core.

    """

    config: DictConfig
    task_function: TaskFunction
    hydra_context: HydraContext

    def __init__(self, n_jobs: int) -> None:
        self.n_jobs = n_jobs if n_jobs > 0 else cpu_count()

    @override
    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    @override
    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        Path(str(self.config.hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)
        self.jobs, self.first = [list(words) for words in job_overrides], initial_job_idx
        self.returned: dict[int, JobReturn] = {}
        self.pids: dict[int, int] = {}
        again = self._through(list(range(len(self.jobs))), self.n_jobs)
        if again:
            fewer = max(1, min(self.n_jobs, len(self.jobs)) - 1)
            jobs = "a job" if len(again) == 1 else f"{len(again)} jobs"
            print(
                f"note: {jobs} ran out of memory, or had the process killed: tried once more, {fewer} at a time",
                file=sys.stderr,
            )
            for number in self._through(again, fewer, last=True):
                self._failed(number)
        return [self.returned[number] for number in range(len(self.jobs))]

    def _through(self, numbers: list[int], at_once: int, *, last: bool = False) -> list[int]:
        """Runs jobs; those to be tried again, the `last` time only those whose process was killed."""
        waiting, killed, errors = deque(numbers), [], []
        env = dict.fromkeys(THREADS, str(max(1, cpu_count() // at_once)))
        env = {name: os.environ.get(name, value) for name, value in env.items()}
        env[MEMORY_VARIABLE] = "" if last else "1"
        state = Singleton.get_state()

        def work() -> None:
            executor = None
            try:
                while waiting:
                    number = waiting.popleft()
                    executor = executor or ProcessPoolExecutor(
                        1, env=env, initializer=end_with_parent, initargs=(os.getpid(),)
                    )
                    try:
                        self.pids[number] = executor.submit(os.getpid).result()
                        self.returned[number] = executor.submit(
                            execute_job, self.first + number, self.jobs[number], self.hydra_context, self.config,
                            self.task_function, state,
                        ).result()  # fmt: skip
                        if isinstance(self.returned[number]._return_value, MemoryError):
                            self._forget(number)
                            killed.append(number)
                    except TerminatedWorkerError:
                        executor.shutdown(kill_workers=True)
                        executor = None
                        killed.append(number)
            except IndexError:  # another took the last one
                pass
            except BaseException as error:
                errors.append(error)
            finally:
                if executor is not None:
                    executor.shutdown(wait=True, kill_workers=bool(errors))

        threads = [threading.Thread(target=work, daemon=True) for _ in range(min(at_once, len(numbers)))]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():  # a signal is answered between two waits
                thread.join(0.2)
        if errors:
            raise errors[0]
        return sorted(killed)

    def _forget(self, number: int) -> None:
        """A run that is to be tried again has not failed."""
        name = last_begun(self.pids[number])
        if not name:
            return  # memory ran out before it had a run
        folder = Path(str(self.config.paths.runs)) / self.config.sweep_name / name

        def goes_on(old: Record) -> Record:
            if old["status"] == Status.DONE:
                return {key: value for key, value in old.items() if key != "later_error"}
            return old | {"status": Status.RUNNING, "error": ""}

        update_record(folder, goes_on)

    def _failed(self, number: int) -> None:
        """Enters it as failed, in the record too, as far as its job had got."""
        words, sweep = " ".join(self.jobs[number]), Path(str(self.config.paths.runs)) / self.config.sweep_name
        name = last_begun(self.pids.get(number, 0))
        if name:
            update_record(sweep / name, lambda old: failed(old, KILLED))
        mark_job_failed(name or words)
        print(f"error: {KILLED}: {name or words}", file=sys.stderr)
        value = str(sweep / name) if name else ""
        self.returned[number] = JobReturn(overrides=self.jobs[number], status=JobStatus.COMPLETED, _return_value=value)
