"""Grades a photographed phone: `python -m station grade photo=photo.jpg run=<folder> json=out.json`."""

import json
import sys
from pathlib import Path

import hydra
from omegaconf import DictConfig, OmegaConf

from choices import CONF
from cli.arguments import check_environment, room_command
from cli.command_line import require_keys, run_cli, stop_or_report
from cli.train_schema import register
from storage.whole_file import write_whole
from sweeps.analysis.recommendation import advised_kind, in_apps
from sweeps.records.run_record import RecordError, exported_bytes, read_record

register()


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="grade")
def main(cfg: DictConfig) -> None:
    """Prints the grid of labels and the device's grade; writes the JSON where one is asked for."""
    require_keys(cfg, photo="an image file", run="a run's folder or an exported .tflite file")
    with stop_or_report(Path(cfg.run)):
        file = file_of(Path(cfg.run), cfg.file)

        from station.device_grade import grade_photo
        from tasks.base import doubt_of

        if words := doubt_of(file):
            print(f"note: {words}")
        rules, corners = OmegaConf.to_container(cfg.rules), cfg.corners and list(cfg.corners)
        picture = Path(cfg.picture) if cfg.picture else None
        found = grade_photo(Path(cfg.photo), file, rules, corners, picture)  # type: ignore[arg-type]
        columns = 1 + max(cell["col"] for cell in found["cells"])
        width = max(len(cell["label"]) for cell in found["cells"])
        for at in range(0, len(found["cells"]), columns):
            print("  ".join(cell["label"].ljust(width) for cell in found["cells"][at : at + columns]).rstrip())
        print(f"{found['grade']} ({found['seconds']:.2f} s, {file.name})")
        if cfg.json:
            write_whole(Path(cfg.json), json.dumps(found, indent=1))
            print(f"json: {cfg.json}")
        if cfg.picture:
            print(f"picture: {cfg.picture}")


def file_of(run: Path, kind: str | None) -> Path:
    """A .tflite file itself, or the named kind of a run's files; None takes the one that `advised_kind` gives, and of a run
    without files its folder.

    Raises RecordError where the run has no such file, or it is no longer the one that was scored.
    """
    if run.suffix == ".tflite":
        return run
    record = read_record(run)
    made = [name for name in record.get("exports", {}) if in_apps(record, name)]
    if kind is None and not made:
        return run
    wanted = kind or advised_kind(record)
    if wanted is None or wanted not in made:
        have = f"it has {', '.join(made)}" if made else "it has no files; `make export-tflite RUN=...` makes them"
        raise RecordError(f"{run}: no {wanted or 'int8'} file; {have}")
    exported_bytes(run, wanted)
    return run / str(record["exports"][wanted]["path"])


def command() -> None:
    """Reads the word after the room's name."""
    check_environment()
    room_command("station")
    del sys.argv[1]
    run_cli(main, "grade")


if __name__ == "__main__":
    command()
