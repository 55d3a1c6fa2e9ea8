"""Files that a run has: its data for them, and checks of files that were made before."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from datamodules.base.samples import Samples
from export.check import Check, checked
from export.runtime import of_file
from export.trial import try_out
from sweeps.records.checkpoints import checkpoint_file
from sweeps.records.run_record import Record, exported_bytes, read_record, update_record
from tasks.base import metrics_of_record, task_of_record
from training.finished_run import load_run, load_samples


def samples_of(record: Record, root: str | None, cache: str | None) -> Samples:
    """The run's data, divided as it was for training."""
    samples = load_samples(record, root, cache)
    if "whole_fit" in record:
        samples.merge_parts(keep_test=record["whole_fit"]["own_test_set"])
    return samples


def check_files(
    folder: Path,
    kinds: Sequence[str],
    checks: Mapping[str, Check],
    *,
    root: str | None = None,
    cache: str | None = None,
) -> dict[str, Any]:
    """Checks files that have been made, and enters what each check found; returns their entries in the record.

    Args:
        folder: the run's.
        kinds: of its files.
        checks: by name, all of them ready.
        root, cache: where the data lies now, None for where the record says.

    Raises RecordError, CheckpointError or DataError.

    """
    record = read_record(folder)
    samples, metrics = samples_of(record, root, cache), metrics_of_record(record)
    for checkpoint in {record["exports"][kind]["checkpoint"] for kind in kinds}:
        module = load_run(record, checkpoint_file(folder, record, checkpoint))
        resolution = int(record["config"]["resolution"])
        comparison = task_of_record(record).file_comparison.by(module, samples, resolution)
        for kind in [one for one in kinds if record["exports"][one]["checkpoint"] == checkpoint]:
            data = exported_bytes(folder, kind)
            with of_file(folder / "export" / f"{kind}.tflite"):  # the run may come from elsewhere
                try_out(data)
            found = checked(data, checks, comparison, metrics)

            def entered(old: Record, kind: str = kind, found: dict[str, Any] = found) -> Record:
                return old | {"exports": old["exports"] | {kind: old["exports"][kind] | found}}

            update_record(folder, entered)
    entries = read_record(folder)["exports"]
    return {kind: entries[kind] for kind in kinds}


def earlier_predictions(target: Path, record: Record, entries: Mapping[str, Any]) -> pd.DataFrame | None:
    """The files' answers in `target` of the kinds that the record has and that were not made just now, `entries`."""
    path = target / "predictions.parquet"
    known = record.get("exports", {}).keys() - entries.keys()
    if not known or not path.exists():
        return None
    old = pd.read_parquet(path)
    return old[old.file.isin(known)]
