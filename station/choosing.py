"""Which file of a run grades, and how large the device is."""

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from cli.arguments import refuse
from datamodules.base.errors import DataError
from datamodules.screens.screen_size import Size, given_screen
from sweeps.analysis.recommendation import advised_kind, in_apps
from sweeps.records.run_record import Record, RecordError, exported_bytes, read_record


def screen_given(data_set: DictConfig | None) -> Size | None:
    """The device's size that `profile=` has set; ends the command with one line for what is none."""
    try:
        return given_screen(data_set)
    except DataError as error:
        refuse(error)


def file_of(run: Path, kind: str | None) -> Path:
    """A .tflite file itself, or the named kind of a run's files; None takes one that was made for the station where the run has
    one that is sound, else the one that `advised_kind` gives, and of a run without files its folder.

    Raises RecordError where the run has no such file, or it is no longer the one that was scored.
    """
    if run.suffix == ".tflite":
        return run
    record = read_record(run)
    made = [name for name in record.get("exports", {}) if in_apps(record, name)]
    if kind is None and not made:
        return run
    wanted = kind or _own(record, made) or advised_kind(record)
    if wanted is None or wanted not in made:
        have = f"it has {', '.join(made)}" if made else "it has no files; `make export-tflite RUN=...` makes them"
        raise RecordError(f"{run}: no {wanted or 'int8'} file; {have}")
    exported_bytes(run, wanted)
    return run / str(record["exports"][wanted]["path"])


def _own(record: Record, made: Sequence[str]) -> str | None:
    """The first of a run's files that says which cells look like nothing in training (`metrics.unknown`) and loses nothing."""
    entries = {kind: record["exports"][kind] for kind in made}
    sound = [kind for kind, entry in entries.items() if "threshold" in entry.get("unknown", {}) and not entry["marked"]]
    return next(iter(sound), None)
