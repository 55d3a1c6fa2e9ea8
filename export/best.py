"""The files of a sweep's winner, under a path that can be typed."""

import os
import shutil
from pathlib import Path

from storage.inside import inside
from sweeps.records.run_record import Record


def keep_best(folder: Path, record: Record, runs: Path) -> Path:
    """Copies the files of a run and its `app/` to `<runs>/best/<its sweep>`, in place of what is there; gives the path.

    Args:
        folder: the run's.
        record: its record, which stays where it is.
        runs: where sweeps lie.

    """
    target = runs / "best" / folder.resolve().parent.name
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    for entry in (record.get("exports", {}) | record.get("unscored_files", {})).values():
        if "path" in entry:
            shutil.copy2(inside(folder, entry["path"]), unfinished)
    if (folder / "export" / "app").is_dir():
        shutil.copytree(folder / "export" / "app", unfinished / "app")
    shutil.rmtree(target, ignore_errors=True)
    unfinished.rename(target)
    return target
