"""What a distillation asks of its teachers: trained runs, whose logits are computed once and kept."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from jobs.source_runs import checkpoint_of, content_of, matching
from sweeps.records.run_record import RecordError

if TYPE_CHECKING:
    pass


def teachers_of(cfg: DictConfig) -> list[Path]:
    """The checkpoints that `task.teacher` names: folders of runs, one or several. Raises RecordError for what is none."""
    given = cfg.task.teacher
    folders = [given] if isinstance(given, str) else list(given or [])
    if not folders:
        raise RecordError("task.teacher=null: want the folder of a trained run, or several as a list")
    found = []
    for folder in [one for name in folders for one in matching("task.teacher", str(name))]:
        record, path = checkpoint_of("task.teacher", folder)
        if (task := record["config"]["encoding"].get("task", "grading")) != "grading":
            raise RecordError(f"task.teacher={folder}: a run of task={task}; want one that grades")
        found.append(path)
    return found


def identity(checkpoints: Sequence[Path]) -> list[str]:
    """What they are, wherever they lie: the first 16 hex digits of each file's SHA-256."""
    return [content_of(path) for path in checkpoints]
