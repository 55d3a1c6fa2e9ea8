"""From the station back into training: `python -m pipelines collect graded=<output of the station> data=<annotated folder>`.

Photos that a person has corrected, and those of the devices to look at first, are copied into the annotated folder, with their outline,
their device, what the network said and what the person said.
"""

import filecmp
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import hydra
from omegaconf import DictConfig

from annotation.log import Statement
from annotation.photos import PhotoFile, Photos
from annotation.pre_annotations import network_name
from annotation.profile import Device
from annotation.state import IMPORTED, PhotoState, plain_number
from annotation.store import Book
from choices import CONF
from cli.command_line import require_keys, stop_or_report
from cli.train_schema import register
from datamodules.base.errors import DataError
from datamodules.screens.device_rules import Rule
from datamodules.screens.photo_folder import photo_file
from datamodules.screens.profile import FILE
from station.captures import Captures, check_labels
from station.graded_folder import (
    CORRECTIONS,
    CorrectedPhoto,
    Corrections,
    Graded,
    GradedFolder,
    cells_of,
    chosen_photos,
    read_corrections,
    when,
)
from station.output_folder import SETTINGS
from storage.whole_file import replaced

register()


@dataclass
class Collected:
    """What has come into an annotated folder."""

    photos: list[str] = field(default_factory=list)
    """Copied, as the folder names them."""
    there: int = 0
    """Photos that it had already."""
    corrected: int = 0
    confirmed: int = 0
    """Cells."""
    to_grade: int = 0
    """Photos with cells that nobody has graded."""


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="collect")
def main(cfg: DictConfig) -> None:
    """Collects and says what came."""
    require_keys(cfg, graded="an output folder of python -m station grade", data="an annotated folder, or a new one")
    with stop_or_report(Path(cfg.graded)):
        data = Path(cfg.data)
        if not (Path(cfg.graded) / SETTINGS).exists() and any(Path(cfg.graded).glob("*.json")):
            captured(cfg, data)
            return
        graded = GradedFolder(Path(cfg.graded))
        given = [
            Path(one) for one in ([cfg.corrections] if isinstance(cfg.corrections, str) else cfg.corrections or ())
        ]
        if not given and (graded.folder / CORRECTIONS).exists():
            given = [graded.folder / CORRECTIONS]
        found = collect(graded, data, [read_corrections(one, graded) for one in given], cfg.most)
        print("\n".join(lines(found, graded, data)))


def captured(cfg: DictConfig, data: Path) -> None:
    """Of a folder with what the phone page has saved."""
    captures = Captures(Path(cfg.graded))
    if not cfg.annotator and captures.unsigned:
        raise DataError(
            f"graded={cfg.graded}: what the phone page saved does not say who corrected it; want annotator=<name>"
        )
    if cfg.corrections:
        raise DataError(
            f"corrections={cfg.corrections}: what was corrected on the phone page stands in its own files; want none"
        )
    made = captures.corrections(str(cfg.annotator or ""))
    check_labels(captures, made)
    print("\n".join(lines(collect(captures, data, made, cfg.most), captures, data)))


def collect(graded: Graded, data: Path, corrections: Sequence[Corrections], most: int) -> Collected:
    """Copies and says, in this order: a photo without labels is only another one to grade.

    Args:
        graded: what the station has said.
        data: the annotated folder; it may be new.
        corrections: what people have said to that, the latest last.
        most: devices to look at first of which the photos come as well.

    Raises DataError or AnnotationError before anything is written where something does not fit.

    """
    wanted = chosen_photos(graded, sorted(corrections, key=lambda one: one.time), most)
    if not wanted:
        raise DataError(
            f"graded={graded.folder}: nothing to collect: want corrections=<file that its contact sheet saved>, or most=1 or more"
        )
    missing = next((name for name in wanted if not (graded.base / name).is_file()), None)
    if missing is not None:
        raise DataError(f"{graded.base / missing}: was graded and is not there any more")
    device = Device(graded.device, tuple(Rule(one.grade, one.cells, tuple(one.of)) for one in graded.rules) or None)
    labels = graded.labels
    if (data / FILE).exists():  # refused before a photo is copied
        Book(Photos(data), labels, graded.grid, device, writes=False)
    found, names = Collected(), {}
    for name in wanted:
        names[name], is_new = _copied(graded, name, data)
        if is_new:
            found.photos.append(names[name])
        else:
            found.there += 1
    book = Book(Photos(data), labels, graded.grid, device)
    sources = {photo: device_name for device_name, photos in graded.photos_of.items() for photo in photos}
    known = [
        Statement(IMPORTED, 0, names[name], key, value)
        for name in wanted
        for key, value in (
            ("source_id", sources[name]),
            ("corners", _corners(graded.results[name]["corners"], book.photos[names[name]])),
        )
    ]
    said = []
    for made in sorted(corrections, key=lambda one: one.time):
        for one in made.photos:
            said += _said(made, one, graded, names[one.photo])
    with book.reading() as state:
        new = [one for one in said if not _is_said(state[one.photo], one)]
    book.say(new, known)
    found.corrected = sum(len(one.cells) for made in corrections for one in made.photos)
    found.confirmed = sum(one.field == "label" for one in said) - found.corrected
    with book.reading() as state:
        found.to_grade = sum(any(not state[name].label(cell) for cell in book.cells) for name in names.values())
    return found


def _copied(graded: Graded, name: str, data: Path) -> tuple[str, bool]:
    """The photo's name in the annotated folder, and whether it is new there."""
    source, base = graded.base / name, photo_file(data, "")
    if not data.exists():
        base = data / "photos"
    stem = f"{graded.base.parent.name if graded.base.name == 'photos' else graded.base.name}/{name}"
    for told in (name, stem, *(f"{number}/{stem}" for number in range(2, 1000))):
        target = base / told
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            with replaced(target) as unfinished:
                shutil.copyfile(source, unfinished)
            return told, True
        if filecmp.cmp(source, target, shallow=False):
            return told, False
    raise DataError(f"{base}: holds a thousand other photos named {name}")


def _corners(corners: Sequence[Sequence[float]], file: PhotoFile) -> str:
    """Within the photo: the outline that was found may lie a little outside."""
    ends = (file.width, file.height)
    return " ".join(
        plain_number(min(max(float(value), 0.0), ends[axis])) for point in corners for axis, value in enumerate(point)
    )


def _said(made: Corrections, one: CorrectedPhoto, graded: Graded, name: str) -> list[Statement]:
    labels, before = graded.labels, cells_of(graded.results[one.photo])
    now = {(cell.row, cell.col): cell.label for cell in one.cells}
    cells = before if one.confirmed else now
    network = network_name(Path(graded.network)) if Path(graded.network).exists() else graded.network
    said = []
    for cell in cells:
        proposed = f"{labels.index(before[cell])} {network}"
        label = str(labels.index(now.get(cell, before[cell])))
        said += [
            Statement(made.annotator, 1, name, field, value, cell, when(made))
            for field, value in (("label", label), ("proposed", proposed))
        ]
    return said


def _is_said(photo: PhotoState, one: Statement) -> bool:
    """Whether it stands so in the log already."""
    assert one.cell is not None
    there = photo.proposed if one.field == "proposed" else photo.votes
    return there.get(one.cell, {}).get((one.annotator, one.round)) == one.value


def lines(found: Collected, graded: Graded, data: Path) -> list[str]:
    """What the command says in the end."""
    there = f", {found.there} were there" if found.there else ""
    told = [f"{_count(len(found.photos), 'photo')} of {graded.folder} copied to {data}{there}"]
    if found.corrected or found.confirmed:
        told.append(
            f"{_count(found.corrected, 'cell')} corrected, {found.confirmed} confirmed: {data / 'annotations.csv'}"
        )
    if found.to_grade:
        told.append(f"{_count(found.to_grade, 'photo')} to grade: make annotate DATA={data} RUN={graded.network}")
    return told


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


if __name__ == "__main__":
    main()
