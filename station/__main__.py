"""Grades photographed phones: `python -m station grade photo=photo.jpg run=<folder>`, or `photos=<folder>`; `serve` does it over HTTP."""

import json
import sys
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig, OmegaConf

from choices import CONF
from cli.arguments import check_environment, refuse, room_command
from cli.command_line import require_keys, run_cli, stop_or_report
from cli.train_schema import register
from datamodules.screens.device_rules import given_rules
from metrics.cost import Cost, CostError
from station.choosing import file_of, screen_given
from storage.whole_file import write_whole

OF_ONE = ("corners", "json", "picture")
OF_A_FOLDER = ("output", "devices", "device_pattern", "jobs", "reference")

register()


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="grade")
def main(cfg: DictConfig) -> None:
    """Grades one photo, or a folder of them; exits with 1 where nothing could be graded."""
    _check(cfg)
    with stop_or_report(Path(cfg.run)):
        file = file_of(Path(cfg.run), cfg.file)

        from tasks.base import doubt_of

        if words := doubt_of(file):
            print(f"note: {words}")
        damage = file_of(Path(cfg.damage), None) if cfg.damage else None
        if cfg.photos is None:
            _grade_photo(cfg, file, damage)
        else:
            _grade_folder(cfg, file, damage)


def _check(cfg: DictConfig) -> None:
    """Ends the command with one line for settings that do not go together."""
    if cfg.photo is not None and cfg.photos is not None:
        refuse("photo= and photos=: want one of them, an image file or a folder of photos")
    if cfg.photo is None and not str(cfg.photos or "").strip():
        refuse("photo= is missing: want photo=<an image file>, or photos=<a folder of photos>")
    kind, foreign = ("photo", OF_A_FOLDER) if cfg.photos is None else ("photos", OF_ONE)
    if given := next((key for key in foreign if cfg[key] is not None), None):
        other = "photos=<a folder>" if kind == "photo" else "photo=<an image file>"
        refuse(f"{given}={cfg[given]}: goes with {other}, not with {kind}=")
    if cfg.devices is not None and cfg.device_pattern is not None:
        refuse("devices= and device_pattern=: want one of them; either says which photos show one device")
    if cfg.device_pattern is not None:
        from station.devices import pattern_of

        try:
            pattern_of(cfg.device_pattern)
        except ValueError as error:
            refuse(error)
    if cfg.cost is not None:
        try:
            Cost.read(_plain(cfg.cost))
        except CostError as error:
            refuse(error)
    screen_given(cfg.datamodule)
    require_keys(cfg, run="a run's folder or an exported .tflite file")


def _plain(value: Any) -> Any:
    """A setting without OmegaConf's types."""
    return OmegaConf.to_container(value) if OmegaConf.is_config(value) else value


def _grade_photo(cfg: DictConfig, file: Path, damage: Path | None) -> None:
    from station.photo_grader import grade_photo
    from station.picture import mark_of

    rules, corners = given_rules(cfg.datamodule), cfg.corners and list(cfg.corners)
    picture = Path(cfg.picture) if cfg.picture else None
    cost = _plain(cfg.cost)
    screen_mm = screen_given(cfg.datamodule)
    found = grade_photo(Path(cfg.photo), file, rules, corners, picture, cfg.least_cell_px, cost, damage, screen_mm)
    columns = 1 + max(cell["col"] for cell in found["cells"])
    texts = [cell["label"] + mark_of(cell) for cell in found["cells"]]
    width = max(map(len, texts))
    for at in range(0, len(texts), columns):
        print("  ".join(text.ljust(width) for text in texts[at : at + columns]).rstrip())
    if moved := [cell for cell in found["cells"] if cell["grade"] != cell["own_grade"]]:
        worse = sum(cell["grade"] > cell["own_grade"] for cell in moved)
        print(
            f"by what mistakes cost {worse} of {len(texts)} cells are graded worse than by the network, {len(moved) - worse} better"
        )
    if asked := sum(bool(cell["ask"]) for cell in found["cells"]):
        print(f"?: {asked} of {len(texts)} cells for a person to look at")
    if strange := sum(bool(cell["unknown"]) for cell in found["cells"]):
        print(f"!: {strange} of {len(texts)} cells look like nothing in training")
    for name in found["cells"][0]["marked"] or ():
        cells = [cell["marked"][name] for cell in found["cells"]]
        marked = sum(cell["share"] > 0 for cell in cells)
        length = f"{sum(cell['length'] for cell in cells):.2f} diagonals of a cell long"
        if "length_mm" in cells[0]:
            length += f", {sum(cell['length_mm'] for cell in cells):.0f} mm, {sum(cell['area_mm2'] for cell in cells):.1f} mm²"
        print(f"{name}: in {marked} of {len(cells)} cells, {length}")
    print(f"{found['grade']}: {found['reason']} ({found['seconds']:.2f} s, {file.name})")
    if cfg.json:
        write_whole(Path(cfg.json), json.dumps(found, indent=1))
        print(f"json: {cfg.json}")
    if cfg.picture:
        print(f"picture: {cfg.picture}")


def _grade_folder(cfg: DictConfig, file: Path, damage: Path | None) -> None:
    from datamodules.base.errors import DataError
    from station.folder_grading import grade_folder, lines
    from station.order import Order

    rules = given_rules(cfg.datamodule)
    photos = Path(cfg.photos)
    output = Path(cfg.output) if cfg.output else Path("graded", photos.resolve().name)
    devices = Path(cfg.devices) if cfg.devices else None
    reference = Path(cfg.reference) if cfg.reference else None
    order = Order(
        photos,
        output,
        file,
        rules,
        cfg.join,
        devices,
        cfg.device_pattern,
        cfg.least_cell_px,
        cfg.jobs,
        reference,
        cfg.false_alarms,
        _plain(cfg.cost),
        damage,
        screen_given(cfg.datamodule),
    )
    done = grade_folder(order)
    if not done.devices:
        first, why = next(iter(sorted(done.refused.items())))
        raise DataError(
            f"photos={photos}: none of {len(done.refused)} photos can be graded ({output / 'refused.csv'}); {first}: {why}"
        )
    print("\n".join(lines(done, output)))


def command() -> None:
    """Reads the word after the room's name."""
    check_environment()
    word = room_command("station")
    del sys.argv[1]
    if word == "serve":
        from web.station_serve import main as serve

        run_cli(serve, "station_api")
        return
    run_cli(main, "grade")


if __name__ == "__main__":
    command()
