"""Files from elsewhere that were scored beside a sweep's runs: `foreign/<name>/<run>.json` and its answers, in the sweep's folder."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from metrics.against_baseline import table_columns
from metrics.lookup import default_task, metrics_of
from storage.whole_file import replaced, write_whole
from sweeps.records.latency import timing_columns
from sweeps.records.run_record import Record, RecordError

FOREIGN = "foreign"
"""Where a table names the kind of a run's file; and the folder's name."""


def foreign_run(name: str, run: str) -> str:
    """What stands under `run` in tables, for a file scored on the data of a run."""
    return f"{FOREIGN}/{name}/{run}"


def keep_foreign(sweep: Path, name: str, run: str, entry: Record, answers: pd.DataFrame) -> Path:
    """Writes what a file was found to be worth, in place of what was known of it; gives the path."""
    path = sweep / f"{foreign_run(name, run)}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced(path.with_suffix(".parquet")) as unfinished:
        answers.to_parquet(unfinished, index=False)
    write_whole(path, json.dumps(entry, indent=1) + "\n")
    return path


def foreign_entry(sweep: Path, name: str, run: str) -> Record:
    """What is known of a file; empty where nothing is. Raises RecordError for what cannot be read."""
    path = sweep / f"{foreign_run(name, run)}.json"
    if not path.exists():
        return {}
    try:
        entry = json.loads(path.read_text())
        if not isinstance(entry, dict) or not isinstance(entry["axes"], dict) or not isinstance(entry["latency"], list):
            raise TypeError("axes and latency are missing")
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise RecordError(f"{path}: not what `python -m export score` writes ({error})") from None
    return dict(entry)


def foreign_answers(sweep: Path, runs: list[str]) -> pd.DataFrame:
    """All answers of a file, of `foreign_run`s; column `record`: the place of its run."""
    found = [pd.read_parquet(sweep / f"{run}.parquet").assign(record=at) for at, run in enumerate(runs)]
    return pd.concat(found) if found else pd.DataFrame()


def foreign_rows(sweep: Path) -> list[dict[str, Any]]:
    """Rows of `collect_files` for them: `file` is FOREIGN, `backbone` the file's name behind that word."""
    rows: list[dict[str, Any]] = []
    for path in sorted((sweep / FOREIGN).glob("*/*.json")):
        try:
            entry = foreign_entry(sweep, path.parent.name, path.stem)
        except RecordError:
            continue
        figures = {name: value for name, value in entry.items() if "/" in name and isinstance(value, int | float)}
        figures |= metrics_of(str(entry["axes"].get("task", default_task()))).derived(entry)
        about = {"run": foreign_run(path.parent.name, path.stem), **entry["axes"], "initial_weights": ""}
        about |= {"file": FOREIGN, "size_bytes": entry["size_bytes"], "same": entry.get("agreement", np.nan)}
        about |= {"checkpoint": "", "marked": "", "arm_same": np.nan, "arm_machine": "", **table_columns(None, None)}
        rows += [about | timing_columns(timed) | figures for timed in entry["latency"] or [{}]]
    return rows


def with_foreign(sweep: Path, files: pd.DataFrame) -> pd.DataFrame:
    """The table of the runs' own files, and behind them the files from elsewhere."""
    rows = foreign_rows(sweep)
    if not rows:
        return files
    return pd.concat([files, pd.DataFrame(rows)], ignore_index=True) if len(files) else pd.DataFrame(rows)
