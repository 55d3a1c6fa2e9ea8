"""The trained runs that a run learns from, found before torch is imported."""

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from jobs.source_runs import checkpoint_of, content_of, matching
from sweeps.records.run_record import RecordError

KEY = "method.teacher"


def teachers_of(cfg: DictConfig) -> list[Path]:
    """The checkpoints that `method.teacher` names: folders of runs, one or several. Raises RecordError for what is none."""
    given = cfg.method.teacher
    folders = [given] if isinstance(given, str) else list(given or [])
    if not folders:
        raise RecordError(f"{KEY}=null: want the folder of a trained run, or several as a list")
    found = []
    for folder in [one for name in folders for one in matching(KEY, str(name))]:
        record, path = checkpoint_of(KEY, folder)
        if record["config"]["task"]["_target_"] != cfg.task._target_:
            raise RecordError(
                f"{KEY}={folder}: a run of task={record['axes']['task']}; want one of this run's own task"
            )
        found.append(path)
    return found


def identity(checkpoints: Sequence[Path]) -> list[str]:
    """What they are, wherever they lie: the first 16 hex digits of each file's SHA-256."""
    return [content_of(path) for path in checkpoints]
