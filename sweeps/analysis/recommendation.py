"""Which file to take for which budget: the front of a device, read from the person's end."""

import hashlib
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from metrics.against_baseline import beside_baseline, table_columns
from metrics.base import TaskMetrics
from metrics.intervals import bootstrap_interval
from metrics.lookup import metrics_of_frame
from sweeps.analysis.pareto import points
from sweeps.records.answers import AnswersError, read_answers, say_left_out
from sweeps.records.point_cache import PointCache
from sweeps.records.run_record import Record, read_record
from sweeps.tables.exported_files import file_rows
from sweeps.tables.foreign_files import FOREIGN, foreign_answers
from sweeps.tables.naming import REPEATS


@dataclass(frozen=True)
class Advice:
    """One file on the front: the most accurate one that takes no longer than it does."""

    name: str
    """Network and kind of file."""
    latency_ms: float
    """One image on the device."""
    size_bytes: float
    val: float
    """Accuracy on the validation set, by which it was chosen."""
    test: float | None
    """Accuracy, or Dice, on the test set, which chose nothing; None where there is none."""
    low: float
    """95 % bootstrap over sources of `test`, as `high`."""
    high: float
    images: int
    """Of the test set."""
    path: str
    """The file, relative to the sweep's folder; of several runs the one that is best on val. Of one from elsewhere what is known of it."""
    others: dict[str, float]
    """The task's other figures, on the test set, or where there is none on the validation set."""
    baseline: str
    """The constant answer and its figures on the same set."""
    command: str
    """What trains the same on all data, where the point was trained over folds; else empty."""
    doubt: str
    """Why the file may be of no use: it is not better than its baseline, or that cannot be told; empty for most."""
    runs: tuple[str, ...] = ()
    """Folders within the sweep's that have it, the best first."""
    kind: str = ""
    """Of the file; empty for one from elsewhere."""


def advise(sweep: Path, table: pd.DataFrame, files: pd.DataFrame, axes: list[str]) -> list[Advice]:
    """The front of one device, from fast to accurate.

    Args:
        sweep: the folder of the runs.
        table: points of one device as `front.points` gives them, with their `name`.
        files: as `collect_files` gives them.
        axes: columns that tell points apart.

    """
    metrics = metrics_of_frame(files)
    figure, device = f"val/{metrics.main}", str(table.device.iloc[0])
    keys = [name for name in [*axes, "file", "initial_weights"] if name in files and name not in REPEATS]
    cache = PointCache(sweep / (".advice." + hashlib.blake2b(device.encode(), digest_size=4).hexdigest() + ".kept"))
    found = []
    for _, point in table[table.front].iterrows():
        same = pd.Series(data=True, index=files.index)
        for name in keys:
            same &= files[name].isna() if pd.isna(point[name]) else files[name] == point[name]
        runs = files[same].drop_duplicates("run").sort_values(figure, ascending=metrics.direction == "min")
        folders, kind = [sweep / str(run).rpartition("/")[2] for run in runs.run], str(point.file)
        foreign = kind == FOREIGN
        if foreign:
            known = _judged(foreign_answers(sweep, list(runs.run)), folders, metrics) | {"command": ""}
        else:
            (known,) = cache.rows(
                [folder.name for folder in folders], f"{metrics.main} {kind}", partial(_of_runs, folders, kind, metrics)
            )
        sound = runs[runs.marked.fillna("") == ""] if "marked" in runs else runs
        path = f"{sound.iloc[0].run}.json" if foreign else f"{sound.iloc[0].run}/export/{point.file}.tflite"
        found.append(
            Advice(name=str(point["name"]), latency_ms=float(point.latency_ms), size_bytes=float(point.size_bytes),
                   val=float(point[figure]), path=path, runs=tuple(folder.name for folder in folders),
                   kind="" if foreign else kind, **known)
        )  # fmt: skip
    cache.keep()
    return found


def _of_runs(folders: list[Path], kind: str, metrics: TaskMetrics) -> list[dict[str, Any]]:
    """What is judged of one kind of some runs' files, as the one row of a cache."""
    return [_judged(_answers(folders, kind, metrics.unread), folders, metrics)]


def _judged(answers: pd.DataFrame, folders: list[Path], metrics: TaskMetrics) -> dict[str, Any]:
    """What a point's answers on the test set, or where there is none on the validation set, say; `record` in them: the place of its run."""
    tested = answers[answers.part == "test"] if len(answers) else answers
    test, low, high = None, np.nan, np.nan
    if len(tested):
        truth, given = metrics.truth_and_answers(tested)
        main = {metrics.main: metrics.figures[metrics.main]}
        test = main[metrics.main](truth, given)
        low, high = bootstrap_interval(truth, given, tested.source_id.to_numpy(str), main)[metrics.main]
    shown = tested if len(tested) else answers
    records = [_of_record(read_record(folder)) for folder in folders]
    beside = table_columns(None, None)
    others: dict[str, float] = {}
    if len(shown):
        beside = beside_baseline(shown, records, metrics)
        arrays = metrics.truth_and_answers(shown)
        others = {name: metrics.figures[name](*arrays) for name in metrics.file_columns if name in metrics.figures}
        others.pop(metrics.main, None)
    told = {"baseline": beside["baseline"], "command": whole_fit_command(records), "doubt": beside["doubt"]}
    return {"test": test, "low": low, "high": high, "images": len(tested), "others": others} | told


def _of_record(record: Record) -> Record:
    """What is asked of a record: a point may have thousands of runs."""
    return {name: record[name] for name in ("axes", "baseline", "overrides") if name in record}


def whole_fit_command(records: Sequence[Record]) -> str:
    """`python train.py … fit=all` with the words of some runs, which differ in fold and seed; empty for runs of one fold."""
    best = records[0]
    if len({record["axes"].get("fold") for record in records}) < 2 or "overrides" not in best:
        return ""
    left_out = ("fold", "fit", "export", "overwrite", "retry_failed")
    words = [word for word in best["overrides"] if word.lstrip("+").partition("=")[0] not in left_out]
    return f"python train.py {shlex.join([*words, 'fit=all', 'export=all'])}"


def _answers(runs: list[Path], file: str, unread: Collection[str]) -> pd.DataFrame:
    """All answers of one kind of file; column `record`: the place of its run."""
    known = {at: path for at, run in enumerate(runs) if (path := run / "export" / "predictions.parquet").is_file()}
    if not known:
        return pd.DataFrame()
    try:
        answers = read_answers(list(known.values()), unread, file=[file] * len(known))
    except AnswersError as error:
        say_left_out(error)
        return pd.DataFrame()
    return answers.assign(record=np.array(list(known))[answers.record])


def in_apps(record: Record, kind: str) -> bool:
    """Whether the station and the phone page run a run's file of that kind: they take TFLite alone."""
    return str(record.get("exports", {}).get(kind, {}).get("path", "")).endswith(".tflite")


def advised_kind(record: Record) -> str | None:
    """The kind of a run's .tflite files that is taken where none is named: the fastest one that may be recommended (see `points`).

    By the timings of one device, this computer's where it has any; of files that nobody has timed int8, if it keeps its
    accuracy, else float32. Of a network that was trained on all data, which has no validation set, all files that are not marked
    count as equally good. None for a run without files.
    """
    rows = pd.DataFrame([row for row in file_rows("", record) if in_apps(record, row["file"])])
    if not len(rows):
        return None
    main = f"val/{metrics_of_frame(rows).main}"
    rows = rows if main in rows else rows.assign(**{main: 0.0})
    timed = rows[rows.latency_ms.notna()]
    if not len(timed):
        kinds = list(rows[rows.marked == ""].file) or list(rows.file)
        return next((kind for kind in ("int8", "float32") if kind in kinds), str(kinds[0]))
    table = points(timed[timed.device == timed.device.iloc[0]], [])
    sound = table[table.left_out == ""]
    return str((sound if len(sound) else table).file.iloc[0])
